from __future__ import annotations

from functools import partial

import numpy as np
import pytest

ROOTS = ((1, 1), (2**0.5, 0.5**0.5), (0.5**0.5, 2**0.5))
FIRST = ((1, 1), (1.4, 0.7), (0.7, 1.4))


def anchors(height, width, scale, shapes=ROOTS):
    """cx cy w h, pixels, in the order of the code of its authors: stride, line, column, octave, aspect."""
    return np.array(
        [
            (
                (column + 0.5) * stride,
                (line + 0.5) * stride,
                scale * stride * 2 ** (octave / 3) * wide,
                scale * stride * 2 ** (octave / 3) * high,
            )
            for stride in (8, 16, 32, 64, 128)
            for line in range(-(-height // stride))
            for column in range(-(-width // stride))
            for octave in range(3)
            for wide, high in shapes
        ]
    )


def encode(rows, height, width, random, *, scale, classes=90, logits=False, shapes=ROOTS):
    boxes = anchors(height, width, scale, shapes)
    scores = random.uniform(0.001, 0.1, (len(boxes), classes))
    offsets = random.normal(0, 0.3, (len(boxes), 4))
    for x1, y1, x2, y2, score, number in rows:
        target = np.array(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1))
        index = int(np.abs(boxes - target).sum(axis=1).argmin())
        x, y, wide, high = boxes[index]
        offsets[index] = (
            (target[1] - y) / high, (target[0] - x) / wide, np.log(target[3] / high), np.log(target[2] / wide),
        )  # fmt: skip
        scores[index, int(number)] = score
    if logits:
        scores = np.log(scores / (1 - scores))
    return {"scores": scores[None].astype(np.float32), "offsets": offsets[None].astype(np.float32)}


HEADS = {
    "efficientdet-lite": {
        "encode": partial(encode, scale=3),
        "of_classes": None,
        "image": "hwc",
        "sizes": ((320, 320), (384, 384), (320, 448)),
        "large": (448, 448),
    },
    "efficientdet-lite/logits": {
        "encode": partial(encode, scale=3, logits=True),
        "of_classes": None,
        "image": "hwc",
        "sizes": ((320, 320),),
        "large": (448, 448),
    },
    "efficientdet": {
        "encode": partial(encode, scale=4, shapes=FIRST),
        "of_classes": None,
        "sizes": ((512, 512), (640, 768)),
        "large": (512, 512),
    },
    "efficientdet-automl": {
        "encode": partial(encode, scale=4),
        "of_classes": None,
        "image": "hwc",
        "sizes": ((512, 512),),
        "large": (512, 512),
        "rivals": ("efficientdet-lite",),
    },
}


@pytest.mark.parametrize(("height", "width"), [(320, 320), (512, 640)])
@pytest.mark.parametrize(
    ("family", "scale", "shapes"),
    [("efficientdet", 4, FIRST), ("efficientdet-automl", 4, ROOTS), ("efficientdet-lite", 3, ROOTS)],
)
def test_the_anchors_are_those_of_its_authors(family, scale, shapes, height, width):
    from edgerun.decoders import efficientdet

    ours = efficientdet.ANCHORS[family](height, width) * (width, height, width, height)
    np.testing.assert_allclose(ours, anchors(height, width, scale, shapes), rtol=1e-4)
