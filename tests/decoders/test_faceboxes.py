from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np

from edgerun.decoders import faceboxes


def squares(height, width):
    """cx cy side, pixels, by the loops of FaceBoxes.PyTorch's prior_box.py."""
    found = []
    for stride, sides in ((32, (32, 64, 128)), (64, (256,)), (128, (512,))):
        for line, column, side in product(range(-(-height // stride)), range(-(-width // stride)), sides):
            steps = {32: (0, 0.25, 0.5, 0.75), 64: (0, 0.5)}.get(side, (0.5,))
            found += [((column + x) * stride, (line + y) * stride, side) for y, x in product(steps, steps)]
    return np.array(found)


def encode(rows, height, width, random, *, batch=True, logits=False):
    anchors = squares(height, width)
    face, loc = random.uniform(0.001, 0.1, len(anchors)), random.normal(0, 1, (len(anchors), 4))
    for x1, y1, x2, y2, score, _ in rows:
        target = np.array(((x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1)))
        index = int(np.abs(anchors - target).sum(axis=1).argmin())
        face[index] = score
        loc[index, :2] = (target[:2] - anchors[index, :2]) / anchors[index, 2] / 0.1
        loc[index, 2:] = np.log(np.array((x2 - x1, y2 - y1)) / anchors[index, 2]) / 0.2
    conf = np.stack((1 - face, face), axis=1)
    if logits:
        conf = np.log(conf) + random.normal(0, 3, (len(anchors), 1))
    arrays = {"loc": loc, "conf": conf}
    return {name: (array[None] if batch else array).astype(np.float32) for name, array in arrays.items()}


HEADS = {
    "faceboxes": {"encode": encode, "classes": 1},
    "faceboxes/no batch": {"encode": partial(encode, batch=False), "classes": 1},
    "faceboxes/logits": {"encode": partial(encode, logits=True), "classes": 1, "loose": 1e-5},
}


def test_there_are_8525_squares_at_640():
    """21 · 20 · 20 + 10 · 10 + 5 · 5; those of the first cell begin at its corner, four along it."""
    ours = faceboxes.squares(640, 640)
    assert len(ours) == 8525
    np.testing.assert_allclose(ours[1] * 640, (8, 0, 32, 32))
    np.testing.assert_allclose(ours[20] * 640, (16, 16, 128, 128))
    np.testing.assert_allclose(
        faceboxes.squares(200, 320) * (320, 200, 320, 200), squares(200, 320)[:, [0, 1, 2, 2]], rtol=1e-5
    )
