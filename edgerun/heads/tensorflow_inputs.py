"""What TensorFlow's detectors are fed, as conventions and inferences."""

from __future__ import annotations

from collections.abc import Iterable

from edgerun.contract import Convention
from edgerun.heads import input_conventions
from edgerun.heads.readings import Observed

__all__ = ["conventions"]


def conventions(observed: Observed) -> Iterable[Convention]:
    """Bytes as they are, everything else in -1..1."""
    return input_conventions.of_tensorflow(observed.evidence)
