"""RetinaNet as the network leaves it: offsets from nine anchors per cell at strides 8 … 128.

Per stride scores [1, 9 · C, h, w] and offsets [1, 36, h, w], or all strides in scores [1, N, C] and offsets [1, N, 4].
cx = ax + x · aw, w = aw · exp(w). The toolboxes differ in the order of the anchors and where they lie:
NVIDIA's (scores after the sigmoid), MMDetection's (logits), and torchvision's (one table). EfficientDet's network as
effdet leaves it has the shapes of MMDetection's.
Source: Lin et al., RetinaNet, arXiv 1708.02002; github.com/NVIDIA/retinanet-examples (BSD-3-Clause), `box.py`;
github.com/pytorch/vision (BSD-3-Clause), `anchor_utils.py`; MMDetection's `anchor_generator.py` (facts alone);
github.com/rwightman/efficientdet-pytorch (Apache-2.0), `anchors.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import boxes_and_scores, image_inputs, levels, prior_boxes, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS", "TOOLBOXES", "anchors"]

STRIDES = (8, 16, 32, 64, 128)
PER_CELL = 9


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Where one toolbox lays its anchors.

    Attributes:
        name: of the decoder.
        shapes: width and height over the side.
        by_size: whether sizes are the outer loop, ratios the inner one.
        offset: of the anchor's centre in its cell.
        classes: of COCO in this toolbox, where that tells it from others.
        turned: whether offsets are y x h w.
    """

    name: str
    shapes: tuple[tuple[float, float], ...]
    by_size: bool
    offset: float
    classes: int = 0
    turned: bool = False


def _of(*ratios: float) -> tuple[tuple[float, float], ...]:
    """Shapes of one area, by height over width."""
    return tuple((ratio**-0.5, ratio**0.5) for ratio in ratios)


NVIDIA = Toolbox("retinanet-nvidia", _of(1.0, 2.0, 0.5), True, 0.5)
MMDETECTION = Toolbox("retinanet-mmdetection", _of(0.5, 1.0, 2.0), False, 0.0, 80)
TORCHVISION = Toolbox("retinanet-torchvision", _of(0.5, 1.0, 2.0), False, 0.0, 91)
EFFICIENTDET = Toolbox("efficientdet-split", ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4)), True, 0.5, 90, turned=True)
TOOLBOXES = (NVIDIA, MMDETECTION, TORCHVISION, EFFICIENTDET)

CONVENTIONS: dict[str, Any] = {
    **image_inputs.IMAGENET, "resize": "letterbox-topleft", "fill": (124, 116, 104), "box_units": "unit", "iou": 0.5,
}  # fmt: skip


@lru_cache(maxsize=32)
def anchors(toolbox: Toolbox, height: int, width: int, stride: int) -> FloatArray:
    """Anchors of one stride, cx cy w h in 0..1, float32 [N, 4], not writeable."""
    octaves = [2 ** (octave / 3) for octave in range(3)]
    if toolbox is TORCHVISION:  # whole sides, and corners rounded to whole pixels
        sides = [float(int(4 * stride * octave)) for octave in octaves]
    else:
        sides = [4 * stride * octave for octave in octaves]
    order = (
        [(side, shape) for side in sides for shape in toolbox.shapes]
        if toolbox.by_size
        else [(side, shape) for shape in toolbox.shapes for side in sides]
    )
    sizes = np.array([(side * wide, side * high) for side, (wide, high) in order])
    if toolbox is TORCHVISION:
        sizes = 2 * np.rint(sizes / 2)
    lines, columns = -(-height // stride), -(-width // stride)
    boxes = prior_boxes.laid(lines, columns, sizes / (width, height), (stride / height, stride / width))
    boxes[:, :2] += np.array([stride / width, stride / height], np.float32) * np.float32(toolbox.offset - 0.5)
    boxes.setflags(write=False)
    return boxes


def _rows(scores: AnyArray, offsets: AnyArray, laid: AnyArray, frame: Frame, raw: bool) -> Candidates:
    kept, best, classes = scoring.best(scores, frame.conf, logits=raw)
    return Candidates(prior_boxes.decode(offsets[kept], laid[kept], (1, 1)), best, classes)


def _decode_levels(outputs: Arrays, frame: Frame, *, toolbox: Toolbox) -> Candidates:
    found: list[Candidates] = []
    for stride, group in levels.bind(levels.arrays(outputs), frame.height, frame.width, PER_CELL).items():
        height, width = -(-frame.height // stride), -(-frame.width // stride)
        tables = {frame.card.outputs[each.name]: outputs[each.name] for each in group}
        by_role = {role: levels.rows(array, height, width, PER_CELL) for role, array in tables.items()}
        raw = boxes_and_scores.LOGITS in by_role
        laid = anchors(toolbox, frame.height, frame.width, stride)
        offsets = (
            by_role[boxes_and_scores.BOXES][:, [1, 0, 3, 2]] if toolbox.turned else by_role[boxes_and_scores.BOXES]
        )
        found.append(
            _rows(by_role[boxes_and_scores.LOGITS if raw else boxes_and_scores.SCORES], offsets, laid, frame, raw)
        )
    return Candidates.joined(found)


def _decode_table(outputs: Arrays, frame: Frame, *, toolbox: Toolbox) -> Candidates:
    by_role = {frame.card.outputs[name]: array[0] for name, array in outputs.items()}
    raw = boxes_and_scores.LOGITS in by_role
    laid = np.concatenate([anchors(toolbox, frame.height, frame.width, stride) for stride in STRIDES])
    return _rows(
        by_role[boxes_and_scores.LOGITS if raw else boxes_and_scores.SCORES],
        by_role[boxes_and_scores.BOXES],
        laid,
        frame,
        raw,
    )


def _conventions(toolbox: Toolbox, outputs: Any) -> tuple[dict[str, Any], dict[str, str]]:
    conventions = {**CONVENTIONS, "outputs": outputs}
    basis = dict.fromkeys(conventions, "convention: RetinaNet is trained and tested so")
    return conventions, basis | {"outputs": "inferred: shapes, and values of a probe run"}


def _matches_levels(evidence: Evidence, *, toolbox: Toolbox) -> Match:
    card = evidence.card
    bound = levels.bind(levels.specs(evidence.outputs), card.height, card.width, PER_CELL)
    groups = [sorted(each.channels for each in group) for group in bound.values()]
    wanted = "it needs scores and offsets of nine anchors per cell for each of the strides 8 to 128"
    if tuple(bound) != STRIDES or len(groups[0]) != 2 or any(group != groups[0] for group in groups):
        return Match(Sure.NO, wanted)
    if 4 not in groups[0] or groups[0] == [4, 4]:
        return Match(Sure.NO, wanted)
    (classes,) = (channels for channels in groups[0] if channels != 4)
    if card.labels and classes != len(card.labels):
        return Match(Sure.NO, f"{classes} classes are not {len(card.labels)} labels")
    values = evidence.probe("textured")
    done = all(
        value_checks.shares(values[each.name]) for group in bound.values() for each in group if each.channels != 4
    )
    if done != (toolbox is NVIDIA):
        return Match(Sure.NO, f"the scores of a probe run {'lie in' if done else 'leave'} 0..1")
    role = boxes_and_scores.SCORES if done else boxes_and_scores.LOGITS
    outputs = {
        each.name: boxes_and_scores.BOXES if each.channels == 4 else role for group in bound.values() for each in group
    }
    why = f"{classes} classes and offsets of nine anchors per cell at strides 8 to 128"
    # MMDetection and effdet differ in what they count as COCO's classes, and in nothing else that shows
    sure = Sure.LIKELY if toolbox.classes in (0, classes) else Sure.POSSIBLE
    return Match(sure, why, *_conventions(toolbox, outputs))


def _matches_table(evidence: Evidence, *, toolbox: Toolbox) -> Match:
    card = evidence.card
    bound, why_not = boxes_and_scores.bound(evidence, boxes_and_scores.SCORES, boxes_and_scores.LOGITS)
    if not bound:
        return Match(Sure.NO, why_not)
    count, classes = boxes_and_scores.counts(evidence, bound)
    if sum(len(anchors(toolbox, card.height, card.width, stride)) for stride in STRIDES) != count:
        return Match(Sure.NO, f"{count} rows are not nine anchors per cell of strides 8 to 128")
    if image_inputs.channels_last(evidence):
        return Match(Sure.NO, "torchvision's exports put channels first")
    if card.labels and classes != len(card.labels):
        return Match(Sure.NO, f"{classes} classes are not {len(card.labels)} labels")
    sure = Sure.LIKELY if classes == toolbox.classes else Sure.POSSIBLE
    why = f"{classes} classes, {count} rows are nine anchors per cell of strides 8 to 128, in torchvision's order"
    return Match(sure, why, *_conventions(toolbox, bound))


DECODERS = (
    *(
        Decoder(toolbox.name, partial(_matches_levels, toolbox=toolbox), partial(_decode_levels, toolbox=toolbox))
        for toolbox in (NVIDIA, MMDETECTION, EFFICIENTDET)
    ),
    Decoder(
        TORCHVISION.name, partial(_matches_table, toolbox=TORCHVISION), partial(_decode_table, toolbox=TORCHVISION)
    ),
)
