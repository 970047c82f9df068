"""A model that carries its card: a copy whose own metadata say how it is fed and read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
from edgerun.runtime.registry import Registry
from edgerun.tensors import Arrays
from edgerun.tools.plugins_in_use import OPENING_OPTIONS, in_use, taken

__all__ = ["embed"]

ALTERNATIVE = "keep the card beside it, in a sidecar: edgerun inspect MODEL --write-sidecar"

SOURCES_IN_FILE = (f"{edgerun.DIALECT.name} metadata", "the file's input")
"""Of the fields of a card that a file carries."""

NOT_COMPARED = ("edgerun", "sources")
"""Of a card's fields: what differs in a copy."""


def embed(
    model: str | Path,
    target: str | Path | None = None,
    *,
    force: bool = False,
    registry: Registry | None = None,
    **options: Any,
) -> Path:
    """Write a copy of a model that carries its card.

    The copy is opened and run before it takes its place: it must read its card back, field by field, and compute what
    the model computes.

    Args:
        model: as `Detector.load` takes it.
        target: where the copy goes; None for the place of the model itself.
        force: whether what is there may be overwritten.
        registry: plugins to use; None for all that are installed.
        options: of `Detector.load`.

    Returns:
        The copy's path.

    Raises:
        InputError: something is there already, or cannot be written.
        ModelError: this kind of file has no place for a card.
        EdgerunError: the model is refused, so there is nothing to write.
    """
    path = models.find(model)
    place = path if target is None else Path(target)
    _demand_free_place(path, place, target is None, force)
    opening = taken(options, *OPENING_OPTIONS)
    registry = in_use(registry)
    format, writer = _writer(path, registry)  # before anything is opened
    _demand_suffix(path, place, format)
    opened = open_model(path, registry=registry, **opening)
    try:
        with Detector.load(opened, **options) as detector:
            original = _Behaviour.of(detector)
    finally:
        opened.close()
    opening |= {"backend": opened.backend.name, "registry": registry}
    try:
        with _beside(place, path.name) as made:
            writer.embed(path, _metadata(original.card), made)
            with Detector.load(made, **opening) as detector:
                _demand_same(original, _Behaviour.of(detector))
            _remove_folder(place)
            made.replace(place)
    except OSError as cause:
        raise InputError(f"{place} cannot be written: {cause.strerror}.", hint="choose another place") from cause
    return place


@dataclass(frozen=True)
class _Behaviour:
    """What a copy must not change.

    Attributes:
        card: how the model is fed and read.
        outputs: of a run on a synthetic image.
    """

    card: ModelCard
    outputs: Arrays

    @staticmethod
    def of(detector: Detector) -> _Behaviour:
        image = picture("textured", detector.card.height, detector.card.width)
        return _Behaviour(detector.card, detector.session.run(detector.feed(image)))

    @property
    def fields(self) -> Mapping[str, Any]:
        """Of the card, as JSON gives them back."""
        fields: dict[str, Any] = json.loads(json.dumps(sidecar.as_fields(self.card)))
        return fields


def _demand_same(original: _Behaviour, copy: _Behaviour) -> None:
    """See that the copy says and computes the same.

    Raises:
        ModelError: it does not.
    """
    strange = [name for name in _different(original, copy) if name not in NOT_COMPARED]
    if strange or original.outputs.keys() != copy.outputs.keys():
        raise ModelError(f"The copy of the model does not give back {', '.join(strange)}.", hint=ALTERNATIVE)
    for name, output in original.outputs.items():
        if not np.allclose(output, copy.outputs[name], rtol=1e-4, equal_nan=True):
            raise ModelError("The copy of the model does not compute what the model does.", hint=ALTERNATIVE)


def _different(original: _Behaviour, copy: _Behaviour) -> Iterator[str]:
    """Fields of the card that do not have their value from the copy's own file."""
    copied = copy.fields
    for name, value in original.fields.items():
        if copied.get(name) != value or copy.card.source(name) not in SOURCES_IN_FILE:
            yield name


def _metadata(card: ModelCard) -> dict[str, str]:
    metadata = {edgerun.KEY: json.dumps(sidecar.as_fields(card), ensure_ascii=False)}
    if card.labels:
        metadata["names"] = repr(dict(enumerate(card.labels)))  # as Ultralytics writes it, and many tools read it
    return metadata


# ------------------------------------------------------------------------------------------- places


def _demand_free_place(path: Path, place: Path, itself: bool, force: bool) -> None:
    package = path.is_dir() and (place / "Manifest.json").is_file()
    if place.is_dir() and not package:  # which must not be removed to make room
        raise InputError(f"{place} is a folder.", hint=f"name the copy too, such as {place / path.name}")
    if force or not place.exists():
        return
    if itself or place.resolve() == path.resolve():
        raise InputError(f"The card would be written into {path} itself.", hint="name a copy with --output, or --force")
    raise InputError(f"{place} is there already.", hint="name another file, or pass --force")


def _demand_suffix(path: Path, place: Path, format: str) -> None:
    if place != path and mismatch(place, format):
        raise InputError(
            f"{place} is named like another format than {format}.", hint=f"name it {place.stem}{path.suffix}"
        )


def _writer(path: Path, registry: Registry) -> tuple[str, WritesMetadata]:
    """The format of this file, and the backend that can write it."""
    with identify(path, registry.backends) as found:
        format = found.format
    if found.is_packed:
        raise InputError(f"{path} is an archive.", hint="unpack it and name the model in it")
    for backend in registry.backends_for(format):
        if isinstance(backend, WritesMetadata):
            return format, backend
    raise ModelError(f"{path} is of the format {format}, which has no place for a card.", hint=ALTERNATIVE)


@contextmanager
def _beside(place: Path, name: str) -> Iterator[Path]:
    """A path beside a place, so that taking the place is one step; what is left there is removed."""
    made = place.with_name(f".edgerun-{os.getpid()}-{name}")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield made
    finally:
        _remove_folder(made)
        made.unlink(missing_ok=True)


def _remove_folder(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
