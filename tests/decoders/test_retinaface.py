from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun.errors import DecoderAmbiguous

SQUARES = {8: (16, 32), 16: (64, 128), 32: (256, 512)}


def squares(height, width, ladder):
    """cx cy side, pixels, in the order of the paper's code: stride, line, column, side."""
    return np.array(
        [
            ((column + 0.5) * stride, (line + 0.5) * stride, side)
            for stride, sides in ladder.items()
            for line in range(-(-height // stride))
            for column in range(-(-width // stride))
            for side in sides
        ]
    )


def encode(rows, height, width, random, *, ladder=None, logits=False, corners=5, batch=True):
    anchors = squares(height, width, ladder or SQUARES)
    count = len(anchors)
    face = random.uniform(0.001, 0.1, count)
    loc, landmarks = random.normal(0, 1, (count, 4)), random.normal(0, 1, (count, 2 * corners))
    for x1, y1, x2, y2, score, _ in rows:
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        index = int(np.abs(anchors - (x, y, max(x2 - x1, y2 - y1))).sum(axis=1).argmin())
        centre, side = anchors[index, :2], anchors[index, 2]
        face[index] = score
        loc[index, :2] = ((x, y) - centre) / side / 0.1
        loc[index, 2:] = np.log(np.array((x2 - x1, y2 - y1)) / side) / 0.2
        points = np.array([(x1, y1), (x2, y1), (x, y), (x1, y2), (x2, y2)])[:corners]
        landmarks[index] = ((points - centre) / side / 0.1).reshape(-1)
    conf = np.stack((1 - face, face), axis=1)
    if logits:
        conf = np.log(conf) + random.normal(0, 3, (count, 1))
    arrays = {"output0": loc, "593": conf, "592": landmarks}
    return {name: (array[None] if batch else array).astype(np.float32) for name, array in arrays.items()}


PLATES = {8: (24, 48), 16: (96, 192), 32: (384, 768)}
SLIM = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
COMMON = {"classes": 1, "keypoints": 5}
HEADS = {
    "retinaface": {"encode": encode, **COMMON},
    "retinaface/logits": {"encode": partial(encode, logits=True), "loose": 1e-5, **COMMON},
    "retinaface/no batch": {"encode": partial(encode, batch=False), **COMMON},
    "retinaface/slim": {"encode": partial(encode, ladder=SLIM), **COMMON},
    # as many rows as with the squares of faces: refused unless it is named
    "retinaface-plates": {
        "encode": partial(encode, ladder=PLATES, corners=4),
        "rivals": ("retinaface",),
        "classes": 1,
        "keypoints": 4,
    },
}


def test_the_squares_are_those_of_the_papers_code():
    from edgerun.heads import prior_boxes

    ours = prior_boxes.Squares(prior_boxes.RETINAFACE)(240, 320)
    theirs = squares(240, 320, SQUARES)
    np.testing.assert_allclose(ours * (320, 240, 320, 240), theirs[:, [0, 1, 2, 2]], rtol=1e-5)


@pytest.mark.parametrize(("name", "ladder"), [("retinaface", SQUARES), ("retinaface-plates", PLATES)])
def test_plates_with_four_corners_are_counted_from_the_squares_that_are_said(read, objects, name, ladder):
    """cfg_mnet: Pytorch_Retinaface 16 … 512, License-Plate-Detector and Plate-Landmarks-detection 24 … 768."""
    rows = objects({"classes": 1}, (320, 320))
    outputs = encode(rows, 320, 320, np.random.default_rng(0), ladder=ladder, corners=4, batch=False)
    assert {array.shape for array in outputs.values()} == {(4200, 4), (4200, 2), (4200, 8)}
    with pytest.raises(DecoderAmbiguous, match="retinaface-plates"):
        read({}, (320, 320), outputs)
    _, found = read({"card": {"decoder": name}}, (320, 320), outputs)
    best = found.scores.argmax()
    np.testing.assert_allclose(found.boxes[best], rows[rows[:, 4].argmax(), :4], atol=0.1)
    assert found.keypoints.shape[1:] == (4, 3)
