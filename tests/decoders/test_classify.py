from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Graph, Node, Quantization, Sure
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import card_fields, decoder_choice

(DECODER,) = (entry for entry in decoders.BUILTIN if entry.name == "classify")
TFLITE = {"image": "hwc", "dtype": "uint8"}


def classified(rows, height, width, random, *, raw=False):
    """Shares of a thousand classes, or their logarithms; those that are not shown share what is left."""
    found = np.full(1000, (1 - rows[:, 4].sum()) / 1000)
    found[rows[:, 5].astype(int)] = rows[:, 4]
    found /= found.sum()
    return {"output": (np.log(found) + 3 if raw else found)[None].astype(np.float32)}


def whole(height, width, random):
    """Two rows with the box of all that was shown."""
    first = random.uniform(0.5, 0.6)
    return np.array([(0, 0, width, height, first, 7), (0, 0, width, height, 0.3, 500)])


FED = {"rows": whole, "large": None, "card": {"mean": 0.0, "resize": "stretch"}, "loose": 1e-3}
HEADS = {
    "classify": {"encode": classified, **FED},
    "classify/logits": {"encode": partial(classified, raw=True), **FED},
}


def shares(count=10, seed=0):
    powers = np.exp(np.random.default_rng(seed).normal(0, 2, count))
    return {"output": (powers / powers.sum())[None].astype(np.float32)}


def logits(count=10, seed=0):
    return {"output": np.random.default_rng(seed).normal(0, 3, (1, count)).astype(np.float32)}


def read(known, outputs, conf=0.0):
    match = DECODER.matches(known)
    card = card_fields.with_conventions(known.card, match)
    return match.decode(outputs, Frame(224, 160, conf, card))


def test_the_five_best_classes_have_the_box_of_all_that_was_shown(evidence):
    outputs = shares()
    found = read(evidence({}, (224, 160), outputs), outputs)
    order = np.argsort(-outputs["output"][0])[:5]
    np.testing.assert_array_equal(found.classes, order)
    np.testing.assert_array_equal(found.scores, outputs["output"][0, order])
    np.testing.assert_array_equal(found.boxes, [[0, 0, 160, 224]] * 5)


def test_a_graph_tells_logits_from_shares(evidence):
    outputs = shares()
    known = evidence({}, (224, 160), outputs, task="classify")
    product = Graph([Node("Gemm", inputs=("x", "w"), outputs=("output",))], ("images",), ("output",))
    assert DECODER.matches(known).conventions["outputs"] == {"output": "shares"}
    assert DECODER.matches(replace(known, graph=lambda: product)).conventions["outputs"] == {"output": "logits"}
    steps = [Node("Gemm", inputs=("x", "w"), outputs=("v",)), Node("Softmax", inputs=("v",), outputs=("output",))]
    softmax = Graph(steps, ("images",), ("output",))
    assert DECODER.matches(replace(known, graph=lambda: softmax)).conventions["outputs"] == {"output": "shares"}


def test_logits_go_through_a_softmax(evidence):
    outputs = logits(1000)
    known = evidence({}, (224, 160), outputs)
    assert DECODER.matches(known).conventions["outputs"] == {"output": "logits"}
    powers = np.exp(outputs["output"][0].astype(np.float64))
    expected = np.sort(powers / powers.sum())[::-1][:5]
    np.testing.assert_allclose(read(known, outputs).scores, expected, atol=1e-6)


def test_shares_that_do_not_add_up_to_one_stand_alone(evidence):
    outputs = {"output": np.array([[0.9, 0.8, 0.1]], np.float32)}
    known = evidence({}, (224, 160), outputs, task="classify")
    np.testing.assert_allclose(read(known, outputs).scores, [0.9, 0.8, 0.1])


@pytest.mark.parametrize("shape", [(1, 10, 1, 1), (1, 1, 1, 10)])
def test_axes_of_one_pixel_are_of_no_matter(evidence, shape):
    outputs = {"output": shares()["output"].reshape(shape)}
    assert len(read(evidence({}, (224, 160), outputs), outputs)) == 5


def test_values_of_no_known_number_are_not_taken_for_classes(evidence):
    outputs = logits(512)
    match = DECODER.matches(evidence({}, (224, 160), outputs))
    assert match.sure is Sure.NO
    assert 'task="classify"' in match.why
    assert DECODER.matches(evidence({}, (224, 160), outputs, task="classify")).sure is Sure.CERTAIN
    assert DECODER.matches(evidence({}, (224, 160), outputs, task="detect")).sure is Sure.NO


def test_labels_must_be_as_many_as_columns(evidence):
    assert DECODER.matches(evidence({}, (224, 160), shares(), labels=list("abcdefghij"))).sure is Sure.CERTAIN
    match = DECODER.matches(evidence({}, (224, 160), shares(), labels=list("abc")))
    assert match.sure is Sure.NO
    assert "3 labels" in match.why


def test_quantised_shares_are_known_by_their_steps(evidence):
    outputs = {"output": np.zeros((1, 1001), np.float32)}
    outputs["output"][0, 7] = 0.25
    known = evidence({}, (224, 160), outputs)
    stored = replace(known.outputs[0], dtype="uint8", quantization=Quantization((1 / 256,), (0,)))
    known = replace(known, outputs=[stored])
    found = read(known, outputs)
    np.testing.assert_array_equal(found.classes, [7])
    np.testing.assert_array_equal(found.scores, np.float32([0.25]))


def test_how_floats_are_normalised_must_be_said(evidence):
    for head in ({}, {"image": "hwc"}):
        with pytest.raises(DecoderAmbiguous) as refusal:
            decoder_choice.choose(evidence(head, (224, 160), shares()), decoders.BUILTIN)
        assert "mean=0" in refusal.value.hint
        assert (
            decoder_choice.choose(evidence(head, (224, 160), shares(), mean=0.0), decoders.BUILTIN).decoder is DECODER
        )


@pytest.mark.parametrize(
    ("dtype", "quantization", "expected"),
    [
        ("uint8", None, {"scale": 1.0, "mean": 0.0, "std": 1.0}),
        ("uint8", ((1 / 128,), (128,)), {"scale": 1.0, "mean": 128.0, "std": 128.0}),
        ("int8", ((1 / 255,), (-128,)), {"scale": 1 / 255, "mean": 0.0}),
        ("int8", ((1 / 127.5,), (0,)), {"scale": 1 / 127.5, "mean": 1.0}),
        ("int8", ((1.0,), (-128,)), {"scale": 1.0, "mean": 0.0}),
    ],
)
def test_a_quantised_input_tells_its_normalisation(evidence, dtype, quantization, expected):
    known = evidence({"image": "hwc", "dtype": dtype}, (224, 160), shares())
    stored = None if quantization is None else Quantization(*quantization)
    match = DECODER.matches(replace(known, image=replace(known.image, quantization=stored)))
    assert not match.unsettled
    assert match.conventions | expected == match.conventions


def test_a_range_that_exporters_make_up_tells_nothing(evidence):
    known = evidence({"image": "hwc", "dtype": "int8"}, (224, 160), shares())
    wide = replace(known.image, quantization=Quantization((0.01866,), (-14,)))  # ImageNet's, calibrated by habit
    assert "mean" in DECODER.matches(replace(known, image=wide)).unsettled


def test_metadata_that_speak_of_detectors_are_not_believed(evidence):
    known = evidence({}, (224, 160), shares())
    written = replace(known, card=known.card.with_field("mean", 0.0, "ultralytics metadata"))
    match = DECODER.matches(written)
    assert match.sure is Sure.NO
    assert "mean=(0.485, 0.456, 0.406)" in match.why
    told = replace(written, card=written.card.with_field("task", "classify", "ultralytics metadata"))
    assert DECODER.matches(told).sure is Sure.CERTAIN
