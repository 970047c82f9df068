"""SSD before its decoding: offsets from prior boxes, in the layouts that are in use.

scores [1, N, 1 + C], background first; offsets [1, N, 4] of x y w h, or y x h w in TensorFlow. Variances 0.1 and 0.2.
The number of rows names the layout; where two have as many, the scores or the number of classes must speak.
Source: Liu et al., SSD, arXiv 1512.02325, and the code named beside each layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import boxes_and_scores, image_inputs, prior_boxes, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS", "Layout", "boxes"]

VARIANCES = (0.1, 0.2)


@dataclass(frozen=True, slots=True)
class Layout:
    """How one toolbox lays its prior boxes and feeds its models.

    Attributes:
        name: of the decoder.
        strides: of each layer; the grid is the input's size over it, rounded up.
        steps: distance of the centres in pixels of a 300 x 300 input; () where the cells fill the input.
        sizes: of each layer's square, and of the next, as shares of the input.
        ratios: of each layer, besides 1.
        tensorflow: offsets in the order y x h w, sigmoid scores, the larger square last, a small one in layer one.
        side: of the input; 0 where any will do.
        classes: with the background, of the data sets that this layout is published for.
        squares: stride and sides in pixels, instead of strides, sizes and ratios.
        conventions: of the input; TensorFlow's depend on its type.
    """

    name: str
    strides: Sequence[float]
    sizes: Sequence[tuple[float, float]]
    ratios: Sequence[Sequence[float]]
    conventions: dict[str, Any]
    steps: Sequence[float] = ()
    tensorflow: bool = False
    side: int = 0
    classes: Sequence[int] = ()
    squares: tuple[tuple[int, tuple[int, ...]], ...] = ()


def _shapes(layout: Layout, layer: int) -> AnyArray:
    """Width and height of the boxes of one cell, shares of the input, [K, 2]."""
    small, large = layout.sizes[layer]
    ratios = [each for ratio in layout.ratios[layer] for each in (ratio, 1 / ratio)]
    square = [(small, 1.0)]
    larger = [((small * large) ** 0.5, 1.0)] if large else []
    rest = [(small, ratio) for ratio in ratios]
    if layout.tensorflow:
        specs = [(0.1, 1.0), *rest] if layer == 0 else [*square, *rest, *larger]
    else:
        specs = [*square, *larger, *rest]
    shapes = np.array([(size * ratio**0.5, size / ratio**0.5) for size, ratio in specs])
    return shapes if layout.tensorflow else np.minimum(shapes, 1)


@lru_cache(maxsize=8)
def _laid(name: str, height: int, width: int) -> FloatArray:
    layout = next(entry for entry in LAYOUTS if entry.name == name)
    found = []
    for layer, stride in enumerate(layout.strides):
        lines, columns = -(-height // int(stride)), -(-width // int(stride))
        cell = (layout.steps[layer] / 300, layout.steps[layer] / 300) if layout.steps else None
        found.append(prior_boxes.laid(lines, columns, _shapes(layout, layer), cell))
    result = np.concatenate(found)
    result.setflags(write=False)
    return result


def boxes(layout: Layout, height: int, width: int) -> FloatArray:
    """The prior boxes of a layout, cx cy w h in 0..1, float32 [N, 4], not writeable."""
    if layout.squares:
        return prior_boxes.squares(height, width, layout.squares)
    return _laid(layout.name, height, width)


def _decode(outputs: Arrays, frame: Frame, *, layout: Layout) -> Candidates:
    by_role = {frame.card.outputs[name]: array[0] for name, array in outputs.items()}
    if layout.tensorflow:
        raw = boxes_and_scores.LOGITS in by_role
        table = by_role[boxes_and_scores.LOGITS if raw else boxes_and_scores.SCORES]
        kept, scores, classes = scoring.best(table[:, 1:], frame.conf, logits=raw)
    else:
        shares = (
            scoring.softmax(by_role[boxes_and_scores.LOGITS])
            if boxes_and_scores.LOGITS in by_role
            else by_role[boxes_and_scores.SCORES]
        )
        kept, scores, classes = scoring.best(shares[:, 1:], frame.conf)
    offsets = by_role[boxes_and_scores.BOXES][kept]
    if layout.tensorflow:
        offsets = offsets[:, [1, 0, 3, 2]]
    found = prior_boxes.decode(offsets, boxes(layout, frame.height, frame.width)[kept], VARIANCES)
    return Candidates(found, scores, classes)


def _matches(evidence: Evidence, *, layout: Layout) -> Match:
    card = evidence.card
    if layout.side and (card.height, card.width) != (layout.side, layout.side):
        return Match(Sure.NO, f"it takes {layout.side} x {layout.side} pixels")
    bound, why_not = boxes_and_scores.bound(evidence, boxes_and_scores.SCORES, boxes_and_scores.LOGITS)
    if not bound:
        return Match(Sure.NO, why_not)
    name = next(name for name, role in bound.items() if role != boxes_and_scores.BOXES)
    count, columns = (evidence.probe("textured")[name].shape[axis] for axis in (1, 2))
    if columns < 2 or len(boxes(layout, card.height, card.width)) != count:
        return Match(Sure.NO, f"{count} rows are not its prior boxes")
    if card.labels and len(card.labels) != columns - 1:
        return Match(Sure.NO, f"{columns} columns of scores are not a background and {len(card.labels)} labels")
    done = bound[name] == boxes_and_scores.SCORES
    softmax = done and value_checks.sum_to_one(evidence.probe("textured")[name][0])
    if done and softmax == layout.tensorflow:
        return Match(Sure.NO, f"the scores of a probe run {'do' if softmax else 'do not'} add up to 1")
    if layout.squares and columns not in layout.classes:
        return Match(Sure.NO, f"{columns} columns of scores are not a background and faces")
    if layout.classes:
        speaks = columns in layout.classes
    else:
        speaks = done or (layout.tensorflow and image_inputs.channels_last(evidence))
    fields, known = image_inputs.tensorflow(evidence) if layout.tensorflow else (layout.conventions, {})
    conventions = {**fields, "outputs": bound, "box_units": "unit", "resize": "stretch", "iou": 0.45}
    basis = dict.fromkeys(conventions, f"convention: {layout.name} is trained so") | known
    basis["outputs"] = "inferred: shapes, and values of a probe run"
    sure = Sure.LIKELY if speaks else Sure.POSSIBLE
    return Match(sure, f"{count} rows are its prior boxes; a background and {columns - 1} classes", conventions, basis)


MOBILE = (16, 32, 64, 128, 256, 512)
VGG = (8, 16, 32, 64, 100, 300)
LINEAR = tuple((0.2 + 0.15 * layer, min(0.35 + 0.15 * layer, 1.0)) for layer in range(6))
MINUS_ONE_TO_ONE = {"scale": 1 / 127.5, "mean": 1.0}
MEAN = {"color": "rgb", "scale": 1.0, "mean": (123.0, 117.0, 104.0)}
ALL_SIX = ((2, 3),) * 6
VGG_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))


def _of_300(*sides: int) -> tuple[tuple[float, float], ...]:
    return tuple((small / 300, large / 300) for small, large in pairwise(sides))


LAYOUTS = (
    # github.com/tensorflow/models (Apache-2.0), `multiple_grid_anchor_generator.py`
    Layout("ssd-tensorflow", MOBILE, LINEAR, ((2,), *ALL_SIX[1:]), {}, tensorflow=True),
    # github.com/pytorch/vision (BSD-3-Clause), `anchor_utils.py` and `ssdlite.py`
    Layout("ssd-torchvision-lite", MOBILE, LINEAR, ALL_SIX, {"color": "rgb", **MINUS_ONE_TO_ONE}, side=320),
    # the same, `ssd.py`; as the layout that SSD's authors use for COCO
    Layout(
        "ssd-vgg-coco", VGG, _of_300(21, 45, 99, 153, 207, 261, 315), VGG_RATIOS, MEAN, VGG, side=300, classes=(81, 91)
    ),
    # github.com/weiliu89/caffe (BSD-2-Clause), for VOC
    Layout(
        "ssd-vgg-voc", VGG, _of_300(30, 60, 111, 162, 213, 264, 315), VGG_RATIOS, MEAN, VGG, side=300, classes=(21,)
    ),
    # github.com/chuanqi305/MobileNet-SSD (MIT)
    Layout(
        "ssd-caffe-mobilenet",
        MOBILE,
        ((0.2, 0), *_of_300(105, 150, 195, 240, 285, 300)[:5]),
        ((2,), *ALL_SIX[1:]),
        {"color": "bgr", **MINUS_ONE_TO_ONE},
        side=300,
    ),
    # github.com/qfgaohao/pytorch-ssd (MIT), `mobilenetv1_ssd_config.py`
    Layout(
        "ssd-pytorch-mobilenet",
        MOBILE,
        _of_300(60, 105, 150, 195, 240, 285, 330),
        ALL_SIX,
        {"color": "rgb", "scale": 1.0, "mean": 127.0, "std": 128.0},
        (16, 32, 64, 100, 150, 300),
        side=300,
    ),
    # github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB (MIT), exported without its post-processing
    Layout(
        "ssd-ultraface",
        (),
        (),
        (),
        {"color": "rgb", "scale": 1.0, "mean": 127.0, "std": 128.0, "labels": ("face",)},
        classes=(2,),
        squares=prior_boxes.ULTRAFACE,
    ),
)

DECODERS = tuple(
    Decoder(layout.name, partial(_matches, layout=layout), partial(_decode, layout=layout)) for layout in LAYOUTS
)
