"""Heads of two outputs with as many rows: one of boxes [1, N, 4], one of scores [1, N, C]."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerun.contract import Evidence
from edgerun.tensors import AnyArray

__all__ = ["bound"]


def bound(evidence: Evidence, is_scores: Callable[[AnyArray], bool]) -> tuple[Mapping[str, str], str]:
    """Which output is which: name -> "boxes" or "scores"; {} and the reason where it cannot be told.

    The card's `outputs` decide, then the number of columns; where both have four, the values of a probe run.

    Args:
        is_scores: whether values [N, C] can be scores.
    """
    given = evidence.card.outputs
    names = {spec.name for spec in evidence.outputs}
    if set(given) == names and sorted(given.values()) == ["boxes", "scores"]:
        return given, ""
    shapes = {spec.name: spec.shape for spec in evidence.outputs}
    counts = {shape[-2] for shape in shapes.values() if len(shape) == 3 and shape[0] == 1}
    if len(shapes) != 2 or len(counts) != 1 or any(len(shape) != 3 for shape in shapes.values()):
        return {}, "it needs boxes [1, N, 4] and scores [1, N, C]"
    boxes = [name for name, shape in shapes.items() if shape[2] == 4]
    if len(boxes) == 2:
        values = evidence.probe("textured")
        boxes = [name for name in boxes if not is_scores(values[name][0])]
    if len(boxes) != 1:
        return {}, "which output holds boxes and which scores cannot be told; say it by `outputs`"
    return {name: "boxes" if name == boxes[0] else "scores" for name in shapes}, ""
