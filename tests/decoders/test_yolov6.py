from __future__ import annotations

import numpy as np

from edgerun import decoders
from edgerun.contract import Sure


def encode(rows, height, width, random):
    tables = []
    for stride in (8, 16, 32):
        lines, columns = -(-height // stride), -(-width // stride)
        y, x = np.mgrid[:lines, :columns].reshape(2, -1)
        count = lines * columns
        table = np.concatenate((random.uniform(5, 100, (count, 4)), np.ones((count, 1))), axis=1)
        table = np.concatenate((table, random.uniform(0, 0.1, (count, 4))), axis=1)
        table[:, 0], table[:, 1] = (x + 0.5) * stride, (y + 0.5) * stride
        for x1, y1, x2, y2, score, number in rows if stride == 8 else ():
            index = int((y1 + y2) / 2 / stride) * columns + int((x1 + x2) / 2 / stride)
            table[index] = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, 1, 0.01, 0.01, 0.01, 0.01)
            table[index, 5 + int(number)] = score
        tables.append(table)
    return {"outputs": np.concatenate(tables)[None].astype(np.float32)}


HEADS = {"yolov6": {"encode": encode}}


def test_an_objectness_that_varies_is_somebody_elses(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    outputs["outputs"][0, 7, 4] = 0.99
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "yolov6")
    assert decoder.matches(evidence({}, (320, 320), outputs)).sure is Sure.NO
