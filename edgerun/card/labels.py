"""Names of classes that many models share, and what a background is called."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BACKGROUNDS", "COCO", "COCO91", "COCO_IDS", "category_ids", "without_background"]

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


COCO_IDS = tuple(number for number in range(1, 91) if number not in _COCO_GAPS)
"""COCO's category id of each of its 80 classes, in order."""


def category_ids(names: Sequence[str], highest: int) -> Sequence[int]:
    """The category id of each class in a COCO results file, where nobody gives another.

    Args:
        names: of the classes; () where nothing says them. Names that begin with a background are numbered by their
            place, as COCO's own ids are; the 80 names of COCO take its ids; others count from 1.
        highest: the highest class number there is.
    """
    if len(names) == len(COCO) and (names[0], names[-1]) == (COCO[0], COCO[-1]):
        return COCO_IDS
    first = 0 if names and names[0].lower() in (*BACKGROUNDS, "n/a") else 1
    return range(first, first + max(len(names), highest + 1))


def without_background(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels less a background that comes first; () where there is none."""
    has_background = len(labels) > 1 and labels[0].strip().lower() in BACKGROUNDS
    return tuple(labels[1:]) if has_background else ()
