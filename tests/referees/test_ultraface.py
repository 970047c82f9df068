"""UltraFace by its authors' arithmetic, written again here in double precision: prior boxes, offsets, suppression.

github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB (MIT), commit on its master of 2020: the prior boxes of
`vision/ssd/config/fd_config.py`, the offsets of `vision/utils/box_utils_numpy.py` (variances .1 and .2), the scores
above .7 and the suppression at .3 of `detect_imgs_onnx.py`. Its eleven published models, run by those very scripts on
two photos, gave the rows that edgerun gives.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from edgerun import Detector

pytest.importorskip("onnxruntime", reason="exported models are run by ONNX Runtime")

pytestmark = pytest.mark.referee

SIZES = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}


def prior_boxes(height, width):
    """cx cy w h in 0..1, cell by cell: cells fill the image, whatever their stride is."""
    found = []
    for stride, sizes in SIZES.items():
        lines, columns = int(np.ceil(height / stride)), int(np.ceil(width / stride))
        for line, column, size in product(range(lines), range(columns), sizes):
            found.append(((column + 0.5) / columns, (line + 0.5) / lines, size / width, size / height))
    return np.clip(np.array(found), 0, 1)


def corners(offsets, priors):
    """x1 y1 x2 y2 in 0..1."""
    centres = offsets[:, :2] * 0.1 * priors[:, 2:] + priors[:, :2]
    sides = np.exp(offsets[:, 2:] * 0.2) * priors[:, 2:]
    return np.concatenate((centres - sides / 2, centres + sides / 2), axis=1)


def kept(boxes, scores):
    """Indices after suppression at .3, the best first."""
    left, found = list(np.argsort(-scores)), []
    while left:
        best = left.pop(0)
        found.append(best)
        left = [other for other in left if iou(boxes[best], boxes[other]) <= 0.3]
    return found


def iou(one, other):
    sides = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    areas = [(box[2:] - box[:2]).prod() for box in (one, other)]
    return sides.prod() / (sum(areas) - sides.prod() + 1e-5)


@pytest.mark.parametrize("size", [(240, 320), (480, 640), (240, 300), (200, 328), (120, 160)])
@pytest.mark.parametrize("shown", [(240, 320), (333, 517)])
def test_faces_are_those_of_the_authors_scripts(size, shown, tmp_path, recorded, noise, differences, rows_of):
    height, width = size
    priors = prior_boxes(height, width)
    random = np.random.default_rng(size)
    offsets = random.normal(0, 1.5, (len(priors), 4)).astype(np.float32)
    scores = random.uniform(0, 0.05, len(priors))
    faces = random.choice(len(priors), 60, replace=False)
    scores[faces] = np.linspace(0.5, 0.99, 60)
    shares = np.stack((1 - scores, scores), axis=1).astype(np.float32)
    recorded({"scores": shares[None], "boxes": offsets[None]}, tmp_path / "m.onnx", (1, 3, height, width), "input")
    boxes = corners(offsets.astype(np.float64), priors)
    sure = np.flatnonzero(scores > 0.7)
    chosen = sure[kept(boxes[sure], scores[sure])]
    inside = np.clip(boxes[chosen], 0, 1) * np.tile(shown[::-1], 2)
    expected = np.column_stack([inside, scores[chosen], np.zeros(len(chosen))])
    with Detector.load(tmp_path / "m.onnx") as detector:
        assert detector.card.decoder == "ssd-ultraface"
        found = rows_of(detector(noise(shown)))
    errors = differences(found, expected)
    assert errors[:, :4].max() < 1e-3
    assert errors[:, 4].max() < 1e-6
