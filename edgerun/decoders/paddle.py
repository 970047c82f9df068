"""PaddleDetection's exports with their suppression inside: PP-YOLOE, PicoDet, YOLOv3 and their kin.

Rows [N, 6]: class, score, x1 y1 x2 y2 in pixels (the input `scale_factor` is fed 1), and their number [1].
PP-YOLOE+ is fed fractions of 255, the others ImageNet's deviations. The rows do not tell which, so it is refused, but
for PicoDet, whose graph takes the means of distributions over 8 bins, where PP-YOLOE+ has 17 (`reg_max` 7 and 16 of
`picodet_v2.yml` and `ppyoloe_plus_crn.yml`).
Source: github.com/PaddlePaddle/PaddleDetection (Apache-2.0), `configs/*/_base_/*_reader.yml`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from edgerun.contract import Convention, Decoder, Evidence, Inference, Match, Sure
from edgerun.heads import dfl, input_conventions
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

FINISHED = Inference("rows of finished detections and their number", suppressed=True)


def _fed(name: str, convention: Convention, note: str) -> Decoder:
    return finished_table(
        name, "class score xyxy", (convention, FINISHED), beside=("count",), leading=(), filled=Sure.LIKELY,
        note=note,
    )  # fmt: skip


PLAIN = _fed(
    "paddle-plain",
    Convention("PaddleDetection feeds paddle-plain so", color="rgb", scale=1 / 255, resize="stretch"),
    ", fed as PP-YOLOE+ is",
)

PICODET_BINS = 8


def _but_picodet(evidence: Evidence, matches: Callable[[Evidence], Match]) -> Match:
    """The verdict of a family that PicoDet does not belong to, as the layouts of PP-DocLayout-S and -M do."""
    graph = evidence.graph()
    if graph is not None and PICODET_BINS in dfl.bins_of(graph):
        return Match(Sure.NO, f"its distributions have {PICODET_BINS} bins, as PicoDet's and not PP-YOLOE+'s")
    return matches(evidence)


DECODERS = (
    _fed(
        "paddle",
        Convention("PaddleDetection feeds paddle so", **input_conventions.IMAGENET_INPUT, resize="stretch"),
        ", fed as most of PaddleDetection's models are",
    ),
    replace(PLAIN, matches=partial(_but_picodet, matches=PLAIN.matches)),
)
