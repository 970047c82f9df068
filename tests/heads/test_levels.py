from __future__ import annotations

import numpy as np
import pytest

from edgerun.heads import levels

HEIGHT, WIDTH, CHANNELS = 4, 6, 5


def table(per_cell):
    """[h, w, A, C], every number another."""
    shape = (HEIGHT, WIDTH, per_cell, CHANNELS)
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


FORMS = {
    "rows": lambda t: t.reshape(-1, CHANNELS),
    "columns": lambda t: t.reshape(-1, CHANNELS).T,
    "planes": lambda t: t.transpose(2, 3, 0, 1).reshape(-1, HEIGHT, WIDTH),
    "pixels": lambda t: t.reshape(HEIGHT, WIDTH, -1),
    "anchors first": lambda t: t.transpose(2, 0, 1, 3),
    "anchors later": lambda t: t,
}


@pytest.mark.parametrize("batch", [True, False], ids=("batch", "no batch"))
@pytest.mark.parametrize("per_cell", [1, 2, 3])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_grid_becomes_the_same_rows(form, per_cell, batch):
    source = table(per_cell)
    array = FORMS[form](source)
    array = array[None] if batch else array
    assert levels.channels(array.shape, HEIGHT, WIDTH, per_cell) == CHANNELS
    np.testing.assert_array_equal(levels.rows(array, HEIGHT, WIDTH, per_cell), source.reshape(-1, CHANNELS))


def test_sizes_that_a_stride_does_not_divide_are_rounded_up():
    outputs = [(f"s{stride}", (1, 4, -(-100 // stride), -(-60 // stride))) for stride in (8, 16, 32)]
    bound = levels.bind(outputs, 100, 60)
    assert {stride: group[0].name for stride, group in bound.items()} == {8: "s8", 16: "s16", 32: "s32"}


@pytest.mark.parametrize(
    "last",
    [(1, 4, 9, 9), (1, 7)],
    ids=("a grid of no stride", "something else"),
)
def test_outputs_that_do_not_all_fit_are_not_bound(last):
    assert levels.bind([("a", (1, 4, 40, 40)), ("b", (1, 4, 20, 20)), ("c", last)], 320, 320) == {}
