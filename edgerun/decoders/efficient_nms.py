"""The four outputs of TensorRT's EfficientNMS, also where another operator makes them.

num_dets [1, 1], det_boxes [1, N, 4] x1 y1 x2 y2, det_scores [1, N], det_classes [1, N]; what lies behind the count has
no meaning. The operator keeps the order in which it is given x and y; the exporters named here put x first.
Source: https://github.com/NVIDIA/TensorRT at 2349256, plugin/efficientNMSPlugin/README.md (Apache-2.0); the names are
those of YOLOv6's and YOLOv7's `end2end` exports, whose images these conventions are.
"""

from __future__ import annotations

from edgerun.contract import Convention, Inference
from edgerun.heads.counted_outputs import counted_outputs

__all__ = ["DECODERS"]

FED = (
    Convention("YOLO's exports with EfficientNMS", resize="letterbox", color="rgb", scale=1 / 255, fill=114),
    Inference("num_dets counts finished detections", suppressed=True),
)

NAMES = {"num_dets": "count", "det_boxes": "boxes", "det_scores": "scores", "det_classes": "classes"}

DECODERS = (counted_outputs("efficient-nms", NAMES, *FED),)
