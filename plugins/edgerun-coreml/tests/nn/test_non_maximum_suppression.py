"""The layer of non-maximum suppression against its description, written out in numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from nn_model import apply, apply_flexible

RNG = np.random.default_rng(7)


def overlap(a, b):
    low = np.maximum(a[:2] - a[2:] / 2, b[:2] - b[2:] / 2)
    high = np.minimum(a[:2] + a[2:] / 2, b[:2] + b[2:] / 2)
    common = np.prod(np.maximum(high - low, 0))
    return common / (np.prod(a[2:]) + np.prod(b[2:]) - common)


def suppress(boxes, scores, iou, threshold, limit, per_class):
    """The numbers of the boxes that survive, best first."""
    best, classes = scores.max(1), scores.argmax(1)
    kept = []
    for place in np.argsort(-best, kind="stable"):
        rivals = [k for k in kept if not per_class or classes[k] == classes[place]]
        if best[place] >= threshold and all(overlap(boxes[place], boxes[k]) <= iou for k in rivals):
            kept.append(place)
    return (kept or [int(best.argmax())])[:limit]


def expected(boxes, scores, *rules, limit):
    batch, _, classes = scores.shape
    found = [np.zeros((batch, limit, 4)), np.zeros((batch, limit, classes)), -np.ones((batch, limit)), np.zeros(batch)]
    for image in range(batch):
        kept = suppress(boxes[image], scores[image], *rules[:2], limit, rules[2])
        count = len(kept)
        found[0][image, :count], found[1][image, :count] = boxes[image][kept], scores[image][kept]
        found[2][image, :count], found[3][image] = kept, count
    return found


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize(("batch", "classes", "limit"), [(1, 1, 5), (2, 3, 12), (2, 3, 60)])
def test_suppression_keeps_the_best_and_pads(batch, classes, limit, per_class):
    boxes = RNG.uniform(0.1, 0.6, (batch, 40, 4)).astype(np.float32)
    scores = RNG.uniform(0, 1, (batch, 40, classes)).astype(np.float32)
    for iou, threshold in itertools.product((0.1, 0.5), (0.0, 0.6, 2.0)):
        wanted = expected(boxes, scores, iou, threshold, per_class, limit=limit)
        params = {"iouThreshold": iou, "scoreThreshold": threshold, "maxBoxes": limit}
        found = apply("NonMaximumSuppression", boxes, scores, outputs=4, perClassSuppression=per_class, **params)
        for have, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-6)


def test_thresholds_may_be_computed_and_sizes_flexible():
    boxes = RNG.uniform(0.1, 0.6, (2, 30, 4)).astype(np.float32)
    scores = RNG.uniform(0, 1, (2, 30, 2)).astype(np.float32)
    wanted = expected(boxes, scores, 0.2, 0.5, False, limit=8)
    found = apply_flexible("NonMaximumSuppression", boxes, scores, [0.2], [0.5], [8], outputs=4)
    for have, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-6)


def test_a_score_at_the_threshold_is_kept():
    boxes = np.float32([[[0.2, 0.2, 0.1, 0.1], [0.8, 0.8, 0.1, 0.1]]])
    scores = np.float32([[[0.5], [0.25]]])
    for threshold, count in ((0.25, 2), (0.5, 1)):
        params = {"iouThreshold": 0.5, "scoreThreshold": threshold, "maxBoxes": 4}
        assert apply("NonMaximumSuppression", boxes, scores, outputs=4, **params)[3] == count
