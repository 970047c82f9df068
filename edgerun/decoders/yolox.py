"""YOLOX, raw or decoded: one anchor per cell, objectness times class score.

Output [1, N, 5 + C], or [1, 5 + C, h, w] for each stride. Raw: cx = (x + column) · stride, w = exp(w) · stride;
x y count from the cell's corner.
Source of the formula: Ge et al., YOLOX, arXiv 2107.08430, and its ONNX demo (Apache-2.0).
Since version 0.1.1 the input is blue-green-red in 0..255, before it red-green-blue in ImageNet's deviations, fitted to
the top left corner either way (its release notes). The file does not tell which, but a trained network does: fed with
numbers a hundred times too large, it sees objects all over, and fed with numbers as much too small hardly anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.decoders.yolov5 import objectness_rows
from edgerun.graphs import output_kinds
from edgerun.heads import (
    box_formats,
    grids,
    image_inputs,
    input_conventions,
    levels,
    scores,
    value_checks,
    yolo_columns,
)
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

USUAL_IOU = 0.65

LEGACY: dict[str, Any] = {**image_inputs.IMAGENET, "resize": "letterbox-topleft", "fill": 114, "iou": USUAL_IOU}
CONVENTIONS: dict[str, Any] = {
    "resize": "letterbox-topleft", "color": "bgr", "scale": 1.0, "fill": 114, "iou": USUAL_IOU,
}  # fmt: skip
SINCE = "YOLOX since 0.1.1 is trained so"
BASIS = dict.fromkeys(CONVENTIONS, f"convention: {SINCE}")
FEED: dict[str, Any] = {"color": "bgr", "scale": 1.0, "mean": 0.0, "std": 1.0}
LEGACY_FEED = dict(image_inputs.IMAGENET)
KINDS: tuple[Literal["textured"], Literal["blank"]] = ("textured", "blank")
BASIS["iou"] = "convention: YOLOX's experiments suppress so"

SHARES, LOGITS = "boxes, scores", "boxes, logits"

HABITS = {
    "mean": {
        'color="bgr", scale=1, mean=0': "YOLOX since 0.1.1",
        "scale=1/255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)": "YOLOX before",
    }
}
SINCE_TORCH = (1, 10)
"""PyTorch of October 2021; YOLOX 0.1.1 is of August 2021."""
FLOODED, CALM = 0.5, 0.3
"""The 99th percentile of the objectness on the textured picture: YOLOX-Nano 0.13 as it was trained, 0.98 where numbers
are too large; on the blank one 0.0001 and 0.07."""
DIMMER = 5
"""Times by which it is less where numbers are too small: 0.13 and 0.006."""

LARGEST_RAW = 50.0
"""Raw offsets are a few cells and raw sizes logarithms; a decoded grid reaches the size of the input."""


def _fed(evidence: Evidence, high: Callable[[Arrays], float]) -> Match:
    """How the network is fed, as the fields of a verdict; `high` gives the 99th percentile of its objectness."""
    known = any(evidence.known(name) for name in ("scale", "mean", "std"))
    if known or evidence.fed is None:
        return Match(Sure.POSSIBLE, "", CONVENTIONS, BASIS)
    ends = input_conventions.ends(evidence.image)
    if ends is not None and ends[1] - ends[0] > 100:
        seen = f"inferred: the quantised input holds {ends[0]:.3g}..{ends[1]:.3g}"
        return Match(Sure.POSSIBLE, "", CONVENTIONS, BASIS | dict.fromkeys(("scale", "color"), f"{seen}; {SINCE}"))
    new = {name: high(evidence.fed(name, FEED)) for name in KINDS}
    old = high(evidence.fed("textured", LEGACY_FEED))
    if new["textured"] >= FLOODED and new["blank"] > 0.01 and old <= CALM:
        seen = f"inferred: fed 0..255 it sees objects all over a trial run ({new['textured']:.2g} against {old:.2g})"
        basis = dict.fromkeys(LEGACY, "convention: YOLOX before 0.1.1 is trained so")
        return Match(Sure.POSSIBLE, "", LEGACY, basis | dict.fromkeys(("scale", "mean", "std", "color"), seen))
    version = output_kinds.torch_version(evidence.graph())
    if new["textured"] <= CALM and new["blank"] <= CALM / 10 and old * DIMMER <= new["textured"]:
        seen = f"inferred: fed 0..255 it sees more in a trial run ({new['textured']:.2g} against {old:.2g})"
        return Match(Sure.POSSIBLE, "", CONVENTIONS, BASIS | dict.fromkeys(("scale", "color"), f"{seen}; {SINCE}"))
    if version is not None and version >= SINCE_TORCH:
        seen = f"inferred: PyTorch {version[0]}.{version[1]}, which wrote the file, is younger than YOLOX 0.1.1"
        return Match(Sure.POSSIBLE, "", CONVENTIONS, BASIS | dict.fromkeys(("scale", "color"), f"{seen}; {SINCE}"))
    return Match(Sure.POSSIBLE, "", CONVENTIONS, BASIS, HABITS)


def _decode_raw(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    rows = output[0]
    strides = grids.ladder_of(len(rows), frame.height, frame.width)
    assert strides is not None  # `_matches` has counted
    kept = np.flatnonzero(rows[:, 4] >= frame.conf)
    rows = rows[kept].astype(np.float32)
    stride = grids.strides_of(frame.height, frame.width, strides)[kept, None]
    rows[:, :2] = rows[:, :2] * stride + grids.centres(frame.height, frame.width, strides, 0.0)[kept]
    rows[:, 2:4] = np.exp(np.minimum(rows[:, 2:4], 20)) * stride
    return objectness_rows(rows, frame)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (output,) = outputs.values()
    return objectness_rows(output[0], frame)


def _decode_split(outputs: Arrays, frame: Frame) -> Candidates:
    found: list[Candidates] = []
    for stride, (level,) in levels.bind(levels.arrays(outputs), frame.height, frame.width).items():
        rows = levels.rows(outputs[level.name], -(-frame.height // stride), -(-frame.width // stride))
        raw = frame.card.outputs[level.name] == LOGITS
        kept = np.flatnonzero(rows[:, 4] >= (scores.logit(frame.conf) if raw else frame.conf))
        rows = rows[kept].astype(np.float32)
        rows[:, :2] = (rows[:, :2] * np.float32(stride)) + grids.centres(frame.height, frame.width, (stride,), 0.0)[
            kept
        ]
        rows[:, 2:4] = scores.exp(rows[:, 2:4]) * np.float32(stride)
        if raw:
            rows[:, 4:] = scores.sigmoid(rows[:, 4:])
        found.append(objectness_rows(rows, frame))
    return Candidates.joined(found)


def _matches_split(evidence: Evidence) -> Match:
    card = evidence.card
    bound = levels.bind(levels.specs(evidence.outputs), card.height, card.width)
    widths = {each.channels for group in bound.values() for each in group}
    if tuple(bound) != (8, 16, 32) or len(widths) != 1 or any(len(group) != 1 for group in bound.values()):
        return Match(Sure.NO, "it needs one output [1, 5 + C, h, w] for each of the strides 8, 16, 32")
    (channels,) = widths
    if channels < 6 or (card.labels and channels - 5 != len(card.labels)):
        return Match(Sure.NO, f"{channels} channels are not 5 + {len(card.labels) or 'some'} labels")
    tables = _tables(evidence.probe("textured"), evidence)
    done = all(value_checks.shares(table[:, 4:]) for table in tables)
    # nothing is where most cells look; a single class, given an object, may still be likely there
    low = slice(4, 5 if channels == 6 else None)
    if not done and any((np.median(table[:, low], axis=0) > 0).any() for table in tables):
        return Match(Sure.NO, "what should be scores of a probe run is high nearly everywhere")
    if max(float(np.abs(table[:, :4]).max()) for table in tables) > LARGEST_RAW:
        return Match(Sure.NO, "the boxes of a probe run do not count from their cells")
    role = SHARES if done else LOGITS
    fed = _fed(evidence, lambda outputs: _highest(np.concatenate(_tables(outputs, evidence))[:, 4], done=done))
    conventions = {**fed.conventions, "outputs": {group[0].name: role for group in bound.values()}}
    basis = {**fed.basis, "outputs": "inferred: shapes, and values of a probe run"}
    why = f"{channels} channels are 5 + {channels - 5} classes at strides 8, 16, 32"
    # logits may as well be those of three anchors per cell
    sure = Sure.LIKELY if done or channels % 3 else Sure.POSSIBLE
    return Match(sure, why, conventions, basis, fed.unsettled)


def _tables(outputs: Arrays, evidence: Evidence) -> list[AnyArray]:
    """The outputs of all strides as [N, 5 + C]."""
    card = evidence.card
    bound = levels.bind(levels.specs(evidence.outputs), card.height, card.width)
    sizes = {stride: (-(-card.height // stride), -(-card.width // stride)) for stride in bound}
    return [levels.rows(outputs[group[0].name], *sizes[stride]) for stride, group in bound.items()]


def _highest(objectness: AnyArray, *, done: bool = True) -> float:
    """Its 99th percentile, after the sigmoid."""
    return float(np.percentile(objectness if done else scores.sigmoid(objectness), 99))


def _matches(evidence: Evidence, *, raw: bool) -> Match:
    card = evidence.card
    if len(evidence.outputs) != 1 or len(evidence.outputs[0].shape) != 3:
        return Match(Sure.NO, "it needs one output of three axes")
    if lost := value_checks.coarse(evidence.outputs[0]):
        return Match(Sure.NO, lost)
    if card.task != "detect":
        return Match(Sure.NO, f"it reads detect models, not {card.task}")
    name, (_, anchors, channels) = evidence.outputs[0].name, evidence.outputs[0].shape
    if channels is None or anchors is None or channels < 6:
        return Match(Sure.NO, f"{channels} channels cannot hold a box, an objectness and a class")
    strides = grids.ladder_of(anchors, card.height, card.width)
    if strides is None:
        return Match(Sure.NO, f"{anchors} rows are not one anchor per cell of a {card.width} x {card.height} input")
    if card.labels and channels - 5 != len(card.labels):
        return Match(Sure.NO, f"{channels} channels are not 5 + {len(card.labels)} labels")
    why = f"{anchors} rows are one anchor per cell at strides {', '.join(map(str, strides))}"
    rows = evidence.probe("textured")[name][0]
    if not value_checks.shares(rows[:, 4:]):
        return Match(Sure.NO, "the objectness or class scores of a probe run leave 0..1")
    reach = float(np.abs(rows[:, :4]).max())
    spread = _spreads_over_the_input(rows[:, :2], card.height, card.width)
    seen = f"boxes of a probe run reach {reach:.4g}"
    if value_checks.clipped(rows[:, 2:4]):
        return Match(Sure.NO, f"{seen} and no farther: they are cut off, as by a quantisation made for scores")
    if not yolo_columns.fifth_is_objectness(rows.T):
        return Match(Sure.NO, "another column than the fifth of a probe run behaves like the objectness")
    if raw:
        if reach > LARGEST_RAW or spread:
            return Match(Sure.NO, f"{seen}: they are decoded already")
        fitting = box_formats.fits(rows[:, :4], card.height, card.width, strides)
        if any(share >= box_formats.FITS for share, _ in fitting.values()):
            return Match(Sure.NO, f"{seen} and hold their cells: they are decoded, in 0..1")
        # raw sizes are logarithms, some of them negative; values all in 0..1 may be shares of the picture as well
        sure = Sure.CERTAIN if rows[:, 2:4].min() < 0 else Sure.LIKELY
        fed = _fed(evidence, lambda outputs: _highest(outputs[name][0, :, 4]))
        why = f"{why}; {seen}, so they count from their cells"
        return Match(sure, why, fed.conventions, fed.basis, fed.unsettled)
    if not spread:
        return Match(Sure.NO, f"{seen}: they are not decoded")
    if wrong := box_formats.misread(rows[:, :4], "cx cy w h", card.height, card.width, strides):
        return Match(Sure.NO, wrong)
    if yolo_columns.nothing_anywhere(rows.T):
        return Match(Sure.NO, "no column of a probe run is a share given an object: all are low, as classes are")
    if (rows[:, 4] == 1).all():
        return Match(Sure.NO, "the fifth column of a probe run is 1 throughout, as YOLOv6's is")
    fed = _fed(evidence, lambda outputs: _highest(outputs[name][0, :, 4]))
    conventions, basis = dict(fed.conventions), dict(fed.basis)
    conventions["box_units"] = "unit" if value_checks.unit(rows[:, :4]) else "pixels"
    basis["box_units"] = f"inferred: {seen}"
    sure = Sure.CERTAIN if card.labels else Sure.POSSIBLE
    if yolo_columns.given_an_object(rows.T):
        sure, why = max(sure, Sure.LIKELY), f"{why}; the fifth column behaves like an objectness"
    why = f"{why}; {channels} channels are 5 + {channels - 5} classes"
    return Match(sure, why, conventions, basis, fed.unsettled)


def _spreads_over_the_input(centres: Any, height: int, width: int) -> bool:
    """Whether decoded centres fill the picture, in pixels or in 0..1."""
    x, y = centres.T
    x = x / (1 if np.abs(centres).max() <= value_checks.UNIT_LIMIT else width)
    y = y / (1 if np.abs(centres).max() <= value_checks.UNIT_LIMIT else height)
    lowest, highest = np.percentile(x, (10, 90)), np.percentile(y, (10, 90))
    # a grid in row order: x runs fast, y slowly; offsets within cells do neither
    ordered = np.corrcoef(np.arange(len(y)), y)[0, 1] if y.std() > 1e-6 else 0.0
    return bool(lowest[1] - lowest[0] > 0.5 and highest[1] - highest[0] > 0.5 and ordered > 0.2)


DECODERS = (
    Decoder("yolox", lambda evidence: _matches(evidence, raw=True), _decode_raw),
    Decoder("yolox-split", _matches_split, _decode_split),
    Decoder("yolox-decoded", lambda evidence: _matches(evidence, raw=False), _decode),
)
