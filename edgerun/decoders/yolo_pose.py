"""YOLO with keypoints, where `yolov8` does not read it: layouts without metadata, with an objectness, or finished.

"yolo-pose" [1, 4 + C + K·D, N] or its transpose, of which nobody says K and D: coordinates leave 0..1, scores do not.
"yolov7-pose" [1, N, 5 + C + K·3] with an objectness. "yolo-pose-end2end" [1, N, 6 + K·D]: x1 y1 x2 y2, score, class.
A keypoint is x y in the units of the boxes, and a visibility where D is 3.
Source: Maji et al., YOLO-Pose, arXiv 2204.06806; the layouts are documented by their exporters.
"""

from __future__ import annotations

from edgerun.contract import Sure
from edgerun.heads.grid_rows import grid_rows
from edgerun.heads.input_conventions import YOLO
from edgerun.heads.ranked_rows import ranked_rows

__all__ = ["DECODERS"]

DECODERS = (
    grid_rows("yolo-pose", "cxcywh scores keypoints", YOLO, labelled=Sure.LIKELY),
    grid_rows("yolov7-pose", "cxcywh objectness scores keypoints", YOLO, per_cell=3, labelled=Sure.LIKELY),
    ranked_rows("yolo-pose-end2end", "xyxy score class keypoints", YOLO),
)
