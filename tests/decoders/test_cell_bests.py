from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.errors import DecoderAmbiguous
from edgerun.heads import grids
from edgerun.interpretation import decoder_choice

FED = {"mean": 0.0}


def encode(objects, height, width, random, *, per_cell=1, split=False, ordered=False):
    points = [np.tile(grids.centres(height, width, (stride,)), (per_cell, 1)) for stride in (8, 16, 32)]
    centres = np.concatenate(points)
    halves = random.uniform(5, 60, (len(centres), 2))
    scores = random.uniform(0.001, 0.1, len(centres))
    classes = random.integers(0, 4, len(centres))
    boxes = np.concatenate((centres - halves, centres + halves), axis=1)
    for index, row in enumerate(objects):
        boxes[index * 11], scores[index * 11], classes[index * 11] = row[:4], row[4], row[5]
    if ordered:
        scores = np.sort(scores)[::-1]
    if split:
        named = {"893": boxes, "901": scores, "910": classes}
        return {name: array[None].astype(np.uint8 if name == "910" else np.float32) for name, array in named.items()}
    return {"output": np.column_stack((boxes, scores, classes))[None].astype(np.float32)}


HEADS = {
    "cell-bests": {"encode": encode, "card": FED},
    "cell-bests/three per cell": {"encode": partial(encode, per_cell=3)},
    "cell-bests/three outputs": {"encode": partial(encode, split=True), "card": FED},
}


def verdicts(evidence, outputs):
    return {entry.name: entry.matches(evidence({}, (320, 320), outputs)).sure for entry in decoders.BUILTIN}


@pytest.mark.parametrize("split", [False, True])
def test_rows_of_all_cells_are_never_taken_for_finished_ones(evidence, split):
    found = verdicts(evidence, encode((), 320, 320, np.random.default_rng(0), split=split))
    assert found["cell-bests"] is Sure.LIKELY
    assert found["end2end"] is found["torchvision"] is Sure.NO


def test_rows_in_the_order_of_their_scores_are_not_those_of_cells(evidence):
    assert verdicts(evidence, encode((), 320, 320, np.random.default_rng(0), ordered=True))["cell-bests"] is Sure.NO


def test_how_one_row_per_cell_is_fed_has_to_be_said(evidence):
    with pytest.raises(DecoderAmbiguous, match="YOLOX"):
        decoder_choice.choose(
            evidence({}, (320, 320), encode((), 320, 320, np.random.default_rng(0))), decoders.BUILTIN
        )


def test_centres_are_not_read_as_corners(evidence):
    outputs = encode((), 320, 320, np.random.default_rng(0))
    boxes = outputs["output"][..., :4]
    centres, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    outputs["output"][..., :4] = np.concatenate((centres, sides), axis=-1)
    assert verdicts(evidence, outputs)["cell-bests"] is Sure.NO


@pytest.mark.parametrize(("labels", "read"), [("abc", False), ("abcd", True), ("abcde", True)])
def test_a_class_that_no_label_names_speaks_against_it(evidence, labels, read):
    """Cells of four classes, of which the last is class 3."""
    outputs = encode((), 320, 320, np.random.default_rng(0))
    (family,) = (entry for entry in decoders.BUILTIN if entry.name == "cell-bests")
    match = family.matches(evidence({}, (320, 320), outputs, labels=list(labels)))
    assert (match.sure is not Sure.NO) is read
    assert read or match.why == "a trial run gives class 3 of 3 labels"
