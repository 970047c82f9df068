"""How four columns write a box down: told by the cells of a grid, whose points lie within the boxes they answer for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from edgerun.heads import grids, value_checks
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["FITS", "FORMS", "Fit", "crosses", "fits", "misread", "outside"]


def _centred(boxes: AnyArray) -> AnyArray:
    half = boxes[:, 2:] / 2
    return np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1)


def _as_they_are(boxes: AnyArray) -> AnyArray:
    return boxes


def _sized(boxes: AnyArray) -> AnyArray:
    return np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)


def _rows_first(boxes: AnyArray) -> AnyArray:
    return boxes[:, [1, 0, 3, 2]]


def _centred_rows_first(boxes: AnyArray) -> AnyArray:
    return _centred(_rows_first(boxes))


FORMS: Mapping[str, Callable[[AnyArray], AnyArray]] = {
    "cx cy w h": _centred,
    "x1 y1 x2 y2": _as_they_are,
    "x1 y1 w h": _sized,
    "y1 x1 y2 x2": _rows_first,
    "cy cx h w": _centred_rows_first,
}
"""Name -> corners x1 y1 x2 y2."""

VERTICAL_FIRST = ("y1 x1 y2 x2", "cy cx h w")
"""Forms whose first column runs along the height."""

SLACK = 0.01
"""Of the longer side of the input; quantised boxes end a step off."""

FITS, MISFITS = 0.97, 0.95
"""Fraction of the boxes that hold their point, in the true form nearly all, and in another one fewer."""
LOST = 0.5
"""Fraction below which boxes do not hold their points: they are in another order, or those of another size."""
ALIKE = 0.05
"""Of the image: boxes that differ by less count as one."""
TIGHTER = 0.6
"""Far corners read as sizes make boxes that hold any point; their median area tells them from the true ones."""
NEAR_ORIGIN = 8
"""Boxes that reach less than the input divided by this count from their cells."""


class Fit(NamedTuple):
    """How boxes of one form lie about the points of their cells.

    Attributes:
        holding: fraction of the boxes that hold their point.
        area: median of their areas, square pixels.
    """

    holding: float
    area: float


def _filled(boxes: AnyArray) -> AnyArray:
    """Rows that hold something; those of nothing pad a table."""
    return np.flatnonzero(np.isfinite(boxes).all(axis=1) & boxes.any(axis=1))


def _holds(corners: AnyArray, points: AnyArray, slack: float) -> float:
    """Fraction of the boxes that hold their point."""
    near = (corners[:, :2] - slack <= points) & (points <= corners[:, 2:] + slack)
    return float(near.all(axis=1).mean())


def misread(boxes: AnyArray, form: str, height: int, width: int, strides: tuple[int, ...], per_cell: int = 1) -> str:
    """Why the boxes of a grid are not of this form; "" where they may be.

    A network of this kind is trained to answer for objects from cells that lie within them, and most of them cannot
    do otherwise. So if nearly all boxes hold the point of their cell in another form, and not in this one, that form is
    right. Boxes that gather near the origin are still relative to their cells.

    Args:
        boxes: [N, 4], those of a cell one after another or those of a stride's anchors (YOLOv5's order).
        strides: of the grid.
    """
    found = fits(boxes, height, width, strides, per_cell)
    if not found:
        return ""  # planted or padded: nothing to go by
    better = _better(found, form)
    if better:
        return f"the boxes of a trial run are {better}, not {form}"
    grid = grids.Grid(height, width, strides, per_cell)
    factor = _factor(boxes, form, grid) if found[form].holding < LOST else 0.0
    if factor:
        return f"the boxes of a trial run fit an input {factor:.2g} times as large"
    reach = value_checks.percentile(np.abs(boxes[_filled(boxes)]).reshape(-1), 90)
    if reach < min(height, width) / NEAR_ORIGIN and not value_checks.unit(boxes):
        return f"the boxes of a trial run reach {reach:.3g}: they count from their cells"
    return ""


def _better(found: Mapping[str, Fit], form: str) -> str:
    """The form that fits clearly better than this one; "" where there is none."""
    fitting = [name for name, fit in found.items() if fit.holding >= FITS]
    best = min(fitting, key=lambda name: found[name].area, default=form)
    lost = found[form].holding < MISFITS
    tighter = found[best].area < found[form].area * TIGHTER
    return best if best != form and (lost or tighter) else ""


def _factor(boxes: AnyArray, form: str, grid: grids.Grid) -> float:
    """How many times as large the input would have to be for boxes to hold their points; 0 where that is no reason."""
    rows = _filled(boxes)
    points = _points(grid)[rows]
    corners = FORMS[form](_in_pixels(boxes[rows], form, grid, unit=value_checks.unit(boxes)))
    far = (points > min(grid.height, grid.width) / 4).all(axis=1)
    if not far.any():
        return 0.0
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    factor = float(value_checks.percentile((centres[far] / points[far]).reshape(-1), 50))
    slack = SLACK * max(grid.height, grid.width)
    other = factor > 0 and abs(factor - 1) > ALIKE
    return factor if other and _holds(corners / factor, points, slack) >= FITS else 0.0


def fits(boxes: AnyArray, height: int, width: int, strides: tuple[int, ...], per_cell: int = 1) -> Mapping[str, Fit]:
    """Form -> how the boxes of a grid lie about the centres of their cells; {} where most rows are of nothing."""
    rows = _filled(boxes)
    if len(rows) < len(boxes) / 2:
        return {}
    grid = grids.Grid(height, width, strides, per_cell)
    points, unit = _points(grid)[rows], value_checks.unit(boxes)
    found: dict[str, Fit] = {}
    for name, corners_of in FORMS.items():
        corners = corners_of(_in_pixels(boxes[rows], name, grid, unit=unit))
        sides = np.maximum(corners[:, 2:] - corners[:, :2], 0)
        holding = _holds(corners, points, SLACK * max(height, width))
        found[name] = Fit(holding, float(value_checks.percentile(np.prod(sides, axis=1), 50)))
    return found


def _in_pixels(boxes: AnyArray, form: str, grid: grids.Grid, *, unit: bool) -> AnyArray:
    """Boxes of this form in pixels of the input."""
    if not unit:
        return boxes
    size = (grid.height, grid.width) if form in VERTICAL_FIRST else (grid.width, grid.height)
    return boxes * np.array(size * 2, np.float32)


def _points(grid: grids.Grid) -> FloatArray:
    """The centres of the cells for each row of a table of anchors, anchor by anchor within each stride."""
    if grid.per_cell == 1:
        return grids.centres(grid.height, grid.width, grid.strides)
    parts = [grids.centres(grid.height, grid.width, (stride,)) for stride in grid.strides]
    return np.concatenate([np.tile(part, (grid.per_cell, 1)) for part in parts])


def crosses(boxes: AnyArray) -> bool:
    """Whether some of these corners x1 y1 x2 y2 [N, 4] are crossed, as those of no true corners are."""
    filled = boxes[_filled(boxes)]
    slack = SLACK * float(np.abs(filled).max(initial=0))
    return bool((filled[:, 2:] < filled[:, :2] - slack).any())


def outside(boxes: AnyArray, form: str) -> str:
    """Why boxes in 0..1 that lie on no grid are not of this form; "" where they may be.

    Those of a trained network lie within the image, nearly all: where they do so in another form and in this one
    they do not, they are of that form. Boxes that hardly differ tell nothing.
    """
    filled = boxes[_filled(boxes)]
    different = np.unique((filled / ALIKE).round(), axis=0)
    if not len(filled) or len(different) < len(filled) / 2:
        return ""
    inside = {name: _inside(FORMS[name](filled)) for name in ("cx cy w h", "x1 y1 x2 y2", "x1 y1 w h")}
    best = max(inside, key=lambda name: inside[name])
    clear = inside[best] >= FITS and inside[form] < MISFITS
    return f"the boxes of a trial run are {best}, not {form}" if clear and best != form else ""


def _inside(corners: AnyArray) -> float:
    """Fraction of these boxes x1 y1 x2 y2 that lie within 0..1 and are not crossed."""
    within = (corners >= -ALIKE).all(axis=1) & (corners <= 1 + ALIKE).all(axis=1)
    return float((within & (corners[:, 2:] >= corners[:, :2]).all(axis=1)).mean())
