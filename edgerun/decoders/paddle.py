"""PaddleDetection's exports with their suppression inside: PP-YOLOE, PicoDet, YOLOv3 and their kin.

Rows [N, 6]: class, score, x1 y1 x2 y2 in pixels (the input `scale_factor` is fed 1), and their number [1].
PP-YOLOE+ is fed fractions of 255, the others ImageNet's deviations; the rows do not tell which, so it is refused.
Source: github.com/PaddlePaddle/PaddleDetection (Apache-2.0), `configs/*/_base_/*_reader.yml`.
"""

from __future__ import annotations

from edgerun.contract import Convention, Decoder, Inference, Sure
from edgerun.heads import input_conventions
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

FINISHED = Inference("rows of finished detections and their number", suppressed=True)


def _fed(name: str, convention: Convention, note: str) -> Decoder:
    return finished_table(
        name, "class score xyxy", (convention, FINISHED), beside=("count",), leading=(), filled=Sure.LIKELY,
        note=note,
    )  # fmt: skip


DECODERS = (
    _fed(
        "paddle",
        Convention("PaddleDetection feeds paddle so", **input_conventions.IMAGENET_INPUT, resize="stretch"),
        ", fed as most of PaddleDetection's models are",
    ),
    _fed(
        "paddle-plain",
        Convention("PaddleDetection feeds paddle-plain so", color="rgb", scale=1 / 255, resize="stretch"),
        ", fed as PP-YOLOE+ is",
    ),
)
