from __future__ import annotations

import numpy as np


def encode(rows, height, width, random):
    count = 3 * sum(-(-height // s) * -(-width // s) for s in (8, 16, 32))
    centres, sides = random.uniform(0, 1, (count, 2)), random.uniform(0.02, 0.3, (count, 2))
    boxes = np.concatenate((centres - sides / 2, centres + sides / 2), axis=1)
    confs = random.uniform(0, 0.1, (count, 4))
    for index, row in enumerate(rows):
        boxes[index * 5] = row[:4] / ((width, height) * 2)
        confs[index * 5, int(row[5])] = row[4]
    return {"boxes": boxes[None, :, None].astype(np.float32), "confs": confs[None].astype(np.float32)}


HEADS = {"yolov4": {"encode": encode}}


def test_boxes_leave_in_shares_of_the_input(read):
    rows = np.array([(40, 60, 200, 180, 0.9, 2)])
    outputs = encode(rows, 256, 416, np.random.default_rng(0))
    _, candidates = read({}, (256, 416), outputs)
    np.testing.assert_allclose(candidates.boxes, rows[:, :4], atol=1e-3)
