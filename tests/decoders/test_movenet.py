from __future__ import annotations

import numpy as np

from edgerun import decoders
from edgerun.contract import Frame, Sure
from edgerun.frame import in_pixels as _in_pixels
from edgerun.interpretation import card_fields, decoder_choice

HEAD = {"image": "hwc", "dtype": "uint8"}


def decoder_of(name):
    return next(entry for entry in decoders.BUILTIN if entry.name == name)


def several(rows, height, width, random):
    """Six persons; joints at the corners and the middle of their boxes."""
    table = np.zeros((6, 56))
    table[:, :51] = random.uniform(0, 0.2, (6, 51))
    table[:, 51:53] = random.uniform(0, 0.3, (6, 2))
    table[:, 53:55] = table[:, 51:53] + 0.2
    table[:, 55] = random.uniform(0.01, 0.1, 6)
    for index, (x1, y1, x2, y2, score, _) in enumerate(rows):
        box = np.array([y1, x1, y2, x2]) / (height, width, height, width)
        places = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
        points = np.array([(y / height, x / width, 0.8) for x, y in places])
        table[index, :15], table[index, 51:55], table[index, 55] = points.reshape(-1), box, score
    return {"output_0": table[None].astype(np.float32)}


def single(rows, height, width, random):
    """One person, whose joints lie at the corners and the middle of the box and score alike."""
    x1, y1, x2, y2, score, _ = rows[0] if len(rows) else (10, 10, 50, 50, 0.05, 0)
    places = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
    points = np.array([(y / height, x / width, score) for x, y in places])[np.arange(17) % 5]
    return {"StatefulPartitionedCall:0": points[None, None].astype(np.float32)}


HEADS = {
    "movenet": {"encode": single, "classes": 1, "count": 1, "keypoints": 17, "large": None, **HEAD},
    "movenet-multipose": {"encode": several, "classes": 1, "keypoints": 17, "large": None, **HEAD},
}


def test_one_person_has_the_box_around_the_joints_that_are_seen(evidence):
    random = np.random.default_rng(0)
    joints = np.concatenate((random.uniform(0.2, 0.8, (17, 2)), random.uniform(0.5, 0.9, (17, 1))), axis=1)
    joints[5] = (0.01, 0.99, 0.1)
    outputs = {"StatefulPartitionedCall:0": joints[None, None].astype(np.float32)}
    known = evidence(HEAD, (192, 192), outputs)
    choice = decoder_choice.choose(known, decoders.BUILTIN)
    assert choice.decoder.name == "movenet"
    assert choice.match.sure is Sure.CERTAIN
    card = card_fields.with_conventions(known.card, choice.match)
    found = _in_pixels(choice.decode(outputs, Frame(192, 192, 0.25, card)), card)
    np.testing.assert_allclose(found.keypoints[0, :, :2], joints[:, 1::-1] * 192, atol=1e-3)
    np.testing.assert_allclose(found.keypoints[0, :, 2], joints[:, 2], atol=1e-6)
    seen = np.delete(joints, 5, axis=0)[:, 1::-1] * 192
    np.testing.assert_allclose(found.boxes[0], [*seen.min(axis=0), *seen.max(axis=0)], atol=1e-3)
    np.testing.assert_allclose(found.scores, [joints[:, 2].mean()], atol=1e-6)


def test_it_is_fed_bytes(evidence):
    outputs = several(np.empty((0, 6)), 192, 192, np.random.default_rng(0))
    match = decoder_of("movenet-multipose").matches(evidence(HEAD, (192, 192), outputs))
    assert (match.conventions["scale"], match.conventions["resize"]) == (1.0, "letterbox")
