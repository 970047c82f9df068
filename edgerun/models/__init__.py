"""Models that come with edgerun, reached by their names wherever a model path is taken."""

from __future__ import annotations

from pathlib import Path

from edgerun.errors import ModelUnreadable

__all__ = ["NAMES", "find"]

FOLDER = Path(__file__).parent
NAMES = {"codes": FOLDER / "codes.onnx"}
"""name -> file. "codes" finds QR codes, Data Matrix, Aztec and PDF417; codes.md tells all about it."""


def find(model: str | Path) -> Path:
    """The file of a model: a path, or the name of a model of ours where no file of that name exists.

    Raises:
        ModelUnreadable: a bare name that is neither.
    """
    path = Path(model)
    if model in NAMES and not path.is_file():  # a folder of that name is not meant: NAMES are single files
        return NAMES[str(model)]
    is_bare_name = path.name == model and not path.suffix
    if is_bare_name and not path.exists():
        raise ModelUnreadable(
            f"There is no file and no model named {model}.",
            hint=f"models that come with edgerun: {', '.join(sorted(NAMES))}; else give the path of a model file",
        )
    return path
