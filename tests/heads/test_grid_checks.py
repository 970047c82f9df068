"""Finished rows are 100, 300 or 1000 (`max_det` of ultralytics 8 and of YOLOv10), as many as some grids have cells."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from edgerun import decoders
from edgerun.card import ModelCard
from edgerun.contract import Evidence, Sure, TensorSpec

COUNTED = [(300, 480, 640), (300, 640, 480), (300, 240, 320), (100, 320, 320), (400, 640, 640), (300, 192, 320)]
"""Rows, height and width: cells of stride 32, 32, 16, 32, 32, and of 16 and 32."""

GRIDS = ("yolov8", "yolov8-transposed", "yolo-corners", "yolo-obb", "yolo-pose", "yolox", "yolox-decoded", "yolov6")


def evidence(rows, height, width, **said):
    image = TensorSpec("images", (1, 3, height, width), "float32")
    card = ModelCard(height=height, width=width, sources=dict.fromkeys(said, "ultralytics metadata"), **said)
    spec = TensorSpec("output0", rows.shape, "float32")
    return Evidence([image], [spec], image, card, MappingProxyType({}), lambda kind: {"output0": rows})


def finished(count, height, width, *, classes, filled):
    """x1 y1 x2 y2 score class, the best first: `filled` rows, then zeros."""
    random = np.random.default_rng(0)
    near = random.uniform(0, 0.7, (count, 2)) * (width, height)
    scores = np.sort(random.uniform(0.001, 0.9, (count, 1)) ** 3, axis=0)[::-1]
    rows = np.concatenate((near, near + random.uniform(10, 120, (count, 2)), scores, np.zeros((count, 1))), axis=1)
    rows[:, 5] = random.integers(0, classes, count)
    rows[filled:] = 0
    return rows[None].astype(np.float32)


@pytest.mark.parametrize(("count", "height", "width"), COUNTED)
@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("filled", [0, 3, 40, 1000])
def test_finished_rows_as_many_as_the_cells_of_few_strides_are_no_grid(count, height, width, classes, filled):
    known = evidence(finished(count, height, width, classes=classes, filled=filled), height, width)
    verdicts = {entry.name: entry.matches(known).sure for entry in decoders.BUILTIN}
    assert [name for name in GRIDS if verdicts[name] > Sure.NO] == []
    assert verdicts["end2end"] > Sure.NO


def test_a_file_that_says_it_has_suppressed_its_rows_counts_more_than_their_number():
    rows = finished(300, 480, 640, classes=2, filled=3)
    (end2end,) = (entry for entry in decoders.BUILTIN if entry.name == "end2end")
    assert end2end.matches(evidence(rows, 480, 640)).sure is Sure.POSSIBLE
    assert end2end.matches(evidence(rows, 480, 640, suppressed=True)).sure is Sure.CERTAIN


def test_unsorted_rows_without_padding_are_no_grid_of_one_stride_either():
    rows = finished(300, 480, 640, classes=3, filled=1000)
    rows = rows[:, np.random.default_rng(1).permutation(300)]
    known = evidence(rows, 480, 640)
    (family,) = (entry for entry in decoders.BUILTIN if entry.name == "yolov8-transposed")
    assert "by their number alone" in family.matches(known).why or "leave 0..1" in family.matches(known).why
