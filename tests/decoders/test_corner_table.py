"""Rows of x1 y1 x2 y2 and scores that a dialect names (LibreYOLO 1.6.0, backends/base.py, `_parse_yolo9`)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.decoders.corner_table import DECODERS
from edgerun.errors import DecoderUnknown
from edgerun.interpretation import decoder_choice

CARD = {"decoder": "corner-table", "labels": list("abcd")}


def encode(rows, height, width, random, *, turned=False, count=0):
    count = count or height * width // 64 + 1
    low = random.uniform(0, (width - 20, height - 20), (count, 2))
    table = np.concatenate((low, low + random.uniform(1, 20, (count, 2)), random.uniform(0, 0.01, (count, 4))), axis=1)
    for place, (*box, score, number) in enumerate(rows):
        table[place] = (*box, 0.001, 0.001, 0.001, 0.001)
        table[place, 4 + int(number)] = score
    output = table[None].astype(np.float32)
    return {"output": output if turned else np.ascontiguousarray(output.transpose(0, 2, 1))}


HEADS = {
    "corner-table": {"encode": encode, "card": CARD},
    "corner-table/rows first": {"encode": partial(encode, turned=True), "card": CARD},
}


def table(**more):
    return encode([(10, 20, 50, 60, 0.9, 2)], 320, 320, np.random.default_rng(0), **more)


@pytest.mark.parametrize("more", [{}, {"turned": True}, {"count": 8732}])
def test_it_is_read_where_it_is_named(evidence, more):
    (decoder,) = DECODERS
    assert decoder.matches(evidence({"card": CARD}, (320, 320), table(**more))).sure is Sure.CERTAIN
    for card in ({"labels": list("abcd")}, {**CARD, "labels": list("abc")}, {"decoder": "corner-table"}):
        assert decoder.matches(evidence({"card": card}, (320, 320), table(**more))).sure is Sure.NO


def test_labels_must_tell_the_axis(evidence):
    (decoder,) = DECODERS
    assert "not just one axis" in decoder.matches(evidence({"card": CARD}, (320, 320), table(count=8))).why


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda rows: rows * np.float32(np.inf), "finite"),
        (lambda rows: np.concatenate((rows[:, :4], rows[:, 4:] * 9 - 4), axis=1), "not 0..1"),
        (lambda rows: rows[:, [2, 3, 0, 1, 4, 5, 6, 7]], "not x1 y1 x2 y2"),
    ],
)
def test_what_speaks_against_it_is_said(evidence, spoilt, why):
    outputs = {name: spoilt(output) for name, output in table().items()}
    with pytest.raises(DecoderUnknown, match=why):
        decoder_choice.choose(evidence({"card": CARD}, (320, 320), outputs), decoders.BUILTIN)
