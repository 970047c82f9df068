"""The dialect of Triton Inference Server: config.pbtxt in a model repository, for the names of classes alone.

Read where the model lies as <name>/<version>/model.onnx below <name>/config.pbtxt: output { label_filename }, a file in
<name>. How images are fed is left to Triton's clients, so that nothing else is there to be read.
Not read: dims and data types (the graph has them), batching, instance groups, everything of scheduling.
Source: https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
and model_repository.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import pbtxt, sibling_files
from edgerun.dialects.readers.fields import some

__all__ = ["DIALECT"]


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    if not path.parent.name.isdigit():
        return {}
    folder = path.parent.parent
    config = _config(folder / "config.pbtxt")
    if path.name not in (*config.get("default_model_filename", ()), f"model{path.suffix}"):
        return {}
    named: set[Any] = set()
    for output in config.get("output", ()):
        named.update(output.get("label_filename", ()))
    if len(named) != 1:  # which labels are meant, only clients know
        return {}
    return some(labels=sibling_files.label_file(folder, named.pop()))


def _config(file: Path) -> dict[str, list[Any]]:
    content = sibling_files.text(file, "label_filename")
    try:
        return pbtxt.parse(content)
    except ValueError as cause:
        raise ValueError(f"config.pbtxt cannot be read: {cause}") from cause


DIALECT = Dialect("triton", _read)
