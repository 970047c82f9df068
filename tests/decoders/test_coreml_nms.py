from __future__ import annotations

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, Frame, Sure, TensorSpec
from edgerun.decoders import coreml_nms

(DECODER,) = coreml_nms.DECODERS
IMAGE = TensorSpec("image", (1, 3, 64, 96))


def encode(rows, height, width, random):
    confidence = random.uniform(0.001, 0.02, (len(rows), 4))
    for row, shares in zip(rows, confidence, strict=True):
        shares[int(row[5])] = row[4]
    x1, y1, x2, y2 = rows[:, :4].T / np.array([[width, height, width, height]]).T
    coordinates = np.stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), axis=1)
    return {"confidence": confidence.astype(np.float32), "coordinates": coordinates.astype(np.float32)}


HEADS = {"coreml-nms": {"encode": encode, "picture": "image", "large": None}}


def known(*outputs: tuple[str, tuple[int, ...]], card: ModelCard | None = None) -> Evidence:
    specs = [TensorSpec(name, shape) for name, shape in outputs]
    return Evidence([IMAGE], specs, IMAGE, card or ModelCard(), {}, lambda kind: {})


def matched(*outputs, card=None):
    return DECODER.matches(known(*outputs, card=card))


def test_the_pair_is_known_by_its_names_even_without_rows():
    for rows in (0, 7):
        match = matched(("confidence", (rows, 80)), ("coordinates", (rows, 4)))
        assert match.sure is Sure.CERTAIN
        assert match.conventions["box_units"] == "unit"
        assert match.conventions["suppressed"] is True


def test_the_card_may_give_other_names():
    card = ModelCard().with_field("outputs", {"c": "confidence", "b": "coordinates"}, "sidecar")
    assert matched(("c", (7, 3)), ("b", (7, 4)), card=card).sure is Sure.CERTAIN
    assert matched(("x", (7, 3)), ("b", (7, 4)), card=card).sure is Sure.NO


@pytest.mark.parametrize(
    "outputs",
    [
        [("scores", (7, 3)), ("boxes", (7, 4))],
        [("confidence", (7, 3)), ("coordinates", (7, 5))],
        [("confidence", (7, 3)), ("coordinates", (8, 4))],
        [("confidence", (1, 7, 3)), ("coordinates", (1, 7, 4))],
        [("confidence", (7, 3))],
    ],
)
def test_other_outputs_are_not_taken(outputs):
    assert matched(*outputs).sure is Sure.NO


def test_labels_of_another_number_speak_against_it():
    card = ModelCard().with_field("labels", ["a", "b"], "argument")
    match = matched(("confidence", (7, 3)), ("coordinates", (7, 4)), card=card)
    assert match.sure is Sure.NO
    assert "3 classes contradict the 2 labels" in match.why


def test_rows_are_decoded_by_their_best_class():
    outputs = {
        "confidence": np.float32([[0.1, 0.8], [0.3, 0.2], [0.2, 0.2], [0, 0]]),
        "coordinates": np.float32([[0.5, 0.5, 0.2, 0.4], [0.25, 0.25, 0.5, 0.5], [0.1] * 4, [0] * 4]),
    }
    decode = matched(("confidence", (4, 2)), ("coordinates", (4, 4))).decode
    found = decode(outputs, Frame(64, 96, 0.25, ModelCard()))
    np.testing.assert_allclose(found.boxes, [[0.4, 0.3, 0.6, 0.7], [0, 0, 0.5, 0.5]], atol=1e-7)
    assert found.scores.tolist() == [np.float32(0.8), np.float32(0.3)]
    assert found.classes.tolist() == [1, 0]
    assert len(decode(outputs, Frame(64, 96, 0.0, ModelCard()))) == 3  # rows of zeros are filling


def test_no_rows_give_no_candidates():
    decode = matched(("confidence", (0, 3)), ("coordinates", (0, 4))).decode
    empty = {"confidence": np.zeros((0, 3), np.float32), "coordinates": np.zeros((0, 4), np.float32)}
    assert len(decode(empty, Frame(64, 96, 0.25, ModelCard()))) == 0
