from __future__ import annotations

from functools import partial

import numpy as np

from edgerun import decoders
from edgerun.contract import Sure


def encode(rows, height, width, random, *, order=1, squeezed=False):
    count = 300
    corners = random.uniform(0, 0.7, (count, 2))
    boxes = np.concatenate((corners, corners + random.uniform(0.05, 0.3, (count, 2))), axis=1) * ((width, height) * 2)
    labels, scores = random.integers(0, 80, count), np.sort(random.uniform(0.001, 0.1, count))[::-1].copy()
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows):
        boxes[index], labels[index], scores[index] = (x1, y1, x2, y2), number, score
    arrays = {"labels": labels, "boxes": boxes.astype(np.float32), "scores": scores.astype(np.float32)}
    return {name: arrays[name] if squeezed else arrays[name][None] for name in list(arrays)[::order]}


COMMON = {"inputs": ("orig_target_sizes",), "large": None}
HEADS = {
    "detr": {"encode": encode, **COMMON},
    "detr/without a batch, backwards": {"encode": partial(encode, order=-1, squeezed=True), **COMMON},
}


def test_without_the_input_of_sizes_it_is_somebody_elses(evidence):
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "detr")
    match = decoder.matches(evidence({}, (320, 320), outputs))
    assert match.sure is Sure.NO
    assert "orig_target_sizes" in match.why
