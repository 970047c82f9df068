"""YOLO-NAS with its suppression inside, as super-gradients exports it.

"yolo-nas-flat" [N, 7]: number in the batch, x1 y1 x2 y2, score, class. "yolo-nas-batch": their number [1, 1], boxes
[1, N, 4] x1 y1 x2 y2, scores [1, N], classes [1, N], padded with -1. Boxes are in pixels of the input.
Source: super-gradients 3.7.1 (Apache-2.0), module_interfaces/exportable_detector.py and, for what is fed,
`default_yolo_nas_coco_processing_params` in training/processing/processing.py.
"""

from __future__ import annotations

from edgerun.contract import Convention, Inference, Sure
from edgerun.heads.counted_outputs import counted_outputs
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

FED = (
    Convention("super-gradients feeds YOLO-NAS so", resize="letterbox", color="rgb", scale=1 / 255, fill=114),
    Inference("finished rows", suppressed=True),
)

NAMES = {"num_predictions": "count", "pred_boxes": "boxes", "pred_scores": "scores", "pred_classes": "classes"}

DECODERS = (
    finished_table(
        "yolo-nas-flat", "batch xyxy score class", FED, leading=(), names=("flat_predictions",), empty=Sure.NO,
    ),
    counted_outputs("yolo-nas-batch", NAMES, *FED),
)  # fmt: skip
