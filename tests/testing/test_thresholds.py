"""The kit catches families that drop a score of just the threshold, by their own comparison or by rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.contract import Candidates, Convention, Decoder, Match, Sure
from edgerun.heads import scores
from edgerun.testing import DecoderConformance, Head


def encode(objects, height, width, random):
    """Rows under a name that no other family has: x1 y1 x2 y2, a logit, a class; hardly anything where nothing is."""
    table = np.zeros((1, 200, 6, 1, 1))
    table[0, :, 4, 0, 0] = random.uniform(0.01, 0.1, 200)
    table[0, : len(objects), :, 0, 0] = objects
    table[0, :, 4] = np.log(table[0, :, 4] / (1 - table[0, :, 4]))
    return {"odd logits": table.astype(np.float32)}


def read(outputs, frame, keeps=lambda logits, conf: scores.sigmoid(logits) >= conf):
    rows = outputs["odd logits"][0, :, :, 0, 0]
    rows = rows[keeps(rows[:, 4], frame.conf)]
    return Candidates(rows[:, :4], scores.sigmoid(rows[:, 4]), rows[:, 5].astype(np.int32))


def matches(evidence):
    if [output.name for output in evidence.outputs] != ["odd logits"]:
        return Match(Sure.NO, "it needs an output of odd logits")
    return Match.bringing(Sure.LIKELY, "its output is named so", Convention("it is trained so", color="rgb"))


HEAD = Head(encode, decoder="odd", large=None)
GOOD = Decoder("odd", matches, read)


def kit(keeps=None):
    family = GOOD if keeps is None else replace(GOOD, decode=lambda outputs, frame: read(outputs, frame, keeps))
    made = type("Kit", (DecoderConformance,), {"decoders": (family,), "heads": {"odd": HEAD}})()
    return made, made._reading()


def test_a_family_that_compares_scores_passes():
    made, reading = kit()
    made.test_a_score_of_just_the_threshold_stays(HEAD, reading)
    made.test_a_higher_threshold_keeps_the_better_rows_and_no_others(HEAD, reading)


@pytest.mark.parametrize(
    "keeps",
    [
        lambda logits, conf: scores.sigmoid(logits) > conf,
        lambda logits, conf: logits >= scores.logit(conf),  # which rounds otherwise
        lambda logits, conf: scores.sigmoid(logits) >= conf + 1e-4,
    ],
    ids=["more than the threshold", "by logits", "a little more"],
)
def test_a_score_of_just_the_threshold_that_goes_is_caught(keeps):
    made, reading = kit(keeps)
    with pytest.raises(AssertionError):
        made.test_a_score_of_just_the_threshold_stays(HEAD, reading)
