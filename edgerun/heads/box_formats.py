"""How four columns write a box down: told by the cells of a grid, whose points lie within the boxes they answer for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgerun.heads import grids, value_checks
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["FITS", "FORMS", "crosses", "fits", "misread", "outside"]

FORMS: Mapping[str, Callable[[AnyArray], AnyArray]] = {
    "cx cy w h": lambda b: np.concatenate((b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2), axis=1),
    "x1 y1 x2 y2": lambda b: b,
    "x1 y1 w h": lambda b: np.concatenate((b[:, :2], b[:, :2] + b[:, 2:]), axis=1),
    "y1 x1 y2 x2": lambda b: b[:, [1, 0, 3, 2]],
    "cy cx h w": lambda b: FORMS["cx cy w h"](b[:, [1, 0, 3, 2]]),
}
"""Name -> corners x1 y1 x2 y2."""

SLACK = 0.01
"""Of the longer side of the input; quantised boxes end a step off."""

FITS, MISFITS = 0.97, 0.95
"""Share of the boxes that hold their point, in the true form nearly all, and in another one fewer."""
LOST = 0.5
"""Share below which boxes do not hold their points: they are in another order, or those of another size."""
ALIKE = 0.05
"""Of the picture: boxes that differ by less count as one."""
TIGHTER = 0.6
"""Far corners read as sizes make boxes that hold any point; their median area tells them from the true ones."""


def _filled(boxes: AnyArray) -> AnyArray:
    """Rows that hold something; those of nothing pad a table."""
    return np.flatnonzero(np.isfinite(boxes).all(axis=1) & boxes.any(axis=1))


def _holds(corners: AnyArray, points: AnyArray, slack: float) -> float:
    """Share of the boxes that hold their point."""
    near = (corners[:, :2] - slack <= points) & (points <= corners[:, 2:] + slack)
    return float(near.all(axis=1).mean())


def misread(boxes: AnyArray, form: str, height: int, width: int, strides: tuple[int, ...], per_cell: int = 1) -> str:
    """Why the boxes of a grid are not of this form; "" where they may be.

    A network of this kind is trained to answer for objects from cells that lie within them, and most of them cannot
    do otherwise. So where nearly all boxes hold the point of their cell in another form, and in this one they do not,
    they are of that form. Boxes that gather in a corner count from their cells yet.

    Args:
        boxes: [N, 4], those of a cell one after another or those of a stride's anchors (YOLOv5's order).
        strides: of the grid.
    """
    found = fits(boxes, height, width, strides, per_cell)
    if not found:
        return ""  # planted or padded: nothing to go by
    fitting = [name for name, (share, _) in found.items() if share >= FITS]
    best = min(fitting, key=lambda name: found[name][1], default=form)
    if best != form and (found[form][0] < MISFITS or found[best][1] < found[form][1] * TIGHTER):
        return f"the boxes of a probe run are {best}, not {form}"
    if found[form][0] < LOST and (factor := _factor(boxes, form, height, width, strides, per_cell)):
        return f"the boxes of a probe run fit an input {factor:.2g} times as large"
    reach = np.percentile(np.abs(boxes[_filled(boxes)]), 90)
    if not value_checks.unit(boxes) and reach < min(height, width) / 8:
        return f"the boxes of a probe run reach {reach:.3g}: they count from their cells"
    return ""


def _factor(boxes: AnyArray, form: str, height: int, width: int, strides: tuple[int, ...], per_cell: int) -> float:
    """How many times as large the input would have to be for boxes to hold their points; 0 where that is no reason."""
    rows = _filled(boxes)
    points = _points(height, width, strides, per_cell)[rows]
    found = FORMS[form](boxes[rows] * np.array([width, height] * 2) if value_checks.unit(boxes) else boxes[rows])
    centres = (found[:, :2] + found[:, 2:]) / 2
    far = (points > min(height, width) / 4).all(axis=1)
    factor = float(np.median(centres[far] / points[far])) if far.any() else 1.0
    told = factor > 0 and abs(factor - 1) > ALIKE
    return factor if told and _holds(found / factor, points, SLACK * max(height, width)) >= FITS else 0.0


def fits(
    boxes: AnyArray, height: int, width: int, strides: tuple[int, ...], per_cell: int = 1
) -> Mapping[str, tuple[float, float]]:
    """Form -> share of the boxes of a grid that hold the point of their cell, and their median area in square pixels;
    {} where most rows are of nothing.
    """
    rows = _filled(boxes)
    if len(rows) < len(boxes) / 2:
        return {}
    points = _points(height, width, strides, per_cell)
    unit = value_checks.unit(boxes)
    slack = SLACK * max(height, width)
    told: dict[str, tuple[float, float]] = {}
    for name, corners in FORMS.items():
        size = np.array([height, width] * 2 if name.startswith(("y", "cy")) else [width, height] * 2, np.float32)
        found = corners(boxes[rows] * size if unit else boxes[rows])
        area = np.prod(np.maximum(found[:, 2:] - found[:, :2], 0), axis=1)
        told[name] = (_holds(found, points[rows], slack), float(np.median(area)))
    return told


def _points(height: int, width: int, strides: tuple[int, ...], per_cell: int) -> FloatArray:
    """The centres of the cells for each row of a table of anchors, anchor by anchor within each stride."""
    if per_cell == 1:
        return grids.centres(height, width, strides)
    parts = [np.tile(grids.centres(height, width, (stride,)), (per_cell, 1)) for stride in strides]
    return np.concatenate(parts)


def crosses(boxes: AnyArray) -> bool:
    """Whether some of these corners x1 y1 x2 y2 [N, 4] are crossed, as those of no true corners are."""
    rows = _filled(boxes)
    slack = 0.01 * float(np.abs(boxes[rows]).max()) if len(rows) else 0.0
    return bool((boxes[rows, 2:] < boxes[rows, :2] - slack).any())


def outside(boxes: AnyArray, form: str) -> str:
    """Why boxes in 0..1 that lie on no grid are not of this form; "" where they may be.

    Those of a trained network lie within the picture, nearly all: where they do so in another form and in this one
    they do not, they are of that form. Boxes that hardly differ tell nothing.
    """
    rows = _filled(boxes)
    if len(np.unique((boxes[rows] / ALIKE).round(), axis=0)) < len(rows) / 2:
        return ""
    shares: dict[str, float] = {}
    for name in ("cx cy w h", "x1 y1 x2 y2", "x1 y1 w h"):
        found = FORMS[name](boxes[rows])
        good = (found >= -0.05).all(axis=1) & (found <= 1.05).all(axis=1) & (found[:, 2:] >= found[:, :2]).all(axis=1)
        shares[name] = float(good.mean()) if len(rows) else 1.0
    best = max(shares, key=lambda name: shares[name])
    if best != form and shares[best] >= FITS and shares[form] < MISFITS:
        return f"the boxes of a probe run are {best}, not {form}"
    return ""
