"""What heads have in common that give each side of a box as a distribution over its distance from a point.

Source: Li et al., Generalized Focal Loss, arXiv 2006.04388. Families differ in strides, points and bins.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np

from edgerun.boxes import distances_to_xyxy
from edgerun.contract import Arrays, Candidates, Evidence, Frame
from edgerun.heads import grids, levels, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray

__all__ = ["bins_of", "boxes", "decode_levels", "plausible", "roles"]


def boxes(distances: AnyArray, points: AnyArray, strides: AnyArray) -> AnyArray:
    """Boxes x1 y1 x2 y2 in model pixels, float32 [N, 4].

    Args:
        distances: logits [N, 4 · bins], left top right bottom.
        points: [N, 2], model pixels.
        strides: [N], model pixels per bin.
    """
    sides = scoring.expectation(distances.reshape(len(distances), 4, distances.shape[1] // 4))
    return distances_to_xyxy(points, sides * strides[:, None])


def decode_levels(outputs: Arrays, frame: Frame, offset: float) -> Candidates:
    """One output of scores and one of distributions per stride, as the roles "scores" or "logits" and "distances"."""
    found: list[Candidates] = []
    for stride, group in levels.bind(levels.arrays(outputs), frame.height, frame.width).items():
        height, width = -(-frame.height // stride), -(-frame.width // stride)
        by_role = {frame.card.outputs[level.name]: levels.rows(outputs[level.name], height, width) for level in group}
        raw = "logits" in by_role
        kept, scores, classes = scoring.best(by_role["logits" if raw else "scores"], frame.conf, logits=raw)
        points = grids.centres(frame.height, frame.width, (stride,), offset)[kept]
        sides = np.ascontiguousarray(by_role["distances"][kept])
        found.append(Candidates(boxes(sides, points, np.full(len(kept), stride, np.float32)), scores, classes))
    return Candidates.joined(found)


def plausible(logits: AnyArray) -> bool:
    """Whether values [N, 4 · bins] of a probe run can be such logits: each side has a bin that stands out nearly
    everywhere, which class scores have not.
    """
    sides = logits.reshape(len(logits), 4, logits.shape[1] // 4)
    if any(value_checks.shares(sides[:, side]) for side in range(4)):
        return False
    return bool((np.median(sides.max(axis=2), axis=0) > 0).all())


def bins_of(channels: int, allowed: Container[int]) -> int:
    """Bins of a distribution over four sides; 0 where the channels are not such."""
    return channels // 4 if channels % 4 == 0 and channels // 4 in allowed else 0


def roles(evidence: Evidence, allowed: Container[int]) -> tuple[Mapping[str, str], tuple[int, ...], str]:
    """Which outputs are scores and which distances, where each stride has one of each.

    Returns:
        name -> "scores", "logits" or "distances", {} where it is not so; the strides; how it was seen, or why not.
    """
    card = evidence.card
    bound = levels.bind(levels.specs(evidence.outputs), card.height, card.width)
    widths = {tuple(level.channels for level in group) for group in bound.values()}
    if not bound or any(len(group) != 2 for group in bound.values()):
        return {}, (), "it needs two outputs for each of its strides"
    pair = sorted(next(iter(widths)))
    if any(sorted(width) != pair for width in widths):
        return {}, (), "the numbers of channels differ from stride to stride"
    readings = [(pair[i], pair[1 - i]) for i in (0, 1) if bins_of(pair[1 - i], allowed)]
    if card.labels:
        readings = [reading for reading in readings if reading[0] == len(card.labels)]
    if not readings:
        return {}, (), f"neither of {pair[0]} and {pair[1]} channels is a distribution of four sides"
    values = evidence.probe("textured")
    found: dict[str, str] = {}
    for group in bound.values():
        first, second = group
        if len(set(readings)) > 1 or first.channels == second.channels:  # widths do not tell: only scores are shares
            if value_checks.shares(values[first.name]) == value_checks.shares(values[second.name]):
                return {}, (), "which outputs are scores and which distances cannot be told; say it by `outputs`"
            scores = first if value_checks.shares(values[first.name]) else second
        else:
            scores = first if first.channels == readings[0][0] else second
        distances = second if scores is first else first
        found[distances.name] = "distances"
        found[scores.name] = "scores"
    if not all(value_checks.shares(values[name]) for name, role in found.items() if role == "scores"):
        found = {name: "logits" if role == "scores" else role for name, role in found.items()}
        if any(np.median(values[name]) > 0 for name, role in found.items() if role == "logits"):
            return {}, (), "what should be scores of a probe run are high nearly everywhere"
    classes = next(level.channels for level in next(iter(bound.values())) if found[level.name] != "distances")
    bins = sum(pair) - classes
    return found, tuple(bound), f"{classes} classes and 4 x {bins // 4} bins at strides " + ", ".join(map(str, bound))
