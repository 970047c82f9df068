"""SSD before its decoding: offsets from prior boxes, in the layouts that are in use.

scores [1, N, 1 + C], background first; offsets [1, N, 4] of x y w h, or y x h w in TensorFlow. Variances 0.1 and 0.2.
The number of rows names the layout; where two have as many, the scores or the number of classes must speak.
Source: Liu et al., SSD, arXiv 1512.02325, and the code named beside each layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from edgerun.contract import Convention, Decoder, Sure
from edgerun.heads import input_conventions, scores, tensorflow_inputs, ultraface, value_checks
from edgerun.heads.boxes_and_scores import BoxesAndScores
from edgerun.heads.multibox import MultiBox
from edgerun.heads.prior_boxes import Layout, PriorOffsets
from edgerun.heads.readings import Observed, OfClasses, Reading, decoder

__all__ = ["DECODERS", "LAYOUTS"]

MOBILE = (16, 32, 64, 128, 256, 512)
VGG = (8, 16, 32, 64, 100, 300)
LINEAR = tuple((0.2 + 0.15 * layer, min(0.35 + 0.15 * layer, 1.0)) for layer in range(6))
ALL_SIX = ((2, 3),) * 6
FIRST_HAS_ONE = ((2,), *ALL_SIX[1:])
VGG_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))


def _of_300(*sides: int) -> tuple[tuple[float, float], ...]:
    return tuple((small / 300, large / 300) for small, large in pairwise(sides))


LAYOUTS: dict[str, Layout] = {
    # github.com/tensorflow/models (Apache-2.0), `multiple_grid_anchor_generator.py`
    "ssd-tensorflow": MultiBox(MOBILE, LINEAR, FIRST_HAS_ONE, tensorflow=True),
    # github.com/pytorch/vision (BSD-3-Clause), `anchor_utils.py` and `ssdlite.py`
    "ssd-torchvision-lite": MultiBox(MOBILE, LINEAR, ALL_SIX),
    # the same, `ssd.py`; as the layout that SSD's authors use for COCO
    "ssd-vgg-coco": MultiBox(VGG, _of_300(21, 45, 99, 153, 207, 261, 315), VGG_RATIOS, VGG),
    # github.com/weiliu89/caffe (BSD-2-Clause), for VOC
    "ssd-vgg-voc": MultiBox(VGG, _of_300(30, 60, 111, 162, 213, 264, 315), VGG_RATIOS, VGG),
    # github.com/chuanqi305/MobileNet-SSD (MIT)
    "ssd-caffe-mobilenet": MultiBox(
        MOBILE, ((0.2, 0), *_of_300(105, 150, 195, 240, 285, 300)), FIRST_HAS_ONE
    ),
    # github.com/qfgaohao/pytorch-ssd (MIT), `mobilenetv1_ssd_config.py`
    "ssd-pytorch-mobilenet": MultiBox(
        MOBILE, _of_300(60, 105, 150, 195, 240, 285, 330), ALL_SIX, (16, 32, 64, 100, 150, 300)
    ),
    # UltraFace, exported without its post-processing
    "ssd-ultraface": ultraface.PRIORS,
}  # fmt: skip


def _not_probabilities(observed: Observed) -> str:
    """Scores that went through a softmax add up to 1."""
    if all(value_checks.sum_to_one(table) for table in observed.tables("scores")):
        return ""
    return "the scores of a probe run do not add up to 1"


def _probabilities(observed: Observed) -> str:
    """TensorFlow's went through a sigmoid each."""
    if any(value_checks.sum_to_one(table) for table in observed.tables("scores")):
        return "the scores of a probe run add up to 1"
    return ""


@dataclass(frozen=True)
class OfSize:
    """What speaks against a layout that is published for one size of input: another size, or sigmoid scores."""

    side: int

    def __call__(self, observed: Observed) -> str:
        """Why it is not this layout."""
        card = observed.evidence.card
        if (card.height, card.width) != (self.side, self.side):
            return f"it takes {self.side} x {self.side} pixels"
        return _not_probabilities(observed)


def _has_other_classes(observed: Observed) -> str:
    if observed.classes != 1:
        return f"{observed.classes} classes are not faces alone"
    return _not_probabilities(observed)


def _by_activation(observed: Observed) -> Sure:
    return Sure.LIKELY if observed.tables("scores") else Sure.POSSIBLE


def _by_activation_or_input(observed: Observed) -> Sure:
    return Sure.LIKELY if input_conventions.channels_last(observed.evidence) else _by_activation(observed)


def _ssd(name: str, *brought: Convention, sigmoid: bool = False, **judged: Any) -> Decoder:
    """One layout: what it is fed and how its boxes are suppressed, and the judgements of `Reading`."""
    score = scores.best_behind_background if sigmoid else scores.best_of_softmax_behind_background
    formula = PriorOffsets(LAYOUTS[name], (0.1, 0.2), y_first=sigmoid, score=score)
    shared = Convention(f"{name} is trained so", box_units="unit", resize="stretch")
    return decoder(name, Reading(BoxesAndScores(formula.count, background=1), formula, (shared, *brought), **judged))


CENTRED = {"scale": 1 / 127.5, "mean": 1.0}
MEAN = {"color": "rgb", "scale": 1.0, "mean": (123.0, 117.0, 104.0)}
MEAN_127 = {"color": "rgb", "scale": 1.0, "mean": 127.0, "std": 128.0}

# tensorflow/models, object_detection/samples/configs/ssd*_mobilenet_*: batch_non_max_suppression.iou_threshold
TENSORFLOW = Convention("TensorFlow's samples of SSD suppress so", iou=0.6)
# torchvision 0.28, models/detection/ssdlite.py and ssd.py: nms_thresh; the files named in LAYOUTS for the others
TORCHVISION_LITE = Convention("torchvision trains and tests SSDLite so", **CENTRED, color="rgb", iou=0.55)
VGG_OF_AUTHORS = Convention("SSD's authors and torchvision train and test so", **MEAN, iou=0.45)
CAFFE_MOBILENET = Convention("MobileNet-SSD for Caffe is trained and tested so", **CENTRED, color="bgr", iou=0.45)
PYTORCH_MOBILENET = Convention("pytorch-ssd trains and tests so", **MEAN_127, iou=0.45)
ULTRAFACE_OF_AUTHORS = Convention("UltraFace is run so by its authors", **MEAN_127, **ultraface.FACES)

DECODERS = (
    _ssd(
        "ssd-tensorflow", TENSORFLOW, sigmoid=True, further=tensorflow_inputs.conventions, objection=_probabilities,
        sure=_by_activation_or_input,
    ),
    _ssd("ssd-torchvision-lite", TORCHVISION_LITE, objection=OfSize(320), sure=_by_activation),
    _ssd("ssd-vgg-coco", VGG_OF_AUTHORS, objection=OfSize(300), sure=OfClasses((80, 90))),
    _ssd("ssd-vgg-voc", VGG_OF_AUTHORS, objection=OfSize(300), sure=OfClasses((20,))),
    _ssd("ssd-caffe-mobilenet", CAFFE_MOBILENET, objection=OfSize(300), sure=_by_activation),
    _ssd("ssd-pytorch-mobilenet", PYTORCH_MOBILENET, objection=OfSize(300), sure=_by_activation),
    _ssd("ssd-ultraface", ULTRAFACE_OF_AUTHORS, objection=_has_other_classes),
)  # fmt: skip
