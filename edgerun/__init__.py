"""edgerun runs any exported object detector on any edge runtime with the same app code.

from edgerun import Detector
detector = Detector.load("model.onnx")
for d in detector("street.jpg"):
    print(d.label, d.score, d.box)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgerun.card import ModelCard
    from edgerun.detections import Detection, Detections
    from edgerun.detector import Detector
    from edgerun.errors import EdgerunError
    from edgerun.hookspecs import hookimpl

__all__ = ["Detection", "Detections", "Detector", "EdgerunError", "ModelCard", "__version__", "hookimpl"]

__version__ = "0.1.0"

_HOMES = {
    "Detection": "detections",
    "Detections": "detections",
    "Detector": "detector",
    "EdgerunError": "errors",
    "ModelCard": "card",
    "hookimpl": "hookspecs",
}


def __getattr__(name: str) -> Any:
    """Public names are fetched from their rooms when they are first used: `import edgerun` itself costs nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'edgerun' has no attribute {name!r}")
    return getattr(import_module(f"edgerun.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
