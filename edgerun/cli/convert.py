"""edgerun convert: a model of another runtime as an ONNX file that loads with the same card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edgerun.cli.common import AsJson, Debug, door, facts, print_json
from edgerun.cli.options import takes_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgerun.contract import Backend
    from edgerun.runtime.registry import Registry

__all__ = ["command"]


@takes_model
def command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A .mlpackage or .mlmodel, or what an installed plugin converts.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .onnx file to write.")],
    load: dict[str, Any],
    preprocess: Annotated[
        Literal["card", "graph"],
        typer.Option(
            help="Leave the input as the network has it and tell on the card, or take bytes [1, H, W, 3], "
            "red-green-blue, and do the rest in the graph."
        ),
    ] = "card",
    force: Annotated[bool, typer.Option("--force", metavar="", help="Overwrite a file that is there.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write a Core ML model as ONNX, computing the same, with its card inside."""
    with door(as_json=as_json, debug=debug):
        from edgerun import models
        from edgerun.contract import ConvertsToOnnx
        from edgerun.errors import InputError, ModelUnreadable, translated
        from edgerun.runtime import installed

        registry = installed.registry()
        converters = _converters(registry)
        _check_place(out, force)
        path = models.find(model)
        backend = _converter(path, registry, converters)
        assert isinstance(backend, ConvertsToOnnx)
        opening = {"backend": backend.name, "delegate": backend.conversion_delegate, **load}
        card, note = _card(path, opening)
        hint = "export it to ONNX from where it was trained"
        with translated(ModelUnreadable, f"{path} cannot be converted", hint=hint):
            try:
                written = backend.convert(path, out, preprocess, card)
            except OSError as cause:  # the model was read before
                raise InputError(f"{out} cannot be written: {cause.strerror}.", hint="choose another place") from cause
        size = written.stat().st_size
        if as_json:
            content = {"model": str(path), "written": str(written), "bytes": size, "card": card is not None}
            print_json(content | {"note": note})
        else:
            facts([("written", f"{written} ({size / 1e6:.1f} MB)"), ("note", note)])


def _check_place(out: Path, force: bool) -> None:
    from edgerun.errors import InputError

    if out.suffix.lower() != ".onnx":  # so the model itself is never written over either
        raise InputError(f"{out} is not named like an ONNX model.", hint=f"name it {out.with_suffix('.onnx')}")
    if out.is_dir():
        raise InputError(f"{out} is a folder.", hint="name the file to write")
    if out.exists() and not force:
        raise InputError(f"{out} is there already.", hint="name another file, or pass --force")


def _converters(registry: Registry) -> Sequence[Backend]:
    """The installed backends that convert models. Raises :class:`BackendMissing` if there is none."""
    from edgerun.contract import ConvertsToOnnx
    from edgerun.errors import BackendMissing

    found = [backend for backend in registry.backends if isinstance(backend, ConvertsToOnnx)]
    if not found:
        raise BackendMissing("Converting needs the plugin edgerun-coreml.", hint='pip install "edgerun[coreml]"')
    return found


def _converter(path: Path, registry: Registry, converters: Sequence[Backend]) -> Backend:
    """The first backend that converts models of this format. Raises :class:`ModelUnreadable` if there is none."""
    from edgerun.errors import ModelUnreadable
    from edgerun.formats.identify import identify

    with identify(path, registry.backends) as found:
        format = found.format
    for backend in converters:
        if format in backend.formats:
            return backend
    formats = sorted({name for backend in converters for name in backend.formats})
    raise ModelUnreadable(
        f"{path} is {format}; what can be converted is {', '.join(formats)}.",
        hint=f"name a {' or a '.join(f'.{name}' for name in formats)}",
    )


def _card(path: Path, opening: dict[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The card's fields as edgerun would load the model, or None; and a note for the user, "" if none is needed."""
    from edgerun.card.sidecar import as_fields
    from edgerun.detector import Detector
    from edgerun.errors import DecoderAmbiguous, DecoderUnknown

    try:
        with Detector.load(path, **opening) as detector:
            return as_fields(detector.card), ""
    except (DecoderUnknown, DecoderAmbiguous) as refusal:
        return None, f"it is not a detector that edgerun reads, so the card says little: {refusal.message}"
