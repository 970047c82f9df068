"""Corners of boxes and scores of classes, a pair for each cell: YOLO-NAS, DAMO-YOLO, PP-YOLOE, PicoDet, RTMDet.

boxes [1, N, 4], x1 y1 x2 y2 in pixels of the input; scores [1, N, C] after the sigmoid, or [1, C, N].
These families answer alike and are fed differently, so that where nobody says how, the choice is refused.
PicoDet, which is fed as PP-YOLOE is, has the stride 64 too; the others have 8, 16, 32.
Source of what each is fed: github.com/Deci-AI/super-gradients (Apache-2.0), `processing.py`; github.com/tinyvision/
DAMO-YOLO (Apache-2.0), `augmentations.py`; github.com/PaddlePaddle/PaddleDetection (Apache-2.0), `configs/ppyoloe`;
github.com/open-mmlab/mmyolo's configs of RTMDet (facts alone).
"""

from __future__ import annotations

from typing import Any

from edgerun.contract import Convention, Evidence
from edgerun.heads import input_conventions
from edgerun.heads.grid_pairs import PairReader, grid_pairs

__all__ = ["DECODERS", "FAMILIES"]

FAMILIES: dict[str, dict[str, Any]] = {
    "yolo-nas": {"resize": "letterbox", "fill": 114, "color": "rgb", "scale": 1 / 255, "iou": 0.7},
    "damo-yolo": {"resize": "stretch", "color": "rgb", "scale": 1.0, "iou": 0.7},
    "ppyoloe": {**input_conventions.IMAGENET_INPUT, "resize": "stretch", "iou": 0.7},
    "ppyoloe-plus": {"resize": "stretch", "color": "rgb", "scale": 1 / 255, "iou": 0.7},
    "rtmdet": {**input_conventions.MMDETECTION, "resize": "letterbox-topleft", "fill": 114, "iou": 0.65},
}
"""Decoder -> what the family is fed."""

CONVENTIONS = {name: Convention(f"{name} is trained and tested so", **fields) for name, fields in FAMILIES.items()}
USUAL = ((8, 16, 32),)


def _by_paddle(evidence: Evidence, reader: PairReader) -> bool:
    """Whether Paddle's exporter made the file: it puts classes before cells, and adds an input `scale_factor`."""
    return reader.classes_first or any(spec.name == "scale_factor" for spec in evidence.inputs)


def _not_by_paddle(evidence: Evidence, reader: PairReader) -> str:
    return "Paddle has exported this" if _by_paddle(evidence, reader) else ""


def _only_by_paddle(evidence: Evidence, reader: PairReader) -> str:
    return "" if _by_paddle(evidence, reader) else "Paddle has not exported this"


DECODERS = (
    grid_pairs("yolo-nas", CONVENTIONS["yolo-nas"], strides=USUAL, against=_not_by_paddle),
    grid_pairs("damo-yolo", CONVENTIONS["damo-yolo"], strides=USUAL, against=_not_by_paddle),
    grid_pairs("ppyoloe", CONVENTIONS["ppyoloe"]),
    grid_pairs("ppyoloe-plus", CONVENTIONS["ppyoloe-plus"], strides=USUAL, against=_only_by_paddle),
    grid_pairs("rtmdet", CONVENTIONS["rtmdet"], strides=USUAL, against=_not_by_paddle),
)
