"""Core ML models on any machine.

import edgerun_coreml
model = edgerun_coreml.load("model.mlpackage")
model.predict({"image": image})                      # as coremltools' MLModel.predict does on a Mac
edgerun_coreml.convert("model.mlpackage", "model.onnx")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgerun import hookimpl
from edgerun.contract import Backend

if TYPE_CHECKING:
    from edgerun_coreml.conversion import convert
    from edgerun_coreml.errors import CoreMLError, ModelDamaged, ModelUnsupported
    from edgerun_coreml.running.predict import CoreMLModel, load
    from edgerun_coreml.running.states import State

__all__ = ["CoreMLError", "CoreMLModel", "ModelDamaged", "ModelUnsupported", "State", "convert", "load"]

_HOMES = {
    "CoreMLError": "errors",
    "CoreMLModel": "running.predict",
    "ModelDamaged": "errors",
    "ModelUnsupported": "errors",
    "State": "running.states",
    "convert": "conversion",
    "load": "running.predict",
}


def __getattr__(name: str) -> Any:
    """Public names are fetched when they are first used: registering the backend imports no runtime."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'edgerun_coreml' has no attribute {name!r}")
    return getattr(import_module(f"edgerun_coreml.{home}"), name)


@hookimpl
def edgerun_register_backends() -> list[Backend]:
    """Core ML."""
    from edgerun_coreml.backend import CoreMLBackend

    return [CoreMLBackend()]
