"""FCOS and RTMDet as the network leaves them: distances of the four sides from a point of each cell.

FCOS, strides 8 … 128: per stride scores [1, C, h, w], centerness [1, 1, h, w], distances [1, 4, h, w]; torchvision's
has all strides in scores [1, N, C], centerness [1, N, 1], distances [1, N, 4].
RTMDet, strides 8, 16, 32: per stride scores [1, C, h, w] and distances [1, 4, h, w] in pixels.
Where FCOS's distances are in pixels the point is the middle of the cell and the score the product with the
centerness (MMDetection); where they are in strides it is the corner, and the score the root of it (torchvision).
Source: Tian et al., FCOS, arXiv 1904.01355; Lyu et al., RTMDet, arXiv 2212.07784; pytorch/vision (BSD-3-Clause).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from edgerun.boxes import distances_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.decoders import cell_boxes
from edgerun.heads import grids, levels, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

STRIDES = {"fcos": (8, 16, 32, 64, 128), "rtmdet-raw": (8, 16, 32)}

LARGEST_IN_STRIDES = 16.0
"""Half of all distances at the coarsest stride are less; in pixels they go into the hundreds."""

SCORES, LOGITS, CENTERNESS, PIXELS, CELLS = "scores", "logits", "centerness", "distances", "distances in strides"

FEEDS: dict[str, dict[str, Any]] = {
    "fcos": {
        "resize": "letterbox-topleft", "fill": (124, 116, 104), "color": "rgb", "scale": 1.0,
        "mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375), "iou": 0.6,
    },
    "rtmdet-raw": cell_boxes.FAMILIES["rtmdet"],
}  # fmt: skip


def _read(by_role: Mapping[str, AnyArray], stride: int, frame: Frame) -> Candidates:
    """The candidates of one stride, of tables [N, …]."""
    raw, pixels = LOGITS in by_role, PIXELS in by_role
    table = by_role[LOGITS if raw else SCORES]
    if CENTERNESS in by_role:
        centerness = by_role[CENTERNESS]
        product = scoring.sigmoid(table) * scoring.sigmoid(centerness) if raw else table * centerness
        table, raw = product if pixels else np.sqrt(np.maximum(product, 0)), False
    kept, scores, classes = scoring.best(table, frame.conf, logits=raw)
    # RTMDet, which has no centerness, counts from the corner too
    offset = 0.5 if pixels and CENTERNESS in by_role else 0.0
    points = grids.centres(frame.height, frame.width, (stride,), offset)[kept]
    sides = by_role[PIXELS if pixels else CELLS][kept] * np.float32(1 if pixels else stride)
    return Candidates(distances_to_xyxy(points, sides), scores, classes)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    found: list[Candidates] = []
    for stride, group in levels.bind(levels.arrays(outputs), frame.height, frame.width).items():
        height, width = -(-frame.height // stride), -(-frame.width // stride)
        by_role = {frame.card.outputs[each.name]: levels.rows(outputs[each.name], height, width) for each in group}
        found.append(_read(by_role, stride, frame))
    return Candidates.joined(found)


def _decode_table(outputs: Arrays, frame: Frame) -> Candidates:
    ends = np.cumsum([grids.cells(frame.height, frame.width, (stride,)) for stride in STRIDES["fcos"]])
    tables = {frame.card.outputs[name]: np.split(array[0], ends[:-1]) for name, array in outputs.items()}
    return Candidates.joined(
        [
            _read({role: parts[level] for role, parts in tables.items()}, stride, frame)
            for level, stride in enumerate(STRIDES["fcos"])
        ]
    )


def _matches(evidence: Evidence, *, family: str) -> Match:
    card = evidence.card
    bound = levels.bind(levels.specs(evidence.outputs), card.height, card.width)
    if tuple(bound) != STRIDES[family]:
        return Match(Sure.NO, f"it needs outputs for each of the strides {', '.join(map(str, STRIDES[family]))}")
    rest = [1, 4] if family == "fcos" else [4]
    groups = [sorted(each.channels for each in group) for group in bound.values()]
    classes = list(groups[0])
    for channels in rest:
        if channels not in classes:
            return Match(Sure.NO, f"it needs outputs of C, {' and '.join(map(str, rest))} channels for each stride")
        classes.remove(channels)
    if len(classes) != 1 or any(group != groups[0] for group in groups) or classes[0] in rest:
        return Match(Sure.NO, f"it needs outputs of C, {' and '.join(map(str, rest))} channels for each stride")
    if card.labels and classes[0] != len(card.labels):
        return Match(Sure.NO, f"{classes[0]} channels of scores are not {len(card.labels)} labels")
    values = evidence.probe("textured")
    done = all(
        value_checks.shares(values[each.name]) for group in bound.values() for each in group if each.channels != 4
    )
    sides = [values[each.name] for group in bound.values() for each in group if each.channels == 4]
    if any(np.percentile(side, 10) < 0 for side in sides) or all(value_checks.shares(side) for side in sides):
        return Match(Sure.NO, "the four channels of a probe run are no distances: they are negative, or shares")
    coarsest = next(values[each.name] for each in bound[STRIDES[family][-1]] if each.channels == 4)
    if family == "rtmdet-raw" and _unit(coarsest) != PIXELS:
        return Match(Sure.NO, "the distances of a probe run are too small for pixels")
    roles = {4: _unit(coarsest) if family == "fcos" else PIXELS, classes[0]: SCORES if done else LOGITS}
    if family == "fcos":
        roles[1] = CENTERNESS
    outputs = {each.name: roles[each.channels] for group in bound.values() for each in group}
    conventions = {**FEEDS[family], "outputs": outputs}
    basis = dict.fromkeys(conventions, f"convention: {family.removesuffix('-raw')} is trained and tested so")
    basis["outputs"] = "inferred: shapes, and values of a probe run"
    why = f"scores of {classes[0]} classes{', a centerness' * (family == 'fcos')} and {roles[4]} for each stride"
    return Match(Sure.LIKELY, why, conventions, basis)


def _roles(evidence: Evidence) -> dict[str, str]:
    """Name -> role of torchvision's three tables, as said or by the number of columns; {} where it cannot be told."""
    card, widths = evidence.card, {spec.name: spec.shape[-1] or 0 for spec in evidence.outputs}
    if set(card.outputs) == set(widths):
        return dict(card.outputs)
    rest = [name for name, width in widths.items() if width not in (1, 4)]
    if sorted(widths.values())[:1] != [1] or 4 not in widths.values() or len(rest) != 1:
        return {}
    done = all(value_checks.shares(evidence.probe("textured")[name]) for name, width in widths.items() if width != 4)
    kinds = {1: CENTERNESS, 4: CELLS}
    return {name: kinds.get(width, SCORES if done else LOGITS) for name, width in widths.items()}


def _matches_table(evidence: Evidence) -> Match:
    card, shapes = evidence.card, [tuple(spec.shape) for spec in evidence.outputs]
    count = grids.cells(card.height, card.width, STRIDES["fcos"])
    wanted = "it needs scores [1, N, C], centerness [1, N, 1] and distances [1, N, 4] of strides 8 to 128"
    if len(shapes) != 3 or any(len(shape) != 3 or shape[:2] != (1, count) for shape in shapes):
        return Match(Sure.NO, wanted)
    roles = _roles(evidence)
    if sorted(roles.values()) not in ([CENTERNESS, CELLS, LOGITS], [CENTERNESS, CELLS, SCORES]):
        return Match(Sure.NO, f"{wanted}, that can be told apart; say it by `outputs`")
    widths = {roles[spec.name]: spec.shape[2] or 0 for spec in evidence.outputs}
    classes = widths.get(LOGITS, widths.get(SCORES, 0))
    if (widths[CENTERNESS], widths[CELLS]) != (1, 4) or (card.labels and classes != len(card.labels)):
        return Match(
            Sure.NO, f"{classes} columns of scores are not {len(card.labels)} labels" if card.labels else wanted
        )
    if (evidence.probe("textured")[next(name for name, role in roles.items() if role == CELLS)] < 0).any():
        return Match(Sure.NO, "the four columns of a probe run are no distances: some are negative")
    fields = {**FEEDS["fcos"], "outputs": roles}
    basis = dict.fromkeys(fields, "convention: torchvision trains and tests FCOS so")
    basis["outputs"] = "inferred: shapes, and values of a probe run"
    return Match(Sure.LIKELY, f"{classes} classes, a centerness and distances for {count} cells", fields, basis)


def _unit(distances: AnyArray) -> str:
    return PIXELS if float(np.median(np.abs(distances))) > LARGEST_IN_STRIDES else CELLS


DECODERS = (
    *(Decoder(family, partial(_matches, family=family), _decode) for family in STRIDES),
    Decoder("fcos-torchvision", _matches_table, _decode_table),
)
