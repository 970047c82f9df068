from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun.decoders import retinanet

STRIDES = (8, 16, 32, 64, 128)


def published(toolbox, height, width, stride):
    """cx cy w h, pixels, by the loops of each toolbox."""
    found = []
    for line in range(-(-height // stride)):
        for column in range(-(-width // stride)):
            if toolbox == "retinanet-nvidia":
                shapes = [
                    (
                        4 * 2 ** (octave / 3) * (stride**2 / ratio) ** 0.5,
                        4 * 2 ** (octave / 3) * (stride**2 * ratio) ** 0.5,
                    )
                    for octave in range(3)
                    for ratio in (1.0, 2.0, 0.5)
                ]
                corner = 0.5 * stride
            elif toolbox == "efficientdet-split":
                shapes = [
                    (4 * stride * 2 ** (octave / 3) * wide, 4 * stride * 2 ** (octave / 3) * high)
                    for octave in range(3)
                    for wide, high in ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))
                ]
                corner = 0.5 * stride
            else:
                sides = [4 * stride * 2 ** (octave / 3) for octave in range(3)]
                if toolbox == "retinanet-torchvision":
                    sides = [int(side) for side in sides]
                shapes = [(side / ratio**0.5, side * ratio**0.5) for ratio in (0.5, 1.0, 2.0) for side in sides]
                if toolbox == "retinanet-torchvision":
                    shapes = [(2 * np.rint(wide / 2), 2 * np.rint(high / 2)) for wide, high in shapes]
                corner = 0.0
            found += [(column * stride + corner, line * stride + corner, *shape) for shape in shapes]
    return np.array(found)


def encode(rows, height, width, random, *, toolbox, classes=4):
    tables = {}
    for stride in STRIDES:
        laid = published(toolbox, height, width, stride)
        scores, offsets = random.uniform(0.001, 0.05, (len(laid), classes)), random.normal(0, 0.3, (len(laid), 4))
        for row in rows if stride == 16 else ():
            x1, y1, x2, y2 = row[:4]
            target = np.array(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1))
            index = int(np.abs(laid - target).sum(axis=1).argmin())
            offsets[index, :2] = (target[:2] - laid[index, :2]) / laid[index, 2:]
            offsets[index, 2:] = np.log(target[2:] / laid[index, 2:])
            scores[index, int(row[5])] = row[4]
        if toolbox == "efficientdet-split":
            offsets = offsets[:, [1, 0, 3, 2]]
        if toolbox != "retinanet-nvidia":
            scores = np.log(scores / (1 - scores))
        tables[stride] = scores, offsets
    if toolbox == "retinanet-torchvision":
        parts = (np.concatenate([table[part] for table in tables.values()]) for part in (0, 1))
        return {name: part[None].astype(np.float32) for name, part in zip(("cls", "box"), parts, strict=True)}
    outputs = {}
    for stride, table in tables.items():
        lines, columns = -(-height // stride), -(-width // stride)
        for name, part in zip(("cls", "box"), table, strict=True):
            planes = part.reshape(lines, columns, -1).transpose(2, 0, 1)
            outputs[f"{name}_{stride}"] = planes[None].astype(np.float32)
    return outputs


SIZES = {"sizes": ((320, 320), (256, 384)), "large": (320, 320)}
HEADS = {
    "retinanet-nvidia": {"encode": partial(encode, toolbox="retinanet-nvidia", classes=6), "classes": 6, **SIZES},
    "retinanet-mmdetection": {
        "encode": partial(encode, toolbox="retinanet-mmdetection", classes=80), "classes": 80, **SIZES,
        "of_classes": None,
    },
    "retinanet-mmdetection/classes of nobody's": {
        "encode": partial(encode, toolbox="retinanet-mmdetection", classes=6), "classes": 6, **SIZES,
        "rivals": ("efficientdet-split",),
    },
    "efficientdet-split": {
        "encode": partial(encode, toolbox="efficientdet-split", classes=90), "classes": 90, **SIZES,
        "of_classes": None,
    },
    "retinanet-torchvision": {
        "encode": partial(encode, toolbox="retinanet-torchvision", classes=91), "classes": 91, **SIZES,
        "of_classes": None,
    },
    "retinanet-torchvision/classes of nobody's": {
        "encode": partial(encode, toolbox="retinanet-torchvision", classes=6), "classes": 6, **SIZES,
        "rivals": ("efficientdet", "efficientdet-lite"),
    },
}  # fmt: skip


@pytest.mark.parametrize("toolbox", retinanet.ANCHORS)
@pytest.mark.parametrize("stride", STRIDES)
def test_the_anchors_are_those_of_the_toolbox(toolbox, stride):
    ours = retinanet.ANCHORS[toolbox](256, 384, (stride,)) * (384, 256, 384, 256)
    np.testing.assert_allclose(ours, published(toolbox, 256, 384, stride), rtol=1e-4, atol=1e-3)
