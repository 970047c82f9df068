from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
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
