"""A model that carries its card: a copy whose own metadata say how it is fed and read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from edgerun import models
from edgerun.card import ModelCard, sidecar
from edgerun.contract import WritesMetadata
from edgerun.detector import Detector, open_model
from edgerun.dialects import edgerun
from edgerun.errors import InputError, ModelError
from edgerun.formats.identify import identify
from edgerun.formats.known import mismatch
from edgerun.media.synthetic import picture
from edgerun.runtime import installed
from edgerun.runtime.registry import Registry

__all__ = ["embed"]

ALTERNATIVE = "keep the card beside it, in a sidecar: edgerun inspect MODEL --write-sidecar"


def embed(
    model: str | Path,
    target: str | Path | None = None,
    *,
    force: bool = False,
    registry: Registry | None = None,
    **options: Any,
) -> Path:
    """Write a copy of a model that carries its card; gives its path.

    The copy is opened and run before it takes its place: it must read its card back, field by field, and compute what
    the model computes.

    Args:
        model: as `Detector.load` takes it.
        target: where the copy goes; None for the place of the model itself.
        force: whether what is there may be overwritten.
        registry: who is in the house; None for everybody who is installed.
        options: of `Detector.load`.

    Raises:
        InputError: something is there already, or cannot be written.
        ModelError: this kind of file has no place for a card.
        EdgerunError: the model is refused, so there is nothing to write.
    """
    path = models.find(model)
    place = path if target is None else Path(target)
    _check_place(path, place, target is None, force)
    opening: dict[str, Any] = {
        name: options.pop(name) for name in ("delegate", "strict", "threads", "backend") if name in options
    }
    registry = installed.registry() if registry is None else registry
    format, writer = _writer(path, registry)  # before anything is opened
    if mismatch(place, format) and place != path:
        raise InputError(
            f"{place} is named like another format than {format}.", hint=f"name it {place.stem}{path.suffix}"
        )
    opened = open_model(path, registry=registry, **opening)
    try:
        with Detector.load(opened, **options) as detector:
            card = detector.card
            before = detector.session.run(detector.feed(picture("textured", card.height, card.width)))
    finally:
        opened.close()
    made = place.with_name(f".edgerun-{os.getpid()}-{path.name}")  # beside its place, so that taking it is one step
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            writer.embed(path, _metadata(card), made)
            _check(made, card, before, {**opening, "backend": opened.backend.name, "registry": registry})
            _take(made, place)
        finally:
            _remove(made)
    except OSError as cause:
        raise InputError(f"{place} cannot be written: {cause.strerror}.", hint="choose another place") from cause
    return place


def _check_place(path: Path, place: Path, itself: bool, force: bool) -> None:
    package = path.is_dir() and (place / "Manifest.json").is_file()
    if place.is_dir() and not package:  # which must not be removed to make room
        raise InputError(f"{place} is a folder.", hint=f"name the copy too, such as {place / path.name}")
    if force or not place.exists():
        return
    if itself or place.resolve() == path.resolve():
        raise InputError(f"The card would be written into {path} itself.", hint="name a copy with --output, or --force")
    raise InputError(f"{place} is there already.", hint="name another file, or pass --force")


def _writer(path: Path, registry: Registry) -> tuple[str, WritesMetadata]:
    """The format of this file, and who can write it."""
    with identify(path, registry.backends) as found:
        format = found.format
    if found.is_packed:
        raise InputError(f"{path} is an archive.", hint="unpack it and name the model in it")
    for backend in registry.backends_for(format):
        if isinstance(backend, WritesMetadata):
            return format, backend
    raise ModelError(f"{path} is of the format {format}, which has no place for a card.", hint=ALTERNATIVE)


def _metadata(card: ModelCard) -> dict[str, str]:
    metadata = {edgerun.KEY: json.dumps(sidecar.as_fields(card), ensure_ascii=False)}
    if card.labels:
        metadata["names"] = repr(dict(enumerate(card.labels)))  # as Ultralytics writes it, and many tools read it
    return metadata


def _check(made: Path, card: ModelCard, before: Any, opening: dict[str, Any]) -> None:
    """See that the copy says and computes the same.

    Raises:
        ModelError: it does not.
    """
    with Detector.load(made, **opening) as detector:
        told, read = (json.loads(json.dumps(sidecar.as_fields(one))) for one in (card, detector.card))
        strange = [
            name
            for name, value in told.items()
            if name not in ("edgerun", "sources")
            and (read.get(name) != value or not _from_the_file(detector.card.source(name)))
        ]
        after = detector.session.run(detector.feed(picture("textured", card.height, card.width)))
    if strange or before.keys() != after.keys():
        raise ModelError(f"The copy of the model does not give back {', '.join(strange)}.", hint=ALTERNATIVE)
    if not all(np.allclose(before[name], after[name], rtol=1e-4, equal_nan=True) for name in before):
        raise ModelError("The copy of the model does not compute what the model does.", hint=ALTERNATIVE)


def _from_the_file(source: str) -> bool:
    return source in (f"{edgerun.DIALECT.name} metadata", "the file's input")


def _take(made: Path, place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    made.replace(place)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
