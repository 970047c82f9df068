"""Rows after suppression: what every image's rows must look like, where a trial run showed too few to tell.

A model with its suppression inside finds nothing in a made-up image more often than not, so that its columns and units
are told by its shape alone. Every decoder of finished rows calls `settled`, or `demand`, for each frame: rows that
cannot be what they are read as are refused.
"""

from __future__ import annotations

import numpy as np

from edgerun.card import ModelCard
from edgerun.contract import Candidates, Convention, Evidence, Frame, Inference
from edgerun.errors import DecoderUnknown
from edgerun.heads import input_conventions, value_checks
from edgerun.heads.requirements import require
from edgerun.tensors import AnyArray, TensorSpec

__all__ = [
    "CHECKED_LATER",
    "are_filled",
    "class_step",
    "demand",
    "filled",
    "inverted",
    "may_be_scores",
    "misfit",
    "mislabelled",
    "settled",
    "units",
    "whole",
]

CHECKED_LATER = "each image's boxes are checked"
"""Ends the basis of units that a trial run does not show; boxes that are clearly pixels are then read as such."""

STRAY = 0.1
"""Fraction of rows that may be odd: a network's own doubts, not the form of its rows."""

LARGEST_SCORE = 1.5
"""Beyond what rounding makes of 1; few of the rows are sure, so that a fraction of odd ones would not show percents."""

SLACK = 0.01
"""Of the largest coordinate, by which corners of a box may be crossed: rounding."""


SURE = 0.25
"""Score from which one row alone tells; what networks doubt more may be of any form."""


def are_filled(rows: AnyArray) -> AnyArray:
    """Which rows [N, …] hold something, and numbers, bool [N]; zeros and -1 pad a table."""
    padding = ~rows.any(axis=1) | (rows == -1).all(axis=1)
    return np.asarray(np.isfinite(rows).all(axis=1) & ~padding)


def filled(rows: AnyArray) -> AnyArray:
    """The rows [N, …] that hold something, and numbers."""
    good = are_filled(rows)
    return rows if good.all() else rows[good]


def class_step(spec: TensorSpec, largest: float) -> float:
    """The step in which an output stores numbers of classes up to the largest.

    Raises:
        Unmet: it is so large that a class is taken for another.
    """
    step = 0.0
    if spec.quantization is not None:
        step = float(max(spec.quantization.scale, default=0.0))
    elif spec.dtype == "float16":
        step = float(np.spacing(np.float16(max(largest, 1.0))))
    lost = f"{spec.name} is stored in steps of {step:.3g} about {largest:.0f}, in which numbers of classes are lost"
    require(step <= LARGEST_STEP, lost)
    return step


LARGEST_STEP = 0.5
"""Of class numbers; half of it is how far a stored one is off, which must be well below a half."""


def misfit(boxes: AnyArray, scores: AnyArray, classes: AnyArray, step: float = 0.0) -> str:
    """Why filled rows are not corners x1 y1 x2 y2 [N, 4], scores [N] and class numbers [N]; "" where they may be.

    `step` is that in which the numbers are stored.
    """
    if not len(boxes):
        return ""
    if scores.max() > LARGEST_SCORE:
        return f"what should be scores leaves 0..1 and reaches {scores.max():.4g}"
    odd = {
        "what should be scores leaves 0..1": np.abs(scores - 0.5) > 0.5 + value_checks.TOLERANCE,
        "what should be classes are not whole numbers": _not_numbers(classes, step),
        f"{CROSSED} lies before the near ones": _crossed(boxes),
    }
    return next((why for why, rows in odd.items() if rows.mean() > STRAY), "")


ROUNDING = 1e-3
"""Beyond half a step, by which a number that is made from a stored one may be off."""


def _not_numbers(classes: AnyArray, step: float) -> AnyArray:
    """Which values [N] are not numbers of classes that are stored in such steps, bool [N]; -1 pads a table."""
    off = np.abs(classes - np.rint(classes))
    least = step / 2 + ROUNDING if step else 0.0
    return np.asarray((off > least) | (classes < -1 - least))


CROSSED = "what should be far corners of boxes"


def _crossed(boxes: AnyArray) -> AnyArray:
    """Which boxes [N, 4] end before they begin, bool [N]."""
    slack = SLACK * float(np.abs(boxes).max(initial=0))
    return np.asarray((boxes[:, 2:] < boxes[:, :2] - slack).any(axis=1))


def inverted(boxes: AnyArray, scores: AnyArray, conf: float = SURE) -> str:
    """Why filled rows with scores that count are not corners, though few may be odd; "" where all of them may be."""
    wrong = _crossed(boxes) & (scores >= max(conf, SURE))
    if not wrong.any():
        return ""
    return f"{CROSSED} lies before the near ones in a row that scores {scores[wrong].max():.2f}"


def whole(values: AnyArray) -> bool:
    """Whether all values are whole numbers from 0; also where there are none."""
    return bool(((values == np.rint(values)) & (values >= 0)).all())


def may_be_scores(values: AnyArray) -> bool:
    """Whether all values lie in 0..1; also where there are none."""
    return not values.size or value_checks.shares(values)


def mislabelled(classes: AnyArray, card: ModelCard) -> str:
    """Why class numbers [N] of a trial run are not those of the labels; "" where they may be."""
    largest, count = np.rint(classes).max(initial=-1), len(card.labels)
    return f"a probe run gives class {largest:.0f} of {count} labels" if 0 < count <= largest else ""


def demand(
    boxes: AnyArray, scores: AnyArray, classes: AnyArray, card: ModelCard, conf: float = SURE, step: float = 0.0
) -> None:
    """Hold an image's filled rows against what they are read as; those that are not numbers are left aside.

    Args:
        boxes: x1 y1 x2 y2 [N, 4], in the units of the card.
        scores: [N].
        classes: their numbers [N], from 0.
        card: the model's.
        conf: rows that score less are not wanted.
        step: in which numbers of classes are stored; 0 where they are whole.

    Raises:
        DecoderUnknown: the rows cannot be so.
    """
    numeric = np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & np.isfinite(classes)
    if not numeric.any():
        return
    if not numeric.all():
        boxes, scores, classes = boxes[numeric], scores[numeric], classes[numeric]
    others = {"unit": "pixels", "pixels": "unit"}
    objections = (
        (misfit(boxes, scores, classes, step), OTHERWISE),
        (inverted(boxes, scores, conf), OTHERWISE),
        (_beyond_labels(classes, card), "give as many labels as the model has classes; else name another decoder"),
        (_other_units(boxes, card), f'pass box_units="{others[card.box_units]}"; else name another decoder'),
    )
    wrong, advice = next((each for each in objections if each[0]), ("", ""))
    if wrong:
        raise DecoderUnknown(f"The rows that the model gives are not those of {card.decoder}: {wrong}.", hint=advice)


OTHERWISE = (
    "name another decoder with decoder=, or other roles with outputs=; see what each says: edgerun inspect MODEL"
)
"""What helps where a column is not what it is read as."""


def _beyond_labels(classes: AnyArray, card: ModelCard) -> str:
    largest, count = np.rint(classes).max(initial=-1), len(card.labels)
    return f"class {largest:.0f} is not one of the {count} labels" if 0 < count <= largest else ""


NOTHING_SAID = "default"
"""The source of units that neither a file nor a family gives."""


def _other_units(boxes: AnyArray, card: ModelCard) -> str:
    """Why boxes are not in the units of the card; those that a trial run showed are not doubted again."""
    settled = card.source("box_units").startswith((Inference.KIND, NOTHING_SAID))
    if settled or value_checks.unit(boxes) == (card.box_units == "unit"):
        return ""
    return f"boxes reach {np.abs(boxes).max():.4g}, which are not {card.box_units}"


def settled(
    found: Candidates, boxes: AnyArray, scores: AnyArray, classes: AnyArray, frame: Frame, step: float = 0.0
) -> Candidates:
    """An image's candidates, once its filled rows are held against what they are read as; see `demand`.

    Where nothing but a convention says 0..1 and the rows are clearly pixels, they are read as pixels; and the other way
    round where it is that of exporters in general.

    Args:
        found: of these rows, in the units that the model gives.
        boxes, scores, classes, step: as in `demand`.
        frame: of the image.

    Raises:
        DecoderUnknown: the rows cannot be so.
    """
    if _clearly_pixels(boxes, frame.card):
        found = found.scaled(1 / frame.width, 1 / frame.height)
        boxes = boxes / np.array([frame.width, frame.height] * 2, np.float32)
    elif _clearly_unit(boxes, scores, frame.card):
        found = found.scaled(frame.width, frame.height)
        boxes = boxes * np.array([frame.width, frame.height] * 2, np.float32)
    demand(boxes, scores, classes, frame.card, frame.conf, step)
    return found


def _clearly_pixels(boxes: AnyArray, card: ModelCard) -> bool:
    """Whether filled boxes [N, 4] are pixels beyond doubt, and nothing but a convention says 0..1."""
    by_convention = card.box_units == "unit" and card.source("box_units").endswith(CHECKED_LATER)
    if not by_convention or not len(boxes):
        return False
    beyond = np.abs(boxes).max(axis=1) > value_checks.LARGEST_UNIT
    return bool(beyond.mean() >= 1 - STRAY)


USUAL_PIXELS = f"PyTorch's exporters give pixels; {CHECKED_LATER}"
"""The basis of units where neither the file nor a family gives any."""

LARGEST_INSIDE = 1.05
"""Of the image, which boxes in 0..1 hardly leave."""


def _clearly_unit(boxes: AnyArray, scores: AnyArray, card: ModelCard) -> bool:
    """Whether filled boxes [N, 4] are in 0..1 beyond doubt, and nothing but the habit of exporters says pixels.

    An object does not lie within the first pixel of an image; what is cut off at its corner may, with a score [N].
    """
    if not card.source("box_units").endswith(USUAL_PIXELS) or not len(boxes) or np.abs(boxes).max() > LARGEST_INSIDE:
        return False
    objects = (scores >= SURE) & (boxes[:, :2] > 0).all(axis=1)
    return bool(objects.any())


def units(boxes: AnyArray, evidence: Evidence, usual: str = "") -> Convention:
    """The units of a trial run's filled boxes [N, 4]; by convention where there are none.

    Args:
        boxes: filled ones.
        evidence: of the model.
        usual: whose boxes are in pixels whatever their exporter; "" where the exporter tells.
    """
    if len(boxes):
        seen = "unit" if value_checks.unit(boxes) else "pixels"
        return Inference(f"boxes of a probe run reach {np.abs(boxes).max():.4g}", box_units=seen)
    if usual:
        return Convention(f"{usual} gives pixels; {CHECKED_LATER}", box_units="pixels")
    if input_conventions.channels_last(evidence):
        return Convention(f"TensorFlow's exporters give 0..1; {CHECKED_LATER}", box_units="unit")
    return Convention(USUAL_PIXELS, box_units="pixels")
