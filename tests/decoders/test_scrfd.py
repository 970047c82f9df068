from __future__ import annotations

from functools import partial

import numpy as np


def encode(rows, height, width, random, *, points=True, batch=True, names=True):
    outputs = {}
    for stride in (8, 16, 32):
        lines, columns = -(-height // stride), -(-width // stride)
        count = lines * columns * 2
        scores, sides = random.uniform(0, 0.2, (count, 1)), random.normal(2, 1, (count, 4))
        landmarks = random.normal(0, 1, (count, 10))
        for x1, y1, x2, y2, score, _ in rows if stride == 16 else ():
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            line, column = int(y / stride), int(x / stride)
            index, corner = (line * columns + column) * 2 + 1, np.array((column, line)) * stride
            scores[index] = score
            sides[index] = np.array((corner[0] - x1, corner[1] - y1, x2 - corner[0], y2 - corner[1])) / stride
            five = np.array([(x1, y1), (x2, y1), (x, y), (x1, y2), (x2, y2)])
            landmarks[index] = ((five - corner) / stride).reshape(-1)
        for name, array in (("score", scores), ("bbox", sides), ("kps", landmarks))[: 2 + points]:
            array = array.astype(np.float32)
            outputs[f"{name}_{stride}" if names else f"{len(outputs) * 7 % 31}"] = array[None] if batch else array
    return outputs


HEADS = {
    "scrfd": {"encode": encode, "classes": 1, "keypoints": 5},
    "scrfd/without landmarks": {"encode": partial(encode, points=False), "classes": 1},
    "scrfd/without a batch, no names": {
        "encode": partial(encode, batch=False, names=False), "classes": 1, "keypoints": 5,
    },
}  # fmt: skip
