"""The kit catches families that refuse a single class, or take labels of another number."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from edgerun.contract import Candidates, Convention, Decoder, Match, Sure
from edgerun.testing import DecoderConformance, Head

FED = Convention("it is trained so", color="rgb")


def encode(objects, height, width, random, *, classes=4):
    """x1 y1 x2 y2 and a score for each class, under a name that no other family has."""
    table = np.zeros((1, 50, 4 + classes, 2, 2), np.float32)
    for place, (*box, score, number) in enumerate(objects):
        table[0, place, :4, 0, 0], table[0, place, 4 + int(number), 0, 0] = box, score
    return {"odd columns": table}


def read(outputs, frame, last=None):
    rows = outputs["odd columns"][0, :, :, 0, 0]
    scores = rows[:, 4:last]
    best = scores.max(axis=1)
    kept = best >= max(frame.conf, 1e-6)
    return Candidates(rows[kept, :4], best[kept], scores[kept].argmax(axis=1).astype(np.int32))


def matches(evidence, right=lambda classes, labels: labels in (0, classes)):
    if [output.name for output in evidence.outputs] != ["odd columns"]:
        return Match(Sure.NO, "it needs an output of odd columns")
    classes, labels = evidence.outputs[0].shape[2] - 4, len(evidence.card.labels)
    if not right(classes, labels):
        return Match(Sure.NO, f"{classes} classes are not {labels} labels")
    return Match.bringing(Sure.LIKELY, "its output is named so", FED)


HEAD = Head(encode, decoder="odd", large=None, of_classes=lambda count: partial(encode, classes=count))
GOOD = Decoder("odd", matches, read)


def kit(decoder):
    made = type("Kit", (DecoderConformance,), {"decoders": (decoder,), "heads": {"odd": HEAD}})()
    return made, made._reading()


def with_rule(right):
    return kit(replace(GOOD, matches=lambda evidence: matches(evidence, right)))


def test_a_family_that_counts_as_it_should_passes():
    made, reading = kit(GOOD)
    made.test_a_head_of_one_class_is_read(HEAD, reading)
    made.test_as_many_labels_as_classes_are_taken(HEAD, reading)
    for surplus in (-1, 1):
        made.test_another_number_of_labels_than_of_classes_is_refused(HEAD, reading, surplus)
    made.test_a_class_that_no_label_names_is_never_given(HEAD, reading)


def test_a_family_that_refuses_one_class_is_caught():
    made, reading = with_rule(lambda classes, labels: classes > 1)
    with pytest.raises(Exception, match="No decoder reads"):
        made.test_a_head_of_one_class_is_read(HEAD, reading)


def test_a_family_that_refuses_the_one_label_of_one_class_is_caught():
    made, reading = with_rule(lambda classes, labels: labels == 0 or classes == labels > 1)
    with pytest.raises(Exception, match="label"):
        made.test_a_head_of_one_class_is_read(HEAD, reading)


@pytest.mark.parametrize(
    ("right", "surplus"), [(lambda classes, labels: labels <= classes, -1), (lambda classes, labels: True, 1)]
)
def test_a_family_that_takes_labels_of_another_number_is_caught(right, surplus):
    made, reading = with_rule(right)
    with pytest.raises(AssertionError, match="a column for each class"):
        made.test_another_number_of_labels_than_of_classes_is_refused(HEAD, reading, surplus)


def test_a_family_that_gives_a_class_without_a_name_is_caught():
    made, reading = with_rule(lambda classes, labels: True)
    with pytest.raises(AssertionError, match="no label names"):
        made.test_a_class_that_no_label_names_is_never_given(HEAD, reading)
