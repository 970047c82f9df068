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

from edgerun.contract import Convention
from edgerun.heads import input_conventions
from edgerun.heads.boxes_and_scores import BoxesAndScores
from edgerun.heads.octave_anchors import STRIDES, OctaveAnchors, of_ratios
from edgerun.heads.prior_boxes import PriorOffsets
from edgerun.heads.readings import Observed, OfClasses, Reading, decoder
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["ANCHORS", "DECODERS"]

ANCHORS = {
    "retinanet-nvidia": OctaveAnchors(of_ratios(1.0, 2.0, 0.5)),
    "retinanet-mmdetection": OctaveAnchors(of_ratios(0.5, 1.0, 2.0), by_size=False, offset=0.0),
    "retinanet-torchvision": OctaveAnchors(of_ratios(0.5, 1.0, 2.0), by_size=False, offset=0.0, whole=True),
    "efficientdet-split": OctaveAnchors(((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))),
}

CONVENTIONS = (
    Convention(
        "RetinaNet is trained and tested so", **input_conventions.IMAGENET_INPUT, resize="letterbox-topleft",
        fill=(124, 116, 104), box_units="unit", iou=0.5,
    ),
)  # fmt: skip


def _puts_channels_last(observed: Observed) -> str:
    if input_conventions.channels_last(observed.evidence):
        return "torchvision's exports put channels first"
    return ""


OUTPUTS = (Output("scores"), Output("boxes", (4,)))
FINISHED = StrideOutputs(STRIDES, OUTPUTS, per_cell=9, finished=True)
UNFINISHED = StrideOutputs(STRIDES, OUTPUTS, per_cell=9, finished=False)

NVIDIA = PriorOffsets(ANCHORS["retinanet-nvidia"])
MMDETECTION = PriorOffsets(ANCHORS["retinanet-mmdetection"])
TORCHVISION = PriorOffsets(ANCHORS["retinanet-torchvision"])
EFFICIENTDET = PriorOffsets(ANCHORS["efficientdet-split"], y_first=True)

# MMDetection and effdet differ in what they count as COCO's classes, and in nothing else that shows
DECODERS = (
    decoder("retinanet-nvidia", Reading(FINISHED, NVIDIA, CONVENTIONS)),
    decoder("retinanet-mmdetection", Reading(UNFINISHED, MMDETECTION, CONVENTIONS, sure=OfClasses((80,)))),
    decoder("efficientdet-split", Reading(UNFINISHED, EFFICIENTDET, CONVENTIONS, sure=OfClasses((90,)))),
    decoder(
        "retinanet-torchvision",
        Reading(
            BoxesAndScores(TORCHVISION.count),
            TORCHVISION,
            CONVENTIONS,
            objection=_puts_channels_last,
            sure=OfClasses((91,)),
        ),
    ),
)
