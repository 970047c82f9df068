"""EfficientDet before its suppression: offsets from anchors of three sizes and three shapes at five strides.

scores [1, N, C], offsets [1, N, 4] of y x h w; N = 9 · the cells of strides 8 … 128.
cy = ay + y · ah, h = ah · exp(h). The smallest anchor is 4 cells wide, 3 in the Lite models. PyTorch's ports have
kept the first anchors of its authors, 1.4 by 0.7, which these have since rounded to √2 by √½.
Source: Tan et al., EfficientDet, arXiv 1911.09070; `anchors.py` and `hparams_config.py` of its code
(github.com/google/automl, Apache-2.0) and `model_config.py` of github.com/rwightman/efficientdet-pytorch (Apache-2.0).
"""

from __future__ import annotations

from edgerun.contract import Convention, Sure
from edgerun.heads import input_conventions, tensorflow_inputs
from edgerun.heads.boxes_and_scores import BoxesAndScores
from edgerun.heads.octave_anchors import OctaveAnchors
from edgerun.heads.prior_boxes import PriorOffsets
from edgerun.heads.readings import Observed, Reading, decoder

__all__ = ["ANCHORS", "DECODERS"]

ROOTS = ((1.0, 1.0), (2**0.5, 0.5**0.5), (0.5**0.5, 2**0.5))
FIRST = ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))
"""Width and height over the side."""

ANCHORS = {
    "efficientdet": OctaveAnchors(FIRST),
    "efficientdet-automl": OctaveAnchors(ROOTS),
    "efficientdet-lite": OctaveAnchors(ROOTS, side=3.0),
}

LITE_SIZES = (320, 384, 448)
"""Sides of inputs that only Lite models have; 512 and 640 occur in both lines."""

COCO_CLASSES = 90

# the border is 0 after normalising, so it has the colour of the mean
CONVENTIONS = (
    Convention(
        "EfficientDet is trained so", **input_conventions.IMAGENET_INPUT, resize="letterbox-topleft",
        fill=(124, 116, 104), box_units="unit", iou=0.5,
    ),
)  # fmt: skip
LITE_CONVENTIONS = (Convention("EfficientDet-Lite is trained so", resize="stretch", box_units="unit", iou=0.5),)


def _channels_last(observed: Observed) -> bool:
    return input_conventions.channels_last(observed.evidence)


def _is_not_of_pytorch(observed: Observed) -> str:
    return "its exports put channels first" if _channels_last(observed) else ""


def _is_not_of_tensorflow(observed: Observed) -> str:
    return "" if _channels_last(observed) else "its exports put channels last"


def _sure(observed: Observed) -> Sure:
    """A size that no Lite model has, with COCO's classes, in PyTorch's order."""
    of_lite = _channels_last(observed) or observed.evidence.card.height in LITE_SIZES
    return Sure.POSSIBLE if of_lite or observed.classes != COCO_CLASSES else Sure.LIKELY


def _sure_of_lite(observed: Observed) -> Sure:
    of_lite = _channels_last(observed) and observed.evidence.card.height in LITE_SIZES
    return Sure.LIKELY if of_lite else Sure.POSSIBLE


PYTORCH, TENSORFLOW, LITE = (PriorOffsets(layout, y_first=True) for layout in ANCHORS.values())

DECODERS = (
    decoder(
        "efficientdet",
        Reading(BoxesAndScores(PYTORCH.count), PYTORCH, CONVENTIONS, objection=_is_not_of_pytorch, sure=_sure),
    ),
    decoder(
        "efficientdet-automl",
        Reading(BoxesAndScores(TENSORFLOW.count), TENSORFLOW, CONVENTIONS, objection=_is_not_of_tensorflow, sure=_sure),
    ),
    decoder(
        "efficientdet-lite",
        Reading(
            BoxesAndScores(LITE.count),
            LITE,
            LITE_CONVENTIONS,
            further=tensorflow_inputs.conventions,
            sure=_sure_of_lite,
        ),
    ),
)
