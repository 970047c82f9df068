"""The kit for families catches what a family may get wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Candidates, Convention, Decoder, Match, Sure
from edgerun.testing import DecoderConformance, Head

SIZE = (320, 320)


def encode(objects, height, width, random):
    """Rows under a name that no other family has: x1 y1 x2 y2 score class, as many as there may be."""
    table = np.zeros((1, 50, 6, 1, 1), np.float32)
    table[0, : len(objects), :, 0, 0] = objects
    return {"odd rows": table}


HEAD = Head(encode, decoder="odd", large=None)


def read(outputs, frame, shift=0.0):
    rows = outputs["odd rows"][0, :, :, 0, 0]
    rows = rows[np.isfinite(rows).all(axis=1) & (rows[:, 4] >= frame.conf) & (rows[:, 4] > 0)]
    return Candidates(rows[:, :4] + np.float32(shift), rows[:, 4].copy(), rows[:, 5].astype(np.int32))


def matches(evidence, sure=Sure.LIKELY, decode=None):
    if [output.name for output in evidence.outputs] != ["odd rows"]:
        return Match(Sure.NO, "it needs an output of odd rows")
    return Match.bringing(sure, "its output is named so", Convention("it is trained so", color="rgb"), decode=decode)


def kit(*family):
    """The kit over these decoders."""
    made = type("Kit", (DecoderConformance,), {"decoders": family, "heads": {"odd": HEAD}})()
    return made, made._reading()


GOOD = Decoder("odd", matches, read)


def test_a_family_that_is_right_passes():
    made, reading = kit(GOOD)
    made.test_known_boxes_come_back_to_a_thousandth_of_a_pixel((HEAD, SIZE), reading)
    made.test_nothing_gives_no_rows(HEAD, reading)
    made.test_what_is_not_a_number_raises_nothing_and_hurts_no_other_row(HEAD, reading, np.nan)
    made.test_certainty_is_never_shared(HEAD, reading)
    made.test_a_verdict_says_why_and_gives_a_basis_for_each_convention(HEAD, reading)
    made.test_outputs_of_no_family_raise_nothing(GOOD)
    made.test_every_decoder_has_a_head()


def test_what_a_verdict_brings_is_what_reads():
    bound = Decoder(
        "odd", lambda evidence: matches(evidence, decode=read), lambda outputs, frame: read(outputs, frame, 9)
    )
    made, reading = kit(bound)
    made.test_known_boxes_come_back_to_a_thousandth_of_a_pixel((HEAD, SIZE), reading)


def test_boxes_that_are_a_little_off_are_caught():
    made, reading = kit(replace(GOOD, decode=lambda outputs, frame: read(outputs, frame, 0.01)))
    with pytest.raises(AssertionError):
        made.test_known_boxes_come_back_to_a_thousandth_of_a_pixel((HEAD, SIZE), reading)


def test_a_second_decoder_that_is_certain_too_is_caught():
    certain = [Decoder(name, lambda evidence: matches(evidence, Sure.CERTAIN), read) for name in ("odd", "twin")]
    made, reading = kit(*certain)
    with pytest.raises(AssertionError):
        made.test_certainty_is_never_shared(HEAD, reading)
    with pytest.raises(AssertionError):
        made.test_every_decoder_has_a_head()


def test_a_convention_without_a_basis_is_caught():
    made, reading = kit(replace(GOOD, matches=lambda evidence: Match(Sure.LIKELY, "so it is", {"color": "rgb"})))
    with pytest.raises(AssertionError):
        made.test_a_verdict_says_why_and_gives_a_basis_for_each_convention(HEAD, reading)


def test_a_threshold_that_is_not_kept_to_is_caught():
    made, reading = kit(replace(GOOD, decode=lambda outputs, frame: read(outputs, replace(frame, conf=0.0))))
    with pytest.raises(AssertionError):
        made.test_a_higher_threshold_keeps_the_better_rows_and_no_others(HEAD, reading)


def test_a_stranger_competes_with_all_that_edgerun_brings():
    _, reading = kit(GOOD)
    assert [decoder.name for decoder in reading.decoders] == [*(entry.name for entry in decoders.BUILTIN), "odd"]


def test_a_family_that_writes_into_the_outputs_is_caught():
    def spoils(outputs, frame):
        found = read(outputs, frame)
        outputs["odd rows"][0, :, 0] += 1
        return found

    made, reading = kit(GOOD)
    made.test_outputs_are_left_alone(HEAD, reading)
    made, reading = kit(replace(GOOD, decode=spoils))
    with pytest.raises(AssertionError):
        made.test_outputs_are_left_alone(HEAD, reading)


def test_a_family_that_swaps_height_and_width_is_caught():
    def turns(outputs, frame):
        found = read(outputs, frame)
        return replace(found, boxes=found.boxes * np.float32([frame.height / frame.width, 1] * 2))

    made, reading = kit(replace(GOOD, decode=turns))
    made.test_known_boxes_come_back_to_a_thousandth_of_a_pixel((HEAD, SIZE), reading)
    with pytest.raises(AssertionError):
        made.test_known_boxes_come_back_to_a_thousandth_of_a_pixel((HEAD, (256, 416)), reading)


def test_a_family_that_counts_cells_down_is_caught():
    """Every head that says no sizes of its own has one that no stride divides."""
    assert any(height % 8 and width % 8 and height != width for height, width in HEAD.sizes)

    def counts(outputs, frame):
        found = read(outputs, frame)
        return found if frame.width % 32 == 0 else found.take(slice(0))

    made, reading = kit(replace(GOOD, decode=counts))
    made.test_known_boxes_come_back_to_a_thousandth_of_a_pixel((HEAD, (256, 416)), reading)
    with pytest.raises(AssertionError):
        made.test_known_boxes_come_back_to_a_thousandth_of_a_pixel((HEAD, HEAD.sizes[-1]), reading)


def test_a_head_of_square_inputs_alone_is_caught():
    made, _ = kit(GOOD)
    made.test_one_size_of_several_is_not_square(HEAD)
    made.test_one_size_of_several_is_not_square(replace(HEAD, sizes=(SIZE,)))  # a family of one size
    with pytest.raises(AssertionError):
        made.test_one_size_of_several_is_not_square(replace(HEAD, sizes=((320, 320), (640, 640))))
