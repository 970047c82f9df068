from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Convention, Evidence, Frame, Sure, TensorSpec
from edgerun.heads import grids
from edgerun.heads.grid_rows import grid_rows

SIZE, STRIDES = 256, (8, 16, 32)
FED = Convention("a test says so", color="bgr")


def rows(*, box="cxcywh", confidence=None, classes=3, per_cell=1):
    """Rows of a network that sees nothing: boxes about the centres of their cells."""
    random = np.random.default_rng(0)
    parts = [np.tile(grids.centres(SIZE, SIZE, (stride,)), (per_cell, 1)) for stride in STRIDES]
    centres, steps = np.concatenate(parts), np.repeat(STRIDES, [len(part) for part in parts])[:, None]
    sizes = random.uniform(1, 3, (len(centres), 2)) * steps
    boxes = {
        "cxcywh": np.concatenate((centres, sizes), axis=1),
        "xyxy": np.concatenate((centres - sizes / 2, centres + sizes / 2), axis=1),
    }[box]
    scores = random.uniform(1e-4, 0.01, (len(centres), classes))
    columns = {
        None: (),
        "objectness": (random.uniform(1e-5, 1e-3, (len(centres), 1)),),
        "ones": (np.ones((len(centres), 1)),),
    }[confidence]
    scores = scores * 50 if confidence == "objectness" else scores
    return np.concatenate((boxes, *columns, scores), axis=1)[None].astype(np.float32)


def evidence(table, **said):
    image = TensorSpec("images", (1, 3, SIZE, SIZE), "float32")
    sources = dict.fromkeys(said, "argument")
    card = ModelCard(height=SIZE, width=SIZE, sources=sources, **said)
    spec = TensorSpec("out", table.shape, "float32")
    return Evidence([image], [spec], image, card, MappingProxyType({}), lambda kind: {"out": table})


LAYOUTS = {
    "cxcywh scores": rows(),
    "xyxy scores": rows(box="xyxy"),
    "cxcywh objectness scores": rows(confidence="objectness"),
    "cxcywh ones scores": rows(confidence="ones"),
}


@pytest.mark.parametrize("read", LAYOUTS)
@pytest.mark.parametrize("written", LAYOUTS)
def test_a_layout_is_believed_for_its_own_rows_alone(read, written):
    match = grid_rows("family", read, FED).matches(evidence(LAYOUTS[written]))
    assert (match.sure > Sure.NO) == (read == written), match.why


def test_a_match_brings_conventions_units_and_a_reader():
    match = grid_rows("family", "cxcywh scores", FED).matches(evidence(rows()))
    assert match.conventions == {"color": "bgr", "box_units": "pixels"}
    assert match.basis["color"] == "convention: a test says so"
    assert match.basis["box_units"].startswith("inferred: boxes of a probe run reach")
    assert match == grid_rows("another", "cxcywh scores", FED).matches(evidence(rows())), "readers compare by value"


@pytest.mark.parametrize("transposed", [False, True])
def test_an_object_is_read_from_either_order_of_axes(transposed):
    table = rows(confidence="objectness", per_cell=3)
    table[0, 7] = 100, 60, 40, 20, 0.9, 0.01, 0.8, 0.01
    table = table.transpose(0, 2, 1) if transposed else table
    known = evidence(table)
    match = grid_rows("family", "cxcywh objectness scores", FED, per_cell=3).matches(known)
    found = match.decode({"out": table}, Frame(SIZE, SIZE, 0.25, known.card))
    np.testing.assert_allclose(found.boxes, [[80, 50, 120, 70]])
    np.testing.assert_allclose(found.scores, [0.72], atol=1e-6)
    assert found.classes.tolist() == [1]


def test_the_order_of_axes_may_be_demanded():
    assert grid_rows("family", "cxcywh scores", order="CN").matches(evidence(rows())).sure is Sure.NO
    assert grid_rows("family", "cxcywh scores", order="NC").matches(evidence(rows())).sure is Sure.LIKELY


def test_labels_speak_for_a_layout_or_against_it():
    family = grid_rows("family", "cxcywh scores")
    assert family.matches(evidence(rows(), labels=tuple("abc"))).sure is Sure.CERTAIN
    assert "labels" in family.matches(evidence(rows(), labels=tuple("abcd"))).why


@pytest.mark.parametrize("columns", ["", "scores", "cxcywh score", "scores cxcywh", "cxcywh xyxy angles"])
def test_words_that_no_layout_has_are_refused(columns):
    with pytest.raises(ValueError, match="columns must be of"):
        grid_rows("family", columns)


def test_rows_of_another_grid_are_not_its_own():
    assert "per cell" in grid_rows("family", "cxcywh scores").matches(evidence(rows()[:, 1:])).why


@pytest.mark.parametrize(
    ("labels", "sure"), [((), True), (("face",), True), (("face", "plate"), False), (("a", "b", "c"), False)]
)
def test_an_objectness_alone_is_one_class_with_or_without_its_label(labels, sure):
    """[1, N, 5]: YOLOv5 of one class whose exporter leaves the column of ones out."""
    table = rows(confidence="objectness", classes=0, per_cell=3)
    said = {"labels": labels} if labels else {}
    match = grid_rows("family", "cxcywh objectness [scores]", FED, per_cell=3).matches(evidence(table, **said))
    assert (match.sure > Sure.NO) is sure, match.why
    if sure:
        table[0, 7, 4] = 0.5
        found = match.decode({"out": table}, Frame(SIZE, SIZE, 0.5, ModelCard()))
        assert (found.scores.tolist(), found.classes.tolist()) == ([0.5], [0])


@pytest.mark.parametrize("confidence", [None, "objectness", "ones"])
@pytest.mark.parametrize(("count", "sure"), [(0, True), (1, True), (2, False)])
def test_one_column_of_scores_is_one_class_with_or_without_its_label(confidence, count, sure):
    columns = " ".join(filter(None, ("cxcywh", confidence, "scores")))
    table = rows(confidence=confidence, classes=1)
    said = {"labels": ("face", "plate")[:count]} if count else {}
    match = grid_rows("family", columns, FED).matches(evidence(table, **said))
    assert (match.sure > Sure.NO) is sure, match.why


@pytest.mark.parametrize(("count", "sure"), [(2, False), (3, True), (4, False)])
def test_labels_are_just_as_many_as_columns_of_scores(count, sure):
    match = grid_rows("family", "cxcywh scores", FED).matches(evidence(rows(), labels=tuple("abcd"[:count])))
    assert (match.sure > Sure.NO) is sure, match.why
