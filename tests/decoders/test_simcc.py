from __future__ import annotations

import numpy as np

from edgerun import decoders
from edgerun.contract import Frame, Sure
from edgerun.interpretation import card_fields, decoder_choice

(DECODER,) = (entry for entry in decoders.BUILTIN if entry.name == "simcc")
SIZE = (256, 192)


def encode(points, scores, size=SIZE, split=2, names=("simcc_x", "simcc_y")):
    height, width = size
    arrays = [np.random.default_rng(0).uniform(0, 0.1, (1, len(points), split * side)) for side in (width, height)]
    for index, (point, score) in enumerate(zip(points, scores, strict=True)):
        for array, place in zip(arrays, point, strict=True):
            array[0, index, round(place * split)] = score
    return {name: array.astype(np.float32) for name, array in zip(names, arrays, strict=True)}


def posed(rows, height, width, random):
    """One pose, all of whose joints score alike; where there is none, scores as low as between the joints."""
    places, _ = joints(17, (height, width), seed=3)
    score = rows[0, 4] if len(rows) else 0.0
    return encode(places, np.full(17, score), (height, width))


def whole(height, width, random):
    """One row with the box of all that was shown."""
    return np.array([(0, 0, width, height, random.uniform(0.5, 0.95), 0)])


HEADS = {"simcc": {"encode": posed, "rows": whole, "sizes": ((256, 192), (384, 288), (320, 256)), "large": None}}


def joints(count=17, size=SIZE, seed=1):
    random = np.random.default_rng(seed)
    places = random.integers(0, np.array(size[::-1]) * 2, (count, 2)) / 2
    return places, random.uniform(0.4, 0.9, count)


def read(known, outputs, size=SIZE, conf=0.25):
    match = DECODER.matches(known)
    card = card_fields.with_conventions(known.card, match)
    return match.decode(outputs, Frame(*size, conf, card))


def test_joints_come_back_with_the_box_of_all_that_was_shown(evidence):
    places, scores = joints()
    outputs = encode(places, scores)
    known = evidence({}, SIZE, outputs)
    assert decoder_choice.choose(known, decoders.BUILTIN).decoder is DECODER
    found = read(known, outputs)
    np.testing.assert_allclose(found.keypoints[0, :, :2], places, atol=1e-3)
    np.testing.assert_allclose(found.keypoints[0, :, 2], scores, atol=1e-6)
    np.testing.assert_array_equal(found.boxes, [[0, 0, 192, 256]])
    np.testing.assert_allclose(found.scores, [scores.mean()], atol=1e-6)


def test_lengths_say_which_output_is_x(evidence):
    places, scores = joints()
    outputs = encode(places, scores, names=("b", "a"))
    found = read(evidence({}, SIZE, outputs), outputs)
    np.testing.assert_allclose(found.keypoints[0, :, :2], places, atol=1e-3)


def test_in_a_square_names_say_it_or_nobody(evidence):
    size = (256, 256)
    places, scores = joints(21, size)
    outputs = encode(places, scores, size)
    known = evidence({}, size, outputs)
    np.testing.assert_allclose(read(known, outputs, size).keypoints[0, :, :2], places, atol=1e-3)
    assert DECODER.matches(known).conventions["labels"] == ("hand",)
    anonymous = encode(places, scores, size, names=("a", "b"))
    match = DECODER.matches(evidence({}, size, anonymous))
    assert match.sure is Sure.NO
    assert 'outputs={"a": "x", "b": "y"}' in match.why
    said = evidence({"card": {"outputs": {"a": "x", "b": "y"}}}, size, anonymous)
    np.testing.assert_allclose(read(said, anonymous, size).keypoints[0, :, :2], places, atol=1e-3)


def test_a_poor_pose_is_left_out(evidence):
    places, scores = joints()
    outputs = encode(places, scores * 0.3)
    assert len(read(evidence({}, SIZE, outputs), outputs, conf=0.5)) == 0
