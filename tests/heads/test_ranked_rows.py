from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, Frame, Sure, TensorSpec
from edgerun.errors import DecoderUnknown
from edgerun.heads.ranked_rows import ranked_rows
from edgerun.interpretation import card_fields


@pytest.mark.parametrize("columns", ["", "xyxy score class", "xyxy class score angle", "xyxy score class scores"])
def test_words_that_no_layout_has_are_refused(columns):
    with pytest.raises(ValueError, match="columns must be"):
        ranked_rows("family", columns)


def test_a_family_leaves_suppression_to_its_export():
    assert not ranked_rows("family", "xyxy score class keypoints").suppress


def known(**fields):
    """What is known of a pose model with its suppression inside, whose trial run finds nothing."""
    image, rows = TensorSpec("images", (1, 640, 640, 3)), np.zeros((1, 300, 15), np.float32)
    said = {"task": "pose", "keypoints": 3, "keypoint_dims": 3, **fields}
    card = ModelCard(height=640, width=640, **said, sources=dict.fromkeys(said, "argument"))
    return Evidence([image], [TensorSpec("output0", rows.shape)], image, card, {}, lambda kind: {"output0": rows})


def frame(scale):
    """One person of 40..200 x 60..180 pixels, and nothing else."""
    rows = np.zeros((1, 300, 15), np.float32)
    rows[0, 0] = [40, 60, 200, 180, 0.9, 0, *[80, 90, 1] * 3]
    rows[0, 0, [0, 1, 2, 3, 6, 7, 9, 10, 12, 13]] *= scale
    return {"output0": rows}


POSES = ranked_rows("family", "xyxy score class keypoints")


def test_an_empty_trial_run_infers_no_units():
    """TFLite files of Ultralytics (8.3 and later, nms=True) give 0..1; ultralytics/ultralytics#18484."""
    match = POSES.matches(known())
    assert match.conventions["box_units"] == "unit"
    assert match.basis["box_units"].startswith("convention: TensorFlow's exporters")
    card = card_fields.with_conventions(known().card, match)
    assert len(match.decode(frame(1 / 640), Frame(640, 640, 0.25, card))) == 1


def test_rows_that_are_clearly_pixels_are_read_as_pixels_where_convention_alone_says_0_to_1():
    """PyTorch models with channels last beside their suppression give pixels, whatever TensorFlow's exporters do."""
    match = POSES.matches(known())
    card = card_fields.with_conventions(known().card, match)
    found = match.decode(frame(1), Frame(640, 640, 0.25, card)).scaled(640, 640)
    np.testing.assert_allclose(found.boxes, [[40, 60, 200, 180]], atol=1e-3)
    np.testing.assert_allclose(found.keypoints[0], [[80, 90, 1]] * 3, atol=1e-3)
    with pytest.raises(DecoderUnknown, match="boxes reach 10, which are not unit"):
        match.decode(frame(1 / 20), Frame(640, 640, 0.25, card))  # neither 0..1 nor clearly pixels
    evidence = known(box_units="unit")
    match = POSES.matches(evidence)
    card = card_fields.with_conventions(evidence.card, match)
    with pytest.raises(DecoderUnknown, match="boxes reach 200, which are not unit"):
        match.decode(frame(1), Frame(640, 640, 0.25, card))


def test_units_that_are_said_are_taken_and_held_against_each_frame():
    evidence = known(box_units="pixels")
    match = POSES.matches(evidence)
    card = card_fields.with_conventions(evidence.card, match)
    np.testing.assert_array_equal(match.decode(frame(1), Frame(640, 640, 0.25, card)).boxes, [[40, 60, 200, 180]])
    with pytest.raises(DecoderUnknown, match="not pixels"):
        match.decode(frame(1 / 640), Frame(640, 640, 0.25, card))


def ranked(classes, **fields):
    """What is known of poses that give these classes, best first, in a trial run."""
    rows = np.zeros((1, 300, 15), np.float32)
    for place, number in enumerate(classes):
        rows[0, place] = [40, 60, 200, 180, 0.9 - place / 100, number, *[80, 90, 1] * 3]
    return replace(known(**fields), probe=lambda kind: {"output0": rows})


@pytest.mark.parametrize(("labels", "sure"), [("abc", False), ("abcd", True), ("abcde", True), ("", True)])
def test_a_trial_run_must_not_give_a_class_that_no_label_names(labels, sure):
    match = POSES.matches(ranked([0, 3, 1], labels=tuple(labels)))
    assert (match.sure > Sure.NO) is sure, match.why
    if not sure:
        assert match.why == "a trial run gives class 3 of 3 labels"


def test_a_score_of_just_the_threshold_is_kept():
    evidence = ranked([0, 1, 2])
    match = POSES.matches(evidence)
    card = card_fields.with_conventions(evidence.card, match)
    rows = evidence.probe("blank")
    assert len(match.decode(rows, Frame(640, 640, float(rows["output0"][0, 1, 4]), card))) == 2
