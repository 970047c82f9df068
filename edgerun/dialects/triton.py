"""The dialect of Triton Inference Server: config.pbtxt in a model repository, for the names of classes alone.

Read where the model lies as <name>/<version>/model.onnx below <name>/config.pbtxt: output { label_filename }, a file in
<name>. How pictures are fed is left to Triton's clients, so that nothing else is there to be read.
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

__all__ = ["DIALECT"]


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    folder = path.parent.parent
    if not path.parent.name.isdigit():
        return {}
    content = sibling_files.text(folder / "config.pbtxt", "label_filename")
    if not content:
        return {}
    try:
        config = pbtxt.parse(content)
    except ValueError as cause:
        raise ValueError(f"config.pbtxt cannot be read: {cause}") from cause
    if path.name not in (*config.get("default_model_filename", ()), f"model{path.suffix}"):
        return {}
    named = {entry for output in config.get("output", ()) for entry in output.get("label_filename", ())}
    labels = sibling_files.label_file(folder, named.pop()) if len(named) == 1 else None
    return {"labels": labels} if labels else {}


DIALECT = Dialect("triton", _read)
