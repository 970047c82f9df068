from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.card import ModelCard
from edgerun.contract import Frame, Sure
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import decoder_choice

FEED = {"mean": 0.0}


def encode(rows, height, width, random, *, turned=False):
    tables = []
    for stride in (8, 16, 32):
        lines, columns = -(-height // stride), -(-width // stride)
        y, x = (np.mgrid[:lines, :columns].reshape(2, -1) + 0.5) * stride
        sides = random.uniform(0.2, 2, (4, lines * columns)) * stride
        table = np.stack((x - sides[0], y - sides[1], x + sides[2], y + sides[3]), axis=1)
        table = np.concatenate((table, random.uniform(0, 0.01, (lines * columns, 4))), axis=1)
        for x1, y1, x2, y2, score, number in rows if stride == 8 else ():
            index = int((y1 + y2) / 2 / stride) * columns + int((x1 + x2) / 2 / stride)
            table[index] = (x1, y1, x2, y2, 0.001, 0.001, 0.001, 0.001)
            table[index, 4 + int(number)] = score
        tables.append(table)
    output = np.concatenate(tables)[None].astype(np.float32)
    return {"output": output if turned else np.ascontiguousarray(output.transpose(0, 2, 1))}


NAMED = {**FEED, "decoder": "yolo-corners"}


def named(evidence, table, labels=4, **said):
    """The verdict on a table where the card names the decoder."""
    card = {**NAMED, "labels": [f"n{index}" for index in range(labels)], **said}
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "yolo-corners")
    return decoder.matches(evidence({"card": card}, (320, 320), {"output": np.asarray(table, np.float32)}))


HEADS = {
    "yolo-corners": {"encode": encode, "card": FEED},
    "yolo-corners/rows first": {"encode": partial(encode, turned=True), "card": {**FEED, "labels": list("abcd")}},
}


@pytest.mark.parametrize("turned", [False, True])
def test_corners_are_never_read_as_centres(evidence, turned):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), turned=turned)
    verdicts = {entry.name: entry.matches(evidence({}, (320, 320), outputs)).sure for entry in decoders.BUILTIN}
    assert verdicts["yolo-corners"] is Sure.LIKELY
    assert verdicts["yolov8"] is verdicts["yolov8-transposed"] is Sure.NO


def test_how_it_is_fed_has_to_be_said(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    with pytest.raises(DecoderAmbiguous, match="PicoDet"):
        decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN)


@pytest.mark.parametrize("rows", [5, 845, 2535, 8732])
@pytest.mark.parametrize("turned", [False, True])
def test_a_table_of_any_number_of_rows_is_read_where_the_decoder_is_named(evidence, rows, turned):
    """YOLOv2's five and SSD's prior boxes lie on no grid of one anchor per cell."""
    table = encode(np.empty((0, 6)), 1280, 1280, np.random.default_rng(0), turned=True)["output"][:, ::3][:, :rows]
    table[0, 3] = (10, 20, 60, 90, 0.1, 0.1, 0.9, 0.1)
    output = table if turned else table.transpose(0, 2, 1)
    match = named(evidence, output)
    assert match.sure is Sure.LIKELY
    found = match.decode({"output": output}, Frame(320, 320, 0.5, ModelCard()))
    np.testing.assert_array_equal(found.boxes, [[10, 20, 60, 90]])
    np.testing.assert_array_equal(found.classes, [2])


def test_what_the_columns_show_still_speaks_against_a_decoder_that_is_named(evidence):
    table = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0), turned=True)["output"][:, :845]
    centres, sizes = (table[..., :2] + table[..., 2:4]) / 2, table[..., 2:4] - table[..., :2]
    scores = table[..., 4:]
    for wrong, why in (
        ((centres, sizes, scores), "not corners"),
        ((table[..., :4] / 320, scores), "in 0..1"),
        ((table[..., :4], scores * 500), "leave 0..1"),
    ):
        match = named(evidence, np.concatenate(wrong, axis=2))
        assert match.sure is Sure.NO
        assert why in match.why
    assert "columns" in named(evidence, table, labels=7).why
    assert "segment" in named(evidence, table, task="segment").why
