"""Every decoder, the same questions."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.detections import Detections
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import decoder_choice


def finished(rows, height, width, random, *, columns):
    """Rows of an end-to-end head, the best first, then nothing."""
    count = 300
    table = np.zeros((count, 6))
    corners = random.uniform(0, 200, (count, 2))
    table[:, :4] = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
    table[:, 4] = np.sort(random.uniform(0.001, 0.1, count))[::-1]
    table[: len(rows)] = rows[np.argsort(-rows[:, 4])]
    if columns == 6:
        return {"output0": table[None].astype(np.float32)}
    order = [0, 1, 2, 3, 5, 4]
    return {"output": np.concatenate((np.zeros((count, 1)), table[:, order]), axis=1).astype(np.float32)}


def tensorflow(rows, height, width, random, *, names):
    count = 25
    corners = random.uniform(0, 0.7, (count, 2))
    boxes = np.concatenate((corners, corners + random.uniform(0.05, 0.3, (count, 2))), axis=1)
    classes, scores = random.integers(0, 4, count), np.sort(random.uniform(0.001, 0.1, count))[::-1].copy()
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows):
        boxes[index] = y1 / height, x1 / width, y2 / height, x2 / width
        classes[index], scores[index] = number, score
    arrays = (boxes[None], classes[None], scores[None], np.array([count]))
    return {name: array.astype(np.float32) for name, array in zip(names, arrays, strict=True)}


def named(*names):
    return {"encode": lambda *a: tensorflow(*a, names=names), "image": "hwc", "large": None}


def saved_model(*a):
    """A saved model's eight outputs, in the order of their names."""
    names = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    extra = {
        "raw_detection_boxes": np.random.default_rng(0).uniform(0, 1, (1, 1917, 4)),
        "raw_detection_scores": np.random.default_rng(1).uniform(0, 1, (1, 1917, 5)),
        "detection_anchor_indices": np.arange(25.0)[None],
        "detection_multiclass_scores": np.random.default_rng(2).uniform(0, 1, (1, 25, 5)),
    }
    outputs = tensorflow(*a, names=names)
    outputs["detection_classes"] += 1
    outputs |= {name: array.astype(np.float32) for name, array in extra.items()}
    return dict(sorted(outputs.items()))


def frozen(*a):
    """A frozen graph's four outputs, whose classes count from 1."""
    outputs = tensorflow(*a, names=[f"{name}:0" for name in FROZEN])
    outputs["detection_classes:0"] += 1
    return outputs


FROZEN = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
TFLITE = [f"TFLite_Detection_PostProcess{suffix}" for suffix in ("", ":1", ":2", ":3")]
HEADS = {
    "end2end": {"encode": lambda *a: finished(*a, columns=6), "large": None},
    "end2end-batched": {"encode": lambda *a: finished(*a, columns=7), "large": None},
    "tfod": named(*TFLITE),
    "tfod/by name": named("detection_boxes", "detection_classes", "detection_scores", "num_detections"),
    "tfod/saved model": {"encode": saved_model, "image": "hwc", "large": None},
    "tfod/frozen graph": {"encode": frozen, "image": "hwc", "picture": "image_tensor:0", "large": None},
    "tfod/by value": named("a", "b", "c", "d"),
}
"""Heads that are made nowhere else."""


def encoded(head, rows, size, seed=1):
    return head["encode"](rows, *size, np.random.default_rng(seed))


def rows_of(candidates):
    """x1 y1 x2 y2 score class, the best first; one row for each box of several equal ones."""
    if isinstance(candidates, Detections):
        rows = np.column_stack((candidates.xyxy, candidates.score, candidates.class_id))
    else:
        rows = np.column_stack((candidates.boxes, candidates.scores, candidates.classes))
    return rows[np.argsort(-rows[:, 4], kind="stable")]


def assert_same(candidates, expected, head):
    got = rows_of(candidates)
    expected = expected[np.argsort(-expected[:, 4], kind="stable")]
    assert len(got) == len(expected)
    np.testing.assert_allclose(got[:, :4], expected[:, :4], atol=1e-3)
    np.testing.assert_allclose(got[:, 4], expected[:, 4], atol=head.get("loose", 1e-5))
    np.testing.assert_array_equal(got[:, 5], expected[:, 5])


def test_known_boxes_come_back_to_a_thousandth_of_a_pixel(head_and_size, objects, read):
    head, size = head_and_size
    rows = objects(head, size, seed=size[1])
    name, candidates = read(head, size, encoded(head, rows, size))
    assert name == head["decoder"]
    assert_same(candidates, rows, head)


def test_it_is_claimed_by_its_decoder_alone_or_refused_with_the_names_of_all(head, size, objects, evidence):
    rows = objects(head, size)
    known = evidence(head, size, encoded(head, rows, size), blank=encoded(head, rows[:0], size))
    if not head.get("rivals"):
        assert decoder_choice.choose(known, decoders.BUILTIN).decoder.name == head["decoder"]
        return
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(known, decoders.BUILTIN)
    for name in (head["decoder"], *head["rivals"]):
        assert f'decoder="{name}"' in refusal.value.hint


def test_certainty_is_never_shared(head, size, objects, evidence):
    rows = objects(head, size)
    known = evidence(head, size, encoded(head, rows, size), blank=encoded(head, rows[:0], size))
    verdicts = {decoder.name: decoder.matches(known).sure for decoder in decoders.BUILTIN}
    certain = [name for name, sure in verdicts.items() if sure is Sure.CERTAIN]
    assert certain in ([], [head["decoder"]]), verdicts


def test_a_verdict_says_why_and_gives_a_basis_for_each_convention(head, size, objects, evidence):
    rows = objects(head, size)
    known = evidence(head, size, encoded(head, rows, size))
    for decoder in decoders.BUILTIN:
        match = decoder.matches(known)
        assert match.why
        assert set(match.conventions) == set(match.basis) or match.sure is Sure.NO
        assert all(
            text.startswith(("convention: ", "inferred: ", "argument", "sidecar")) for text in match.basis.values()
        )


def test_nothing_gives_no_rows(head, size, objects, read):
    rows = objects(head, size)
    _, candidates = read(head, size, encoded(head, rows[:0], size), probe=encoded(head, rows, size))
    assert len(candidates) == 0
    assert candidates.boxes.shape == (0, 4)
    assert candidates.boxes.dtype == candidates.scores.dtype == np.float32
    assert candidates.classes.dtype == np.int32


def test_one_object_gives_one_row(head, size, objects, read):
    rows = objects(head, size)
    _, candidates = read(head, size, encoded(head, rows[:1], size), probe=encoded(head, rows, size))
    assert_same(candidates, rows[:1], head)
    assert candidates.boxes.dtype == candidates.scores.dtype == np.float32


def test_ten_thousand_candidates_come_through_whole(large_head, objects, read):
    size = large_head.get("large", (1280, 1280))
    rows = objects(large_head, size)
    _, candidates = read(large_head, size, encoded(large_head, rows, size), conf=0.0)
    assert len(candidates) >= 10_000
    assert candidates.boxes.shape == (len(candidates), 4)
    assert candidates.scores.shape == candidates.classes.shape == (len(candidates),)
    assert np.isfinite(candidates.boxes).all()
    assert (candidates.scores >= 0).all()
    assert (candidates.scores <= 1).all()


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_raises_nothing_and_hurts_no_other_row(head, size, objects, read, poison):
    rows = objects(head, size)
    clean, ill, nothing = encoded(head, rows, size), encoded(head, rows, size), encoded(head, rows[:0], size)
    random = np.random.default_rng(5)
    for name, array in ill.items():
        if array.dtype.kind == "f" and array.shape == nothing[name].shape:
            free = np.flatnonzero(array.reshape(-1) == nothing[name].reshape(-1))  # what is not an object's
            array.reshape(-1)[random.choice(free, min(20, len(free) // 100))] = poison
    _, candidates = read(head, size, ill, probe=clean)
    kept = candidates.take(np.isfinite(candidates.boxes).all(axis=1) & (candidates.scores >= 0.25))
    assert candidates.boxes.shape == (len(candidates), 4)
    for row in rows:
        assert np.isclose(rows_of(kept), row, atol=1e-3).all(axis=1).any(), row


def test_a_higher_threshold_keeps_the_better_rows_and_no_others(head, size, objects, read):
    rows = objects(head, size)
    outputs = encoded(head, rows, size)
    scores = np.sort(rows[:, 4])
    between = float(scores[:2].mean()) if len(scores) > 1 else float(scores[0]) - 0.01
    _, candidates = read(head, size, outputs, conf=between)
    assert_same(candidates, rows[rows[:, 4] > between], head)
    _, none = read(head, size, outputs, conf=1.0)
    assert len(none) == 0


def test_keypoints_come_back_with_their_boxes(pointed_head, size, objects, read):
    head = pointed_head
    rows = objects(head, size)
    _, candidates = read(head, size, encoded(head, rows, size))
    assert candidates.keypoints.shape == (len(rows), head["keypoints"], 3)
    order = np.argsort(-candidates.scores)
    for points, row in zip(candidates.keypoints[order], rows[np.argsort(-rows[:, 4])], strict=True):
        x1, y1, x2, y2 = row[:4]
        expected = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
        count = min(len(points), 5)
        np.testing.assert_allclose(points[:count, :2], expected[:count], atol=2e-3)


@pytest.mark.parametrize("batch", [1, 2, 8, None], ids=lambda batch: f"batch of {batch or 'any'}")
def test_pictures_of_a_batch_keep_their_own_boxes(stacked_head, size, objects, shown, batch):
    head = stacked_head
    rows = [objects(head, size, seed=seed) for seed in range(5)]
    rows[3] = rows[3][:0]
    answers = [encoded(head, each, size) for each in rows]
    for found, expected in zip(shown(head, size, answers, answers[0], batch), rows, strict=True):
        assert_same(found, expected, head)


def test_every_decoder_has_a_head_here(all_heads):
    here = {head["decoder"] for head in all_heads.values()}
    assert {entry.name for entry in decoders.BUILTIN} == here


ODD_SHAPES = ((), (1,), (0, 7), (1, 1000), (1, 0, 6), (1, 3, 320, 320), (2, 3, 4, 5, 6))


@pytest.mark.parametrize("decoder", decoders.BUILTIN, ids=lambda decoder: decoder.name)
def test_outputs_of_no_family_raise_nothing(decoder, evidence):
    for shape in ODD_SHAPES:
        for count in (1, 2, 3, 4, 6, 12):
            outputs = {f"output_{index}": np.zeros(shape, np.float32) for index in range(count)}
            assert decoder.matches(evidence({}, (320, 320), outputs)).sure < Sure.CERTAIN, (shape, count)


def test_a_model_without_outputs_is_claimed_by_nobody(evidence):
    for decoder in decoders.BUILTIN:
        assert decoder.matches(evidence({}, (320, 320), {})).sure is Sure.NO
