from __future__ import annotations

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Candidates, Frame
from edgerun.errors import DecoderUnknown
from edgerun.heads import finished_rows
from edgerun.heads.requirements import Unmet
from edgerun.tensors import Quantization, TensorSpec

BOXES = np.array([[10, 20, 60, 90], [100, 40, 150, 80]], np.float32)
SCORES, CLASSES = np.array([0.9, 0.4]), np.array([3.0, 0.0])


def card(**fields):
    made = ModelCard()
    for name, (value, source) in fields.items():
        made = made.with_field(name, value, source)
    return made


PIXELS = card(box_units=("pixels", "convention: so"))


def test_rows_as_they_should_be_pass():
    finished_rows.demand(BOXES, SCORES, CLASSES, PIXELS)
    finished_rows.demand(np.empty((0, 4)), np.empty(0), np.empty(0), PIXELS)


@pytest.mark.parametrize(
    ("boxes", "scores", "classes", "why"),
    [
        (BOXES, CLASSES, SCORES, "scores leaves 0..1"),
        (BOXES, SCORES, SCORES, "not whole numbers"),
        (BOXES[:, [2, 3, 0, 1]], SCORES, CLASSES, "lies before"),
        (BOXES / 320, SCORES, CLASSES, "not pixels"),
    ],
    ids=("scores", "classes", "corners", "units"),
)
def test_rows_that_cannot_be_so_are_refused_in_the_very_picture(boxes, scores, classes, why):
    with pytest.raises(DecoderUnknown, match=why):
        finished_rows.demand(boxes, scores, classes, PIXELS)


def test_percents_are_no_scores_however_few_rows_are_sure():
    scores = np.full(300, 0.1)
    scores[0] = 88.0
    assert "reaches 88" in finished_rows.misfit(np.tile(BOXES[:1], (300, 1)), scores, np.zeros(300))


def test_units_that_were_seen_are_not_doubted_again():
    finished_rows.demand(BOXES / 320, SCORES, CLASSES, card(box_units=("pixels", "inferred: boxes reach 300")))


def test_a_class_beyond_the_labels_is_refused():
    with pytest.raises(DecoderUnknown, match="class 3 is not one of the 3 labels"):
        finished_rows.demand(BOXES, SCORES, CLASSES, card(labels=(["a", "b", "c"], "sidecar")))


def test_what_pads_a_table_is_left_out():
    rows = np.array([[1, 2, 3, 4, 0.5, 0], [0] * 6, [-1] * 6, [1, 2, np.nan, 4, 0.5, 0]])
    np.testing.assert_array_equal(finished_rows.filled(rows), rows[:1])


def test_one_row_that_scores_is_never_inverted_however_many_others_are_right():
    boxes, scores = np.tile(BOXES[:1], (100, 1)), np.full(100, 0.05)
    boxes[0], scores[0] = (60, 90, 10, 20), 0.6
    assert finished_rows.misfit(boxes, scores, np.zeros(100)) == ""
    with pytest.raises(DecoderUnknown, match="in a row that scores"):
        finished_rows.demand(boxes, scores, np.zeros(100), PIXELS)
    scores[0] = 0.05  # a doubt may be of any form
    finished_rows.demand(boxes, scores, np.zeros(100), PIXELS)


def test_an_argument_is_held_against_the_frame_and_wins_over_what_nothing_shows():
    finished_rows.demand(BOXES / 320, SCORES, CLASSES, card(box_units=("unit", "argument")))
    with pytest.raises(DecoderUnknown, match="not unit"):
        finished_rows.demand(BOXES, SCORES, CLASSES, card(box_units=("unit", "argument")))


BY_CONVENTION = card(box_units=("unit", f"convention: so; {finished_rows.CHECKED_LATER}"))


def read(boxes, made, scores=SCORES):
    """These rows in pixels of an input of 320 x 160, as a detector has them."""
    found = Candidates(boxes.astype(np.float32), scores.astype(np.float32), np.array([3, 0], np.int32))
    settled = finished_rows.settled(found, boxes, scores, CLASSES, Frame(160, 320, 0.25, made))
    return settled.scaled(320, 160).boxes


def test_clearly_pixels_are_read_as_pixels_where_nothing_but_a_convention_says_otherwise():
    np.testing.assert_allclose(read(BOXES, BY_CONVENTION), BOXES, rtol=1e-6)
    np.testing.assert_allclose(read(BOXES / [320, 160, 320, 160], BY_CONVENTION), BOXES, rtol=1e-6)


@pytest.mark.parametrize("source", ["argument", "sidecar", "convention: TensorFlow's detectors answer so"])
def test_units_that_somebody_says_are_never_read_otherwise(source):
    with pytest.raises(DecoderUnknown, match="not unit"):
        read(BOXES, card(box_units=("unit", source)))


def test_one_stray_row_makes_no_pixels_of_boxes_in_0_to_1():
    with pytest.raises(DecoderUnknown, match="not unit"):
        read(np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 200, 0.4]]), BY_CONVENTION)


def test_rows_that_are_not_numbers_speak_for_nothing():
    boxes = np.concatenate((BOXES, np.full((1, 4), np.inf)))
    finished_rows.demand(boxes, np.append(SCORES, np.nan), np.append(CLASSES, np.inf), PIXELS)


def test_class_numbers_in_small_steps_are_rounded_and_in_large_ones_refused():
    """One scale for pixels and classes, 640 / 32767 in 16 bits, leaves them a hundredth off."""
    fine = TensorSpec("rows", (1, 300, 6), "int16", Quantization((640 / 32767,), (0,)))
    step = finished_rows.class_step(fine, 79)
    assert finished_rows.misfit(BOXES, SCORES, np.array([3.009, 0.0]), step) == ""
    assert "not whole" in finished_rows.misfit(BOXES, SCORES, np.array([3.3, 0.6]), step)
    with pytest.raises(Unmet, match="numbers of classes are lost"):
        finished_rows.class_step(TensorSpec("rows", (1, 300, 6), "uint8", Quantization((2.5,), (0,))), 79)


def test_half_floats_hold_class_numbers_up_to_2048():
    """IEEE 754 binary16 has 11 bits of significand: beyond 2048 its step is 2."""
    half = TensorSpec("classes", (1, 300), "float16")
    assert finished_rows.class_step(half, 79) <= 0.0625
    with pytest.raises(Unmet, match="steps of 2 about 2999"):
        finished_rows.class_step(half, 2999)


@pytest.mark.parametrize(("labels", "refused"), [("ab", True), ("abc", True), ("abcd", False), ("", False)])
def test_a_class_that_no_label_names_is_refused_from_the_first_on(labels, refused):
    """Class 3 is the fourth: three labels end before it."""
    known = card(box_units=("pixels", "convention: so"), labels=(list(labels), "argument"))
    assert finished_rows.mislabelled(CLASSES, known) == (
        f"a probe run gives class 3 of {len(labels)} labels" if refused else ""
    )
    if refused:
        with pytest.raises(DecoderUnknown, match=f"class 3 is not one of the {len(labels)} labels"):
            finished_rows.demand(BOXES, SCORES, CLASSES, known)
    else:
        finished_rows.demand(BOXES, SCORES, CLASSES, known)


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        ([1.5, 0.2], "leaves 0..1"),
        ([1.51, 0.2], "reaches 1.51"),
        ([1.02, 0.0], ""),
        ([-0.02, 0.5], ""),
        ([-0.1, 0.5], "0..1"),
    ],
)
def test_scores_may_leave_0_to_1_by_rounding_alone(scores, why):
    assert why in finished_rows.misfit(BOXES, np.array(scores), CLASSES)
    assert bool(why) == bool(finished_rows.misfit(BOXES, np.array(scores), CLASSES))


@pytest.mark.parametrize(
    ("classes", "step", "fits"),
    [
        ([3.0, 0], 0.0, True),
        ([2.9999, 0], 0.0, False),
        ([3.2, 0.2], 0.4, True),
        ([3.3, 0.3], 0.4, False),
        ([3, -1], 0.0, True),
    ],
)
def test_numbers_of_classes_are_whole_but_for_the_step_in_which_they_are_stored(classes, step, fits):
    assert (finished_rows.misfit(BOXES, SCORES, np.array(classes), step) == "") is fits


@pytest.mark.parametrize(("column", "edge"), [(2, 5), (3, 10)])
def test_a_box_is_crossed_in_one_direction_too(column, edge):
    boxes = BOXES.copy()
    boxes[0, column] = edge
    assert "lies before the near ones" in finished_rows.inverted(boxes, SCORES)
    assert finished_rows.inverted(boxes, np.array([0.24, 0.9])) == ""
    assert "in a row that scores 0.25" in finished_rows.inverted(boxes, np.array([0.25, 0.9]))


def settled_at(boxes, source, scores=SCORES):
    """x1 y1 x2 y2 of rows in a frame of 640 x 320, whose units "pixels" have this source."""
    found = Candidates(np.asarray(boxes, np.float32), SCORES.astype(np.float32), CLASSES.astype(np.int32))
    frame = Frame(320, 640, 0.25, card(box_units=("pixels", source)))
    return finished_rows.settled(found, found.boxes, scores, CLASSES, frame).boxes


def test_clearly_0_to_1_is_read_so_where_nothing_but_the_habit_of_exporters_says_pixels():
    unit, habit = BOXES / 320, f"convention: {finished_rows.USUAL_PIXELS}"
    np.testing.assert_allclose(settled_at(unit, habit), unit * [640, 320, 640, 320], rtol=1e-6)
    np.testing.assert_array_equal(settled_at(BOXES, habit), BOXES)
    for source in (f"convention: torchvision gives pixels; {finished_rows.CHECKED_LATER}", "argument"):
        with pytest.raises(DecoderUnknown, match="not pixels"):
            settled_at(unit, source)
    cut_off, doubts = np.array([[0, 0, 0.4, 0.9], [0, 0, 0.2, 0.3]]), np.array([0.2, 0.1])
    for boxes, scores in ((cut_off, SCORES), (unit, doubts)):
        with pytest.raises(DecoderUnknown, match="not pixels"):
            settled_at(boxes, habit, scores)
