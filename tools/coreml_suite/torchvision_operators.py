"""Importing torchvision where its compiled operators cannot be loaded.

PyPI's wheels of torchvision are linked against CUDA. Beside a PyTorch without it they still import, once somebody has
defined the operators: `nms` and `roi_align` are given here, the others are defined and refuse to run.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, "
    "int sampling_ratio, bool aligned) -> Tensor",
)


def provide() -> bool:
    """Import torchvision, with operators of our own if need be; False where it is not installed."""
    found = find_spec("torchvision")
    if found is None or not found.submodule_search_locations:
        return False
    import torch

    library = next(Path(found.submodule_search_locations[0]).glob("_C.*"), None)
    try:
        torch.ops.load_library(str(library))
    except OSError:
        _define(torch)
    import torchvision  # noqa: F401

    return True


def _define(torch: Any) -> None:
    operators = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        operators.define(schema)
    import torchvision

    module = sys.modules["torchvision.ops.roi_align"]  # the package has a function of that name
    torchvision.extension._has_ops = module._has_ops = lambda: True
    operators.impl("nms", suppressed, "CPU")
    operators.impl("roi_align", module._roi_align, "CPU")
    torchvision.operators_of_ours = operators  # they are gone when the library is


def suppressed(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices int64 [K], best first, of boxes [N, 4] (x1, y1, x2, y2) that no better one overlaps by more."""
    import torch

    order = scores.argsort(descending=True, stable=True)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(boxes[order, :2], boxes[best, :2])
        high = torch.minimum(boxes[order, 2:], boxes[best, 2:])
        shared = (high - low).clamp(min=0).prod(1)
        overlap = shared / (areas[order] + areas[best] - shared)  # 0 / 0 suppresses nothing
        order = order[~(overlap.double() > iou_threshold)]  # the compiled operator compares in double, too
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)
