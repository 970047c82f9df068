from __future__ import annotations

from functools import partial

import numpy as np

from edgerun import decoders
from edgerun.contract import Frame


def distribution(distance, bins):
    """Logits whose expectation is this distance: all the weight on the two bins around it."""
    logits = np.full(bins, -30.0)
    low = int(min(distance, bins - 2))
    share = np.clip(distance - low, 1e-9, 1 - 1e-9)
    logits[low], logits[low + 1] = np.log(1 - share), np.log(share)
    return logits


def place(row, strides, height, width, bins):
    """The finest stride whose bins reach all four sides from a cell at the middle of a box."""
    x1, y1, x2, y2 = row[:4]
    for stride in strides:
        if max(x2 - x1, y2 - y1) / 2 / stride + 1 < bins - 1:
            columns = -(-width // stride)
            return stride, int((y1 + y2) / 2 // stride), int((x1 + x2) / 2 // stride), columns
    raise AssertionError("too large for the head")


def encode(rows, height, width, random, *, strides, bins, offset, classes=4, logits=False):
    """stride -> (scores [N, C], distances [N, 4 · bins])."""
    found = {}
    for stride in strides:
        count = -(-height // stride) * -(-width // stride)
        scores = random.uniform(0.001, 0.05, (count, classes))
        found[stride] = scores, random.normal(0, 2, (count, 4 * bins))
    for row in rows:
        stride, line, column, columns = place(row, strides, height, width, bins)
        scores, distances = found[stride]
        x, y = (column + offset) * stride, (line + offset) * stride
        cell = line * columns + column
        assert scores[cell].max() < 0.1, "two objects in one cell"
        scores[cell, int(row[5])] = row[4]
        sides = (x - row[0], y - row[1], row[2] - x, row[3] - y)
        distances[cell] = np.concatenate([distribution(side / stride, bins) for side in sides])
    if logits:
        found = {stride: (np.log(scores / (1 - scores)), sides) for stride, (scores, sides) in found.items()}
    return found


def split(rows, height, width, random, *, order=1, names="", **habits):
    found = encode(rows, height, width, random, strides=(8, 16, 32), offset=0.5, **habits)
    arrays = [found[stride][part][None] for part in (0, 1) for stride in (8, 16, 32)]
    arrays = arrays[::order]
    return {f"{names}output_{index}": array.astype(np.float32) for index, array in enumerate(arrays)}


def joined(rows, height, width, random, *, strides, **habits):
    found = encode(rows, height, width, random, strides=strides, **habits)
    return {"output": np.concatenate([np.concatenate(found[s], axis=1) for s in strides])[None].astype(np.float32)}


HEADS = {
    "nanodet-split": {"encode": partial(split, bins=8)},
    "nanodet-split/logits, backwards, 11 bins": {"encode": partial(split, bins=11, logits=True, order=-1)},
    "nanodet-split/as many classes as channels of distances": {
        "encode": partial(split, bins=8, classes=32),
        "classes": 32,
    },
    "nanodet/the first": {"encode": partial(joined, strides=(8, 16, 32), bins=8, offset=0.5)},
    "nanodet/plus": {"encode": partial(joined, strides=(8, 16, 32, 64), bins=8, offset=0.0)},
}


def test_a_distribution_in_the_middle_of_two_bins_is_the_mean_of_both(evidence):
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "nanodet-split")
    outputs = split(np.empty((0, 6)), 320, 320, np.random.default_rng(0), bins=8)
    outputs["output_2"][0, 0] = (0, 0.9, 0, 0)
    sides = np.full((4, 8), -50, np.float32)
    sides[:, 1:3] = 0
    outputs["output_5"][0, 0] = sides.reshape(-1)
    known = evidence({}, (320, 320), outputs)
    found = decoder.matches(known).decode(outputs, Frame(320, 320, 0.5, known.card))
    np.testing.assert_allclose(found.boxes, [[16 - 48, 16 - 48, 16 + 48, 16 + 48]], atol=1e-4)
    np.testing.assert_array_equal(found.classes, [1])


def test_nanodet_is_fed_blue_green_red_less_imagenets_mean(evidence):
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "nanodet")
    head = HEADS["nanodet/plus"]
    outputs = head["encode"](np.empty((0, 6)), 416, 416, np.random.default_rng(0))
    match = decoder.matches(evidence({}, (416, 416), outputs))
    assert match.conventions["color"] == "bgr"
    assert match.conventions["mean"] == (103.53, 116.28, 123.675)
    assert match.conventions["scale"] == 1
