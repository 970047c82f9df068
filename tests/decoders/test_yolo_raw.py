from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Sure
from edgerun.decoders.yolo_raw import READINGS, Reader
from edgerun.heads.level_tables import level_tables

BY_NAME = {reading.name: reading for reading in READINGS}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logit(p):
    return np.log(p / (1 - p))


def grid(rows, height, width, random, *, name, form="parted", active=False, classes=4):
    """Anchors first, [3, h, w, 5 + C], then brought into the form asked for."""
    reading, outputs = BY_NAME[name], {}
    for stride, anchors in reading.anchors.items():
        lines, columns = -(-height // stride), -(-width // stride)
        table = random.normal(0, 1.5, (3, lines, columns, 5 + classes))
        table[..., 4] = random.uniform(-8, -4, (3, lines, columns))
        for x1, y1, x2, y2, score, number in rows if stride == 16 else ():
            x, y, size = (x1 + x2) / 2 / stride, (y1 + y2) / 2 / stride, np.array((x2 - x1, y2 - y1))
            line, column = int(y), int(x)
            spread = 2.0 if reading.square else reading.spread.get(stride, 1.0)
            place = (np.array((x - column, y - line)) + (spread - 1) / 2) / spread
            ratios = size / np.array(anchors)
            anchor = int(np.abs(np.log(ratios)).max(axis=1).argmin())
            # v5's sizes end at four times the anchor
            raw = logit(np.sqrt(ratios[anchor]) / 2) if reading.square else np.log(ratios[anchor])
            cell = table[anchor, line, column]
            cell[:2], cell[2:4], cell[4], cell[5:] = logit(place), raw, logit(0.97), -9
            cell[5 + int(number)] = logit(score / 0.97)
        if active:
            kept = table[..., 2:4].copy()
            table = sigmoid(table)
            if not reading.square:
                table[..., 2:4] = kept
        if form == "planes":
            table = table.transpose(0, 3, 1, 2).reshape(-1, lines, columns)
        elif form == "last":
            table = table.transpose(1, 2, 0, 3)
        elif form == "flat":
            table = table.transpose(1, 2, 0, 3).reshape(lines, columns, -1)
        outputs[f"{len(outputs) * 13 % 7}"] = table[None].astype(np.float32)
    return outputs


def head(name, *rivals, **habits):
    image = "hwc" if habits.get("form") in ("last", "flat") else "chw"
    return {"encode": partial(grid, name=name, **habits), "rivals": rivals, "image": image}


THREE = {"yolov5-raw", "yolov7-raw", "yolov3-raw", "yolov4-raw"}
HEADS = {
    "yolov5-raw": head("yolov5-raw", "yolov7-raw"),
    "yolov5-raw/after the sigmoid": head("yolov5-raw", "yolov7-raw", active=True),
    "yolov7-raw": head("yolov7-raw", "yolov5-raw"),
    "yolov7-raw/planes": head("yolov7-raw", *THREE - {"yolov7-raw"}, form="planes"),
    "yolov3-raw": head("yolov3-raw", "yolov4-raw", form="flat"),
    "yolov3-raw/after the sigmoid": head("yolov3-raw", "yolov4-raw", form="planes", active=True),
    "yolov4-raw": head("yolov4-raw", "yolov3-raw", form="last"),
    "yolov3-tiny-raw": head("yolov3-tiny-raw", "yolov4-tiny-raw", form="planes"),
    "yolov4-tiny-raw": head("yolov4-tiny-raw", "yolov3-tiny-raw", form="last"),
}


def test_boxes_that_are_decoded_already_are_not_decoded_again(evidence):
    outputs = grid(np.empty((0, 6)), 320, 320, np.random.default_rng(0), name="yolov5-raw", active=True)
    for array in outputs.values():
        array[..., :4] *= 300
    for entry in decoders.BUILTIN:
        if entry.name.endswith("-raw"):
            assert entry.matches(evidence({}, (320, 320), outputs)).sure is Sure.NO


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading.name)
def test_noughts_give_each_anchor_in_the_middle_of_its_cell(reading, evidence):
    outputs = {str(stride): np.zeros((1, 3, 320 // stride, 320 // stride, 6), np.float32) for stride in reading.anchors}
    known = evidence({}, (320, 320), outputs)
    read = Reader(level_tables(known, tuple(reading.anchors), per_cell=3), reading, active=False)
    found = read(outputs, Frame(320, 320, 0.2, known.card))
    np.testing.assert_allclose(found.scores, 0.25)
    first = next(iter(reading.anchors))
    for row, (width, height) in zip(found.boxes[:3], reading.anchors[first], strict=True):
        middle = first / 2
        np.testing.assert_allclose(
            row, (middle - width / 2, middle - height / 2, middle + width / 2, middle + height / 2), atol=1e-4
        )
