"""PaddleDetection's exports with their suppression inside: PP-YOLOE, PicoDet, YOLOv3 and their kin.

Rows [N, 6]: class, score, x1 y1 x2 y2 in pixels (the input `scale_factor` is fed 1), and their number [1].
PP-YOLOE+ is fed shares of 255, the others ImageNet's deviations; the rows do not tell which, so it is refused.
Source: github.com/PaddlePaddle/PaddleDetection (Apache-2.0), `configs/*/_base_/*_reader.yml`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import image_inputs, value_checks

__all__ = ["DECODERS"]

FEEDS: dict[str, dict[str, Any]] = {
    "paddle": {**image_inputs.IMAGENET, "resize": "stretch"},
    "paddle-plain": {"color": "rgb", "scale": 1 / 255, "resize": "stretch"},
}


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    rows = next(array for array in outputs.values() if array.ndim == 2)
    rows = rows[rows[:, 1] >= frame.conf]
    rows = rows[rows[:, 0] >= 0]  # a picture of nothing gives one row of -1
    return Candidates(rows[:, 2:].astype(np.float32), rows[:, 1].copy(), rows[:, 0].astype(np.int32))


def _matches(evidence: Evidence, *, feed: str) -> Match:
    shapes = sorted((spec.shape for spec in evidence.outputs), key=len)
    if len(shapes) != 2 or shapes[0] != (1,) or len(shapes[1]) != 2 or shapes[1][1] != 6:
        return Match(Sure.NO, "it needs rows [N, 6] and their number [1]")
    values = evidence.probe("textured")
    rows = next(values[spec.name] for spec in evidence.outputs if len(spec.shape) == 2)
    rows = rows[rows[:, 0] >= 0]
    if len(rows) and not (value_checks.integers(rows[:, 0]) and value_checks.shares(rows[:, 1])):
        return Match(Sure.NO, "the first columns of a probe run are no class and score")
    conventions = {**FEEDS[feed], "suppressed": True}
    basis = dict.fromkeys(conventions, f"convention: PaddleDetection feeds {feed} so")
    basis["suppressed"] = "inferred: rows of finished detections and their number"
    known = any(spec.name == "scale_factor" for spec in evidence.inputs) or len(rows)
    kind = "PP-YOLOE+" if feed == "paddle-plain" else "most of PaddleDetection's models"
    why = f"rows of class, score, x1 y1 x2 y2 and their number, fed as {kind} are"
    return Match(Sure.LIKELY if known else Sure.POSSIBLE, why, conventions, basis)


DECODERS = tuple(Decoder(feed, partial(_matches, feed=feed), _decode, suppress=False) for feed in FEEDS)
