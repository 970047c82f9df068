from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, Frame, Quantization, TensorSpec
from edgerun.heads.finished_outputs import CORNERS, FROM_ONE, OutputsReader, classes_and_scores, given
from edgerun.heads.requirements import Unmet

OUTPUTS = {
    "b": np.array([[[10, 20, 60, 90], [100, 40, 150, 80]]], np.float32),
    "s": np.array([[0.9, 0.4]], np.float32),
    "c": np.array([[3, 1]], np.float32),
    "n": np.array([1], np.float32),
}
FRAME = Frame(320, 320, 0.3, ModelCard())


def test_roles_of_a_card_become_facts_of_the_reader():
    plain = OutputsReader.of({"b": "boxes", "s": "scores", "c": "classes"}, y_first=True)
    assert plain == OutputsReader("b", "s", "c", y_first=True)
    said = OutputsReader.of({"b": CORNERS, "s": "scores", "c": FROM_ONE, "n": "count"}, y_first=True)
    assert said == OutputsReader("b", "s", "c", count="n", first_class=1)


def test_rows_are_read_up_to_the_count():
    found = OutputsReader("b", "s", "c", count="n", y_first=True, first_class=1)(OUTPUTS, FRAME)
    np.testing.assert_array_equal(found.boxes, [[20, 10, 90, 60]])
    assert found.classes.tolist() == [2]
    assert OutputsReader("b", "s", "c")(OUTPUTS, FRAME).classes.tolist() == [3, 1]


def trial(**outputs):
    """What is known of a model that gives these outputs, and has four labels."""
    found = {**OUTPUTS, **{name: np.asarray(values, np.float32) for name, values in outputs.items()}}
    specs = [TensorSpec(name, array.shape) for name, array in found.items()]
    image, card = TensorSpec("image", (1, 320, 320, 3)), ModelCard(height=320, width=320, labels=tuple("abcd"))
    return Evidence([image], specs, image, card, {}, lambda kind: found)


def test_the_rows_of_a_trial_run_that_count_are_judged():
    boxes, scores, classes = OutputsReader("b", "s", "c", count="n", first_class=1).judged(trial())
    np.testing.assert_array_equal(boxes, OUTPUTS["b"][0, :1])
    assert (scores.tolist(), classes.tolist()) == ([np.float32(0.9)], [2])
    empty = OutputsReader("b", "s", "c", count="n").judged(trial(n=[0]))
    assert [len(each) for each in empty] == [0, 0, 0]


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ({"s": [[0.9, 0.4, 0.1]]}, "not of the same number"),
        ({"c": [[0, 1]]}, "gives class 0, where classes should count from 1"),
        ({"c": [[2.5, 1]]}, "not whole numbers"),
        ({"c": [[5, 1]]}, "gives class 4 of 4 labels"),
        (
            {"b": [[[60, 90, 10, 20], *[[10, 20, 60, 90]] * 30]], "s": [[0.9] * 31], "c": [[1] * 31], "n": [31]},
            "scores",
        ),
    ],
)
def test_rows_of_a_trial_run_that_cannot_be_so_are_refused(outputs, why):
    with pytest.raises(Unmet, match=why):
        OutputsReader("b", "s", "c", count="n", first_class=1).judged(trial(**outputs))


@pytest.mark.parametrize(
    ("arrays", "dtypes", "told"),
    [
        (([1.0, 2.0], [0.5, 0.2]), ("int64", "float32"), {"first": "classes", "second": "scores"}),
        (([0.5, 0.2], [0.0, 2.0]), ("float32", "float32"), {"second": "classes", "first": "scores"}),
        (([], []), ("int64", "float32"), {"first": "classes", "second": "scores"}),
        (([1.0, 0.0], [1.0, 0.0]), ("float32", "float32"), {}),
        (([1.0, 2.0], [5.5, 0.2]), ("int64", "float32"), {}),
        (([], []), ("float32", "float32"), {}),
    ],
    ids=("types", "values", "no rows", "both whole", "no scores", "nothing"),
)
def test_classes_are_told_from_scores(arrays, dtypes, told):
    values = {name: np.array(array, np.float32) for name, array in zip(("first", "second"), arrays, strict=True)}
    specs = [TensorSpec(name, values[name].shape, dtype) for name, dtype in zip(values, dtypes, strict=True)]
    assert classes_and_scores(specs, values) == told


def test_the_type_of_quantised_scores_tells_nothing():
    values = {"a": np.array([0.5, 0.25]), "b": np.array([3.0, 1.0])}
    specs = [
        TensorSpec("a", (2,), "uint8", Quantization((1 / 256,), (0,))),
        TensorSpec("b", (2,), "uint8", Quantization((1.0,), (0,))),
    ]
    assert classes_and_scores(specs, values) == {"a": "scores", "b": "classes"}


@pytest.mark.parametrize(
    ("stored", "classes"), [([2.9999, 0.0001], [3, 0]), ([3.2, 0.8], [3, 1]), ([2.6, 1.4], [3, 1])]
)
def test_numbers_of_classes_are_rounded(stored, classes):
    """As dequantised ones are, in steps of 0.9999 or 0.8."""
    reader = OutputsReader("b", "s", "c", step=0.9)
    found = reader({**OUTPUTS, "c": np.array([stored], np.float32)}, FRAME)
    assert found.classes.tolist() == classes


@pytest.mark.parametrize(("count", "rows"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_just_so_many_rows_are_counted(count, rows):
    assert len(OutputsReader("b", "s", "c", count="n")({**OUTPUTS, "n": np.array([count])}, FRAME)) == rows


@pytest.mark.parametrize(("conf", "rows"), [(0.5, 2), (0.51, 1), (0.75, 1), (0.76, 0)])
def test_a_score_of_just_the_threshold_is_kept(conf, rows):
    outputs = {**OUTPUTS, "s": np.array([[0.75, 0.5]], np.float32)}
    assert len(OutputsReader("b", "s", "c")(outputs, Frame(320, 320, conf, ModelCard()))) == rows


def test_roles_of_a_card_count_where_it_gives_all_that_are_needed():
    whole = {"b": "boxes", "s": "scores", "c": "classes"}
    for roles in (whole, {**whole, "b": CORNERS, "c": FROM_ONE}):
        assert given(SimpleNamespace(card=ModelCard(outputs=roles))) == roles
    for lacking in whole:
        part = {name: role for name, role in whole.items() if name != lacking}
        assert given(SimpleNamespace(card=ModelCard(outputs=part))) == {}
