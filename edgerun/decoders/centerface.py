"""CenterFace: faces with five landmarks as points of one grid at stride 4.

heatmap [1, 1, h, w], scale [1, 2, h, w] of height and width, offset [1, 2, h, w] of y and x, lms [1, 10, h, w] of y x.
Height = 4 · exp(scale), centre = 4 · (cell + offset + 0.5), landmarks as shares of the box from its corner.
Source: Xu et al., CenterFace, arXiv 1911.03599; github.com/Star-Clouds/CenterFace (MIT), `centerface.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import levels, value_checks
from edgerun.heads import scores as scoring

__all__ = ["DECODERS"]

STRIDE = 4

LARGEST_OFFSET = 1.5
"""Offsets are less than a cell; logarithms of sizes go up to that of the input over 4."""

CONVENTIONS: dict[str, Any] = {
    "resize": "stretch", "color": "rgb", "scale": 1.0, "iou": 0.3, "keypoints": 5, "keypoint_dims": 2,
    "labels": ("face",),
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: CenterFace is run so by its authors")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    lines, columns = -(-frame.height // STRIDE), -(-frame.width // STRIDE)
    by_role = {frame.card.outputs[name]: levels.rows(array, lines, columns) for name, array in outputs.items()}
    scores = by_role["heatmap"][:, 0]
    kept = np.flatnonzero(scores >= frame.conf)
    sides = scoring.exp(by_role["scale"][kept][:, ::-1]) * np.float32(STRIDE)  # width, height
    cells = np.stack((kept % columns, kept // columns), axis=1).astype(np.float32)
    centres = (cells + by_role["offset"][kept][:, ::-1] + np.float32(0.5)) * np.float32(STRIDE)
    boxes = cxcywh_to_xyxy(np.concatenate((centres, sides), axis=1))
    points = by_role["landmarks"][kept].reshape(-1, 5, 2)[..., ::-1] * sides[:, None] + boxes[:, None, :2]
    keypoints = np.concatenate((points, np.ones_like(points[..., :1])), axis=2).astype(np.float32)
    return Candidates(boxes, scores[kept].astype(np.float32), np.zeros(len(kept), np.int32), keypoints)


def _matches(evidence: Evidence) -> Match:
    lines, columns = -(-evidence.card.height // STRIDE), -(-evidence.card.width // STRIDE)
    widths = {spec.name: levels.channels(spec.shape, lines, columns) for spec in evidence.outputs}
    if sorted(width or 0 for width in widths.values()) != [1, 2, 2, 10]:
        return Match(Sure.NO, "it needs outputs of 1, 2, 2 and 10 channels at stride 4")
    values = evidence.probe("textured")
    roles = {name: {1: "heatmap", 2: "scale", 10: "landmarks"}[width or 0] for name, width in widths.items()}
    offsets = [name for name, width in widths.items() if width == 2 and np.abs(values[name]).max() < LARGEST_OFFSET]
    if len(offsets) != 1:
        return Match(Sure.NO, "which output holds sizes and which offsets cannot be told")
    roles[offsets[0]] = "offset"
    if not all(value_checks.shares(values[name]) for name, role in roles.items() if role == "heatmap"):
        return Match(Sure.NO, "the heatmap of a probe run leaves 0..1")
    conventions = {**CONVENTIONS, "outputs": roles}
    basis = {**BASIS, "outputs": "inferred: shapes, and values of a probe run"}
    return Match(Sure.CERTAIN, "a heatmap, sizes, offsets and five landmarks at stride 4", conventions, basis)


DECODERS = (Decoder("centerface", _matches, _decode),)
