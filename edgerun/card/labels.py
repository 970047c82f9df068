"""Names of classes that many models share, and what a background is called."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BACKGROUNDS", "COCO", "COCO91", "without_background"]

# fmt: off
COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
)
# fmt: on
"""The 80 classes of COCO 2017, in the order of their category ids."""

_COCO_GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""Category ids of 1..90 that have no class."""


def _with_gaps() -> tuple[str, ...]:
    names = iter(COCO)
    return tuple("???" if number in _COCO_GAPS else next(names) for number in range(1, 91))


COCO91 = _with_gaps()
"""COCO by category id less one, as TensorFlow's detectors number them; ids without a class are "???"."""

BACKGROUNDS = ("background", "__background__", "_background_", "???", "bg", "none of the above")
"""How the first label is called where it stands for nothing at all."""


def without_background(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels less a background that comes first; () where there is none."""
    has_background = len(labels) > 1 and labels[0].strip().lower() in BACKGROUNDS
    return tuple(labels[1:]) if has_background else ()
