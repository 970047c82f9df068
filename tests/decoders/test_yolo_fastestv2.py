from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun.contract import Sure
from edgerun.decoders import yolo_fastestv2

ANCHORS = {16: (12.64, 19.39, 37.88, 51.48, 55.71, 138.31), 32: (126.91, 78.23, 131.57, 214.55, 279.92, 258.87)}
"""data/coco.data."""


def encode(rows, height, width, random, *, table=True, batch=False, classes=80):
    """Two grids; an object lies at the coarser one, at the anchor nearest to it."""
    found = []
    for stride in (16, 32):
        lines, columns = -(-height // stride), -(-width // stride)
        grid = random.uniform(0, 1, (lines, columns, 15 + classes))
        grid[..., 12:15] = random.uniform(0.0001, 0.1, (lines, columns, 3))
        powers = np.exp(random.normal(0, 1, (lines, columns, classes)))
        grid[..., 15:] = powers / powers.sum(axis=-1, keepdims=True)
        anchors = np.reshape(ANCHORS[stride], (3, 2))
        for x1, y1, x2, y2, score, number in rows if stride == 32 else ():
            x, y, sides = (x1 + x2) / 2 / stride, (y1 + y2) / 2 / stride, np.array((x2 - x1, y2 - y1))
            cell = grid[int(y), int(x)]
            anchor = int(np.abs(np.log(sides / anchors)).max(axis=1).argmin())
            centre = (np.array((x - int(x), y - int(y))) + 0.5) / 2
            cell[4 * anchor : 4 * anchor + 4] = *centre, *np.sqrt(sides / anchors[anchor]) / 2
            cell[15:] = 0.02 / (classes - 1)
            cell[15 + int(number)] = 0.98
            cell[12 + anchor] = score / 0.98
        found.append(grid.astype(np.float32))
    if not table:
        return {name: grid[None] for name, grid in zip(("794", "796"), found, strict=True)}
    rows = np.concatenate([grid.reshape(-1, grid.shape[-1]) for grid in found])
    return {"output": rows[None] if batch else rows}


COMMON = {"of_classes": None, "classes": 80, "large": (1760, 1760)}
HEADS = {
    "yolo-fastestv2": {"encode": encode, **COMMON},
    "yolo-fastestv2/batch": {"encode": partial(encode, batch=True), **COMMON},
    "yolo-fastestv2/by stride": {"encode": partial(encode, table=False), **COMMON},
}


def test_an_object_is_where_the_authors_arithmetic_puts_it(read):
    """utils/utils.py: ((x · 2 - 0.5) + column) · stride and (w · 2)² · anchor, here 0.75 and 0.5 at cell 3 4."""
    outputs = encode(np.empty((0, 6)), 352, 352, np.random.default_rng(0))
    assert outputs["output"].shape == (605, 95)
    row = outputs["output"][22 * 22 + 4 * 11 + 3]
    row[:4], row[12], row[15:] = (0.75, 0.75, 0.5, 0.5), 1.0, 0.0
    row[15 + 7] = 1.0
    chosen, found = read({}, (352, 352), outputs, 0.9)
    assert chosen == "yolo-fastestv2"
    centre, half = np.array((4 * 32, 5 * 32)), np.array((126.91, 78.23)) / 2
    np.testing.assert_allclose(found.boxes, [np.concatenate((centre - half, centre + half))], rtol=1e-5)
    assert (found.scores.tolist(), found.classes.tolist()) == ([1.0], [7])


@pytest.mark.parametrize("classes", [1, 20])
def test_the_anchors_of_other_data_are_not_known(evidence, classes):
    outputs = encode(np.empty((0, 6)), 352, 352, np.random.default_rng(0), classes=classes)
    (family,) = yolo_fastestv2.DECODERS
    match = family.matches(evidence({}, (352, 352), outputs))
    assert match.sure is Sure.NO
