"""PicoDet as exported without its post-processing: NanoDet's arithmetic at four strides.

Per stride scores [1, N, C] after the sigmoid and distances [1, N, 4 · bins], from the centre of the cell.
Source: Yu et al., PP-PicoDet, arXiv 2111.00902; github.com/PaddlePaddle/PaddleDetection (Apache-2.0), `pico_head.py`.
"""

from __future__ import annotations

from typing import Any

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import dfl, image_inputs

__all__ = ["DECODERS"]

BINS = (8,)
STRIDES = (8, 16, 32, 64)

CONVENTIONS: dict[str, Any] = {**image_inputs.IMAGENET, "resize": "stretch", "iou": 0.6}
BASIS = dict.fromkeys(CONVENTIONS, "convention: PicoDet is trained and tested so")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    return dfl.decode_levels(outputs, frame, 0.5)


def _matches(evidence: Evidence) -> Match:
    roles, strides, seen = dfl.roles(evidence, BINS)
    if not roles or strides != STRIDES:
        return Match(Sure.NO, seen if not roles else f"strides {strides} are not 8, 16, 32, 64")
    conventions = {**CONVENTIONS, "outputs": roles}
    return Match(Sure.LIKELY, seen, conventions, {**BASIS, "outputs": "inferred: shapes, and values of a probe run"})


DECODERS = (Decoder("picodet", _matches, _decode),)
