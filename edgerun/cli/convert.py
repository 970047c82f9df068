"""edgerun convert: a Core ML model as an ONNX file that loads with the same card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edgerun.cli.common import AsJson, Debug, door, facts, print_json
from edgerun.cli.options import takes_model

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["command"]

FORMATS = ("mlpackage", "mlmodel")


@takes_model
def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A .mlpackage or .mlmodel.")],
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
        from edgerun.errors import InputError, ModelUnreadable, translated

        converter = _converter()
        _check_place(out, force)
        path, card, note = _card(model, load)
        hint = "run it on a Mac, or export it to ONNX from where it was trained"
        with translated(ModelUnreadable, f"{path} cannot be converted", hint=hint):
            try:
                written = converter.convert(path, out, preprocess, card=card)
            except OSError as cause:  # the model was read before
                raise InputError(f"{out} cannot be written: {cause.strerror}.", hint="choose another place") from cause
        content = {
            "model": str(path),
            "written": str(written),
            "bytes": written.stat().st_size,
            "card": card is not None,
        }
        if as_json:
            print_json(content | {"note": note})
        else:
            facts([("written", f"{written} ({written.stat().st_size / 1e6:.1f} MB)"), ("note", note)])


def _check_place(out: Path, force: bool) -> None:
    from edgerun.errors import InputError

    if out.suffix.lower() != ".onnx":  # so the model itself is never written over either
        raise InputError(f"{out} is not named like an ONNX model.", hint=f"name it {out.with_suffix('.onnx')}")
    if out.is_dir():
        raise InputError(f"{out} is a folder.", hint="name the file to write")
    if out.exists() and not force:
        raise InputError(f"{out} is there already.", hint="name another file, or pass --force")


def _converter() -> Any:
    from importlib import import_module

    from edgerun.errors import BackendMissing

    try:
        return import_module("edgerun_coreml")
    except ImportError as cause:
        raise BackendMissing(
            "Converting needs the plugin edgerun-coreml.", hint='pip install "edgerun[coreml]"'
        ) from cause


def _card(model: str, load: dict[str, Any]) -> tuple[Path, Mapping[str, Any] | None, str]:
    """The path, the card's fields as edgerun would load the model, and what is to be said of them."""
    from edgerun import models
    from edgerun.card.sidecar import as_fields
    from edgerun.detector import Detector
    from edgerun.errors import DecoderAmbiguous, DecoderUnknown, ModelUnreadable
    from edgerun.formats import sniff

    path = models.find(model)
    format = sniff.sniff(path)
    if format not in FORMATS:
        raise ModelUnreadable(f"{path} is no Core ML model, but {format}.", hint="name a .mlpackage or a .mlmodel")
    try:
        with Detector.load(path, **{"backend": "coreml", "delegate": "onnxruntime", **load}) as detector:
            return path, as_fields(detector.card), ""
    except (DecoderUnknown, DecoderAmbiguous) as refusal:
        return path, None, f"it is no detector that edgerun reads, so the card says little: {refusal.message}"
