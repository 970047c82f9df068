"""YOLO with masks: each row ends with P weights of P prototypes; mask = sigmoid(weights · prototypes), cut to the box.

Prototypes [1, P, h, w] or [1, h, w, P], and rows: "yolo-segment" [1, 4 + C + P, N] or its transpose (v8, v9, v11, v12),
"yolov5-segment" [1, N, 5 + C + P] with an objectness (v5, v7), "yolo-segment-end2end" [1, N, 6 + P] (YOLO26, and
exports with suppression inside).
Source: Bolya et al., YOLACT, arXiv 1904.02689; the layouts are documented by their exporters.
"""

from __future__ import annotations

from edgerun.heads.grid_rows import grid_rows
from edgerun.heads.input_conventions import YOLO
from edgerun.heads.ranked_rows import ranked_rows

__all__ = ["DECODERS"]

DECODERS = (
    grid_rows("yolo-segment", "cxcywh scores weights", YOLO),
    grid_rows("yolov5-segment", "cxcywh objectness scores weights", YOLO, per_cell=3),
    ranked_rows("yolo-segment-end2end", "xyxy score class weights", YOLO),
)
