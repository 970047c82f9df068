from __future__ import annotations

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, TensorSpec
from edgerun.heads.level_tables import LevelTable, level_tables
from edgerun.heads.requirements import Unmet

STRIDES = (8, 16, 32)


def known(height, width, channels, labels=()):
    """One output [1, C, h, w] for each stride."""
    shapes = {f"p{stride}": (1, channels, -(-height // stride), -(-width // stride)) for stride in STRIDES}
    image = TensorSpec("images", (1, 3, height, width))
    card = ModelCard(height=height, width=width, labels=labels, sources=dict.fromkeys(["labels"] if labels else []))
    specs = [TensorSpec(name, shape) for name, shape in shapes.items()]
    return Evidence([image], specs, image, card, {}, lambda kind: {name: np.zeros(s) for name, s in shapes.items()})


@pytest.mark.parametrize("size", [(320, 320), (416, 330), (330, 416), (256, 640)])
def test_cells_are_counted_up_where_a_stride_does_not_divide_the_input(size):
    found = level_tables(known(*size, 9), STRIDES)
    assert [(level.output, level.stride, level.channels) for level in found] == [
        ("p8", 8, 9), ("p16", 16, 9), ("p32", 32, 9),
    ]  # fmt: skip


def test_rows_are_the_cells_from_left_to_right_and_from_top_to_bottom():
    """An input of 18 x 27 has 3 lines of 4 cells at stride 8."""
    level = LevelTable("y", 8, 2)
    planes = np.stack((np.arange(12).reshape(3, 4), np.arange(12).reshape(3, 4) + 100))[None]
    rows = level.rows({"y": planes}, 18, 27)
    assert rows.tolist() == [[place, place + 100] for place in range(12)]
    assert level.corners(np.array([0, 3, 4, 11]), 18, 27).tolist() == [[0, 0], [24, 0], [0, 8], [24, 16]]
    three = LevelTable("y", 8, 2, per_cell=3)
    assert three.corners(np.array([0, 2, 3, 35]), 18, 27).tolist() == [[0, 0], [0, 0], [8, 0], [24, 16]]


def test_one_class_is_enough_and_none_is_not():
    assert level_tables(known(320, 320, 6), STRIDES)[0].channels == 6
    with pytest.raises(Unmet, match="5 channels cannot hold"):
        level_tables(known(320, 320, 5), STRIDES)


@pytest.mark.parametrize("count", [3, 5])
def test_labels_are_as_many_as_classes(count):
    assert level_tables(known(320, 320, 9, tuple("abcd")), STRIDES)
    with pytest.raises(Unmet, match=f"9 channels per anchor are not 5 \\+ {count} labels"):
        level_tables(known(320, 320, 9, tuple("abcdefg"[:count])), STRIDES)
