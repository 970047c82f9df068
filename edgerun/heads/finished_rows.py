"""Rows of finished detections: what every picture's rows must look like, where a trial run showed too few to tell.

A model with its suppression inside finds nothing in a made-up picture more often than not, so that its columns are told
by its shape alone. Each frame's rows are then looked at: those that cannot be what they are read as are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.card import ModelCard
from edgerun.contract import Evidence
from edgerun.errors import DecoderUnknown
from edgerun.heads import image_inputs, value_checks
from edgerun.tensors import AnyArray

__all__ = ["CHECKED_LATER", "demand", "filled", "misfit", "units"]

CHECKED_LATER = "each picture's boxes are checked"
"""Ends the basis of units that a trial run does not show."""

STRAY = 0.1
"""Share of rows that may be odd: a network's own doubts, not the form of its rows."""

LARGEST_SCORE = 1.5
"""Beyond what rounding makes of 1; few of the rows are sure, so that a share of odd ones would not show percents."""


def filled(rows: AnyArray) -> AnyArray:
    """Rows [N, …] that hold something, and numbers; zeros and -1 pad a table."""
    good = np.isfinite(rows).all(axis=1) & rows.any(axis=1) & ~(rows == -1).all(axis=1)
    return rows if good.all() else rows[good]


def misfit(boxes: AnyArray, scores: AnyArray, classes: AnyArray) -> str:
    """Why filled rows are no corners x1 y1 x2 y2 [N, 4], scores [N] and class numbers [N]; "" where they may be."""
    if not len(boxes):
        return ""
    if (scores > LARGEST_SCORE).any():
        return f"what should be scores leaves 0..1 and reaches {scores.max():.4g}"
    if ((scores < -value_checks.TOLERANCE) | (scores > 1 + value_checks.TOLERANCE)).mean() > STRAY:
        return "what should be scores leaves 0..1"
    if ((classes != np.rint(classes)) | (classes < -1)).mean() > STRAY:
        return "what should be classes are no whole numbers"
    slack = 0.01 * float(np.abs(boxes).max())
    if (boxes[:, 2:] < boxes[:, :2] - slack).any(axis=1).mean() > STRAY:
        return "what should be far corners of boxes lies before the near ones"
    return ""


def demand(boxes: AnyArray, scores: AnyArray, classes: AnyArray, card: ModelCard) -> None:
    """Raise DecoderUnknown where a picture's filled rows cannot be what they are read as."""
    wrong = misfit(boxes, scores, classes)
    if not wrong and card.labels and len(classes) and classes.max() >= len(card.labels):
        wrong = f"class {classes.max():.0f} is not one of the {len(card.labels)} labels"
    if not wrong and len(boxes) and not card.source("box_units").startswith("inferred"):
        unit = value_checks.unit(boxes)
        if unit != (card.box_units == "unit"):
            wrong = f"boxes reach {np.abs(boxes).max():.4g}, which are no {card.box_units}"
    if wrong:
        raise DecoderUnknown(
            f"The rows that the model gives are not those of {card.decoder}: {wrong}.",
            hint='pass box_units="unit" or "pixels", or other labels, where these are meant; else name another decoder',
        )


def units(boxes: AnyArray, evidence: Evidence) -> tuple[dict[str, Any], dict[str, str]]:
    """(fields, basis) of the units of a probe run's filled boxes [N, 4], by convention where there is none."""
    if len(boxes):
        reach = f"inferred: boxes of a probe run reach {np.abs(boxes).max():.4g}"
        return {"box_units": "unit" if value_checks.unit(boxes) else "pixels"}, {"box_units": reach}
    last = image_inputs.channels_last(evidence)
    habit = "TensorFlow's exporters give 0..1" if last else "PyTorch's exporters give pixels"
    fields = {"box_units": "unit" if last else "pixels"}
    return fields, {"box_units": f"convention: {habit}; {CHECKED_LATER}"}
