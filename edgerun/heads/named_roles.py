"""The roles by which `named-heads` would read finished detections that no family reads, for the hint of a refusal."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.contract import Evidence, TensorSpec
from edgerun.heads import finished_outputs, value_checks
from edgerun.tensors import Arrays

__all__ = ["suggested"]


def suggested(evidence: Evidence) -> str:
    """Arguments that name the outputs; "" where their shapes do not tell boxes and scores, one row for each."""
    values = evidence.probe("textured")
    boxes = [spec for spec in evidence.outputs if values[spec.name].ndim > 1 and values[spec.name].shape[-1] == 4]
    if len(boxes) != 1:
        return ""
    rows = values[boxes[0].name].shape[-2]
    beside = [spec for spec in evidence.outputs if spec is not boxes[0] and _has_rows(spec, rows, values)]
    roles = _beside(beside, values)
    if not roles:
        return ""
    named = {boxes[0].name: "boxes x1y1x2y2", **roles}
    return f'decoder="named-heads", outputs={named}'


def _has_rows(spec: TensorSpec, rows: int, values: Arrays) -> bool:
    """Whether an output holds something for each of so many rows."""
    array = values[spec.name]
    return array.shape in ((1, rows), (rows,)) or array.shape[:-1] in ((1, rows), (rows,))


def _beside(specs: list[TensorSpec], values: Arrays) -> Mapping[str, str]:
    """Name -> role of what stands beside boxes: scores of all classes, or scores and classes; {} elsewhere."""
    if len(specs) == 1:
        (spec,) = specs
        return {spec.name: "scores" if value_checks.shares(values[spec.name]) else "logits"}
    return finished_outputs.classes_and_scores(specs, values) if len(specs) == 2 else {}
