"""One anchor per cell, no objectness, and corners where YOLOv8 has centres: LibreYOLO's YOLOv9, PicoDet and RTMDet.

Output [1, 4 + C, N] or [1, N, 4 + C]: x1 y1 x2 y2 in pixels, a score per class after the sigmoid. The three are fed in
three ways, which the output does not tell; LibreYOLO's own metadata does.
Source: https://github.com/LibreYOLO/libreyolo (MIT), backends/base.py.
"""

from __future__ import annotations

from edgerun.contract import Alternative, Convention, Sure
from edgerun.heads import input_conventions
from edgerun.heads.grid_rows import grid_rows

__all__ = ["DECODERS"]

LIBREYOLO = Convention("LibreYOLO feeds them so", fill=114)

HABITS = {
    "mean": (
        Alternative({"resize": "letterbox-topleft", "mean": 0.0}, "YOLOv9"),
        Alternative({"resize": "stretch", **input_conventions.IMAGENET_DEVIATIONS}, "PicoDet"),
        Alternative({"resize": "letterbox-topleft", **input_conventions.MMDETECTION}, "RTMDet"),
    )
}

DECODERS = (grid_rows("yolo-corners", "xyxy scores", LIBREYOLO, labelled=Sure.LIKELY, unsettled=HABITS),)
