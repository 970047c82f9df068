"""Importing torchvision where its compiled operators cannot be loaded.

PyPI's wheels of torchvision are linked against CUDA. Beside a PyTorch without it they still import, once somebody has
defined the operators: `nms` and `roi_align` are given here, the others are defined and refuse to run.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

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
    torchvision.extension._has_ops = module._has_ops = _operators_are_there
    operators.impl("nms", suppressed, "CPU")
    operators.impl("roi_align", module._roi_align, "CPU")
    torchvision.operators_of_ours = operators  # they are gone when the library is


def _operators_are_there() -> bool:
    return True  # TorchScript compiles it, which it cannot do with a lambda


def suppressed(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices int64 [K], best first, of boxes [N, 4] (x1, y1, x2, y2) that no better one overlaps by more."""
    import torch

    places, order, kept = boxes.detach().numpy(), scores.argsort(descending=True, stable=True).numpy(), []
    areas = (places[:, 2:] - places[:, :2]).prod(1)
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(places[order, :2], places[best, :2])
        high = np.minimum(places[order, 2:], places[best, 2:])
        shared = np.maximum(high - low, 0).prod(1)
        with np.errstate(invalid="ignore"):
            overlap = shared / (areas[order] + areas[best] - shared)  # 0 / 0 suppresses nothing
        order = order[~(overlap.astype(np.float64) > iou_threshold)]  # as the compiled operator compares
    return torch.tensor(kept, dtype=torch.int64)
