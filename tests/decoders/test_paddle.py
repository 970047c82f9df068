from __future__ import annotations

import numpy as np

from edgerun import decoders
from edgerun.contract import Frame


def encode(rows, height, width, random):
    count = 40
    corners = random.uniform(0, 200, (count, 2))
    table = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
    scores = np.sort(random.uniform(0.011, 0.1, (count, 1)), axis=0)[::-1]
    table = np.concatenate((random.integers(0, 4, (count, 1)), scores, table), axis=1)
    for index, row in enumerate(rows):
        table[index] = (row[5], row[4], *row[:4])
    return {"multiclass_nms3_0.tmp_0": table.astype(np.float32), "multiclass_nms3_0.tmp_2": np.array([count], np.int32)}


COMMON = {"encode": encode, "inputs": ("im_shape", "scale_factor"), "large": None}
HEADS = {
    "paddle": {**COMMON, "rivals": ("paddle-plain",)},
    "paddle-plain": {**COMMON, "rivals": ("paddle",)},
    "paddle/fed as the user says": {
        **COMMON,
        "card": {"mean": 0.0, "std": 1.0, "scale": 1 / 255, "color": "rgb", "resize": "stretch"},
    },
}


def test_the_row_that_means_nothing_is_left_out(evidence):
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "paddle")
    outputs = {"rows": np.full((1, 6), -1, np.float32), "count": np.zeros(1, np.float32)}
    known = evidence({}, (320, 320), outputs)
    assert len(decoder.matches(known).decode(outputs, Frame(320, 320, 0.0, known.card))) == 0
