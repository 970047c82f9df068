"""What TensorFlow's detectors are fed, as conventions and inferences."""

from __future__ import annotations

from collections.abc import Iterable

from edgerun.contract import Convention, Inference
from edgerun.heads import image_inputs
from edgerun.heads.readings import Observed

__all__ = ["conventions"]


def conventions(observed: Observed) -> Iterable[Convention]:
    """Bytes as they are, everything else in -1..1."""
    fields, basis = image_inputs.tensorflow(observed.evidence)
    for name, value in fields.items():
        kind, _, reason = basis[name].partition(": ")
        brought = Inference if kind == Inference.KIND else Convention
        yield brought(reason, **{name: value})
