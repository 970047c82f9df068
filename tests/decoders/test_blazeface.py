from __future__ import annotations

import numpy as np

from edgerun import decoders
from edgerun.interpretation import decoder_choice


def encode(rows, height, width, random, *, ladder=((8, 2), (16, 6)), points=6, split=False):
    parts = []
    for stride, each in ladder:
        lines, columns = -(-height // stride), -(-width // stride)
        count = lines * columns * each
        scores, regressors = random.normal(-6, 1, count), random.normal(0, 10, (count, 4 + 2 * points))
        for row in rows if stride == ladder[0][0] else ():
            x1, y1, x2, y2, score, _ = row
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            line, column = int(y / stride), int(x / stride)
            index = (line * columns + column) * each + each - 1
            centre = np.array(((column + 0.5) * stride, (line + 0.5) * stride))
            corners = np.array([(x1, y1), (x2, y1), (x, y), (x1, y2), (x2, y2), (x, y1), (x, y2)])[:points]
            scores[index] = np.log(score / (1 - score))
            regressors[index] = np.concatenate(((x, y) - centre, (x2 - x1, y2 - y1), (corners - centre).reshape(-1)))
        parts.append((scores[None, :, None].astype(np.float32), regressors[None].astype(np.float32)))
    if split:
        return {f"Identity_{i}": part[kind] for i, (kind, part) in enumerate((k, p) for k in (0, 1) for p in parts)}
    return {
        "regressors": np.concatenate([part[1] for part in parts], axis=1),
        "classificators": np.concatenate([part[0] for part in parts], axis=1),
    }


def head(size, **habits):
    return {
        "encode": lambda *a: encode(*a, **habits), "classes": 1, "keypoints": habits.get("points", 6),
        "sizes": (size,), "large": None, "image": "hwc",
    }  # fmt: skip


HEADS = {
    "blazeface": head((128, 128)),
    "blazeface/back camera, split": head((256, 256), ladder=((16, 2), (32, 6)), split=True),
    "blazeface/full range": head((192, 192), ladder=((4, 1),)),
    "blazeface/palms": head((192, 192), points=7),
    "blazeface/bodies": head((224, 224), ladder=((8, 2), (16, 2), (32, 6)), points=4),
}


def test_faces_are_fed_minus_one_to_one_and_palms_nought_to_one(evidence):
    for name, size, mean in (("blazeface", 128, 1.0), ("blazeface/palms", 192, None)):
        outputs = HEADS[name]["encode"](np.empty((0, 6)), size, size, np.random.default_rng(0))
        match = decoder_choice.choose(evidence(HEADS[name], (size, size), outputs), decoders.BUILTIN).match
        assert match.conventions.get("mean") == mean
