"""What is open in a model, and every way to close it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgerun.contract import Candidates, Decoder, Match, Sure
from edgerun.detector import open_model
from edgerun.errors import DecoderUnknown
from edgerun.runtime import installed
from edgerun.tools.settle.hypotheses import arguments_in_words, plausible

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}


HABITS = {"color": "rgb", "scale": 1 / 255, "resize": "letterbox"}
YOLO = {"conventions": HABITS, "basis": dict.fromkeys(HABITS, "convention: so it is")}


@pytest.fixture
def read():
    """Opens a model and gives its plausible hypotheses."""
    opened = []

    def enumerate_(path, *, registry=None, **said):
        opened.append(open_model(path, registry=registry))
        return plausible(opened[-1], **said)

    yield enumerate_
    for one in opened:
        one.session.close()


def with_decoders(*decoders):
    """A registry that has these decoders alone."""
    return replace(installed.registry(), decoders=list(decoders))


def wrapped(name, **changes):
    """The decoder yolov8 under another name, whose match has these attributes."""
    real = next(decoder for decoder in installed.registry().decoders if decoder.name == "yolov8")

    def matches(evidence):
        return replace(real.matches(evidence), **changes)

    return Decoder(name, matches, lambda *a: Candidates.empty())  # `real` binds how to read to what it has seen


def test_what_only_a_convention_says_is_varied_the_convention_first(read, colours):
    found = read(colours(), registry=with_decoders(wrapped("yolo", sure=Sure.LIKELY, **YOLO)))
    assert [(one.name, one.values[0], one.strict) for one in found.open] == [
        ("color", "rgb", False), ("normalising", "0..1", False), ("resize", "letterbox", False),
    ]  # fmt: skip
    assert all(one.why == "convention: so it is" for one in found.open)
    assert len(found.hypotheses) == 2 * 4 * 3
    first = found.hypotheses[0]
    assert first.words == {"color": "rgb", "normalising": "0..1", "resize": "letterbox"}
    assert first.arguments_needed == {}
    assert len({tuple(hypothesis.words.values()) for hypothesis in found.hypotheses}) == len(found.hypotheses)


def test_what_the_file_says_is_kept(read, colours):
    found = read(colours(metadata=NAMES))
    assert found.open == ()
    assert len(found.hypotheses) == 1
    assert found.hypotheses[0].detector.card.labels == ("red", "green", "blue")


def test_what_an_argument_says_is_kept(read, colours):
    found = read(colours(), color="bgr", resize="stretch")
    assert [one.name for one in found.open] == ["normalising"]
    assert {hypothesis.detector.card.color for hypothesis in found.hypotheses} == {"bgr"}
    assert {hypothesis.detector.card.resize for hypothesis in found.hypotheses} == {"stretch"}


def test_mean_and_deviation_go_with_their_channels(read, colours):
    registry = with_decoders(wrapped("yolo", sure=Sure.LIKELY, **YOLO))
    found = read(colours(), registry=registry, resize="stretch")
    means = {
        hypothesis.words["color"]: hypothesis.detector.card.mean
        for hypothesis in found.hypotheses
        if hypothesis.words["normalising"].startswith("ImageNet")
    }
    assert means == {"rgb": (0.485, 0.456, 0.406), "bgr": (0.406, 0.456, 0.485)}


def test_a_normalisation_that_is_nearly_another_is_that_one(read, colours):
    habit = {"scale": 1 / 128, "mean": 127 / 128, "std": 1.0}
    basis = dict.fromkeys(habit, "convention: of a toolbox")
    found = read(colours(), registry=with_decoders(wrapped("almost", conventions=habit, basis=basis)))
    values = next(one.values for one in found.open if one.name == "normalising")
    assert values == ("-1..1", "0..1", "0..255", "ImageNet's mean and deviation")
    assert found.hypotheses[0].detector.card.mean == pytest.approx((127 / 128,) * 3)


def test_habits_of_a_family_are_parsed_and_have_no_usual_one(read, colours):
    habits = {"mean": {"mean=0": "some", "mean=0.5, std=0.5": "others"}, "resize": {'resize="stretch"': "some"}}
    registry = with_decoders(wrapped("habits", conventions={"scale": 1 / 255, "color": "rgb"}, unsettled=habits))
    found = read(colours(), registry=registry)
    strict = {one.name: one.strict for one in found.open}
    assert strict == {"color": False, "normalising": True, "resize": True}
    assert "-1..1" in next(one.values for one in found.open if one.name == "normalising")
    assert all(hypothesis.usual <= {"decoder", "color"} for hypothesis in found.hypotheses)


def test_families_that_cannot_be_told_apart_are_the_readings(read, colours):
    registry = with_decoders(
        wrapped("one", sure=Sure.LIKELY, conventions={"color": "rgb"}),
        wrapped("two", sure=Sure.LIKELY, conventions={"color": "bgr"}),
        wrapped("three", sure=Sure.POSSIBLE, conventions={"color": "bgr", "scale": 1.0}),
    )
    found = read(colours(), registry=registry)
    assert [one.name for one in found.open] == ["decoder"]
    assert [hypothesis.arguments for hypothesis in found.hypotheses] == [{"decoder": "one"}, {"decoder": "two"}]
    assert [hypothesis.detector.card.color for hypothesis in found.hypotheses] == ["rgb", "bgr"]


def test_families_that_read_alike_are_one(read, colours):
    habits = {"mean": {"mean=0": "some", "mean=0.5": "others"}}
    changes = {"sure": Sure.LIKELY, "conventions": {"color": "rgb"}, "unsettled": habits}
    alike = [wrapped(name, **changes) for name in ("one", "two")]
    found = read(colours(), registry=with_decoders(*alike), resize="stretch")
    assert [one.name for one in found.open] == ["color", "normalising"]
    assert {hypothesis.detector.card.decoder for hypothesis in found.hypotheses} == {"one"}


def test_a_reading_that_the_outputs_contradict_is_left_out_with_the_reason(read, colours):
    def matches(evidence):
        if evidence.card.color == "bgr":
            return Match(Sure.NO, "the channels are wrong")
        return Match(Sure.LIKELY, "all is well", {"color": "rgb"}, {"color": "convention: so it is"})

    registry = with_decoders(replace(wrapped("picky"), matches=matches))
    found = read(colours(), registry=registry, scale=1 / 255, resize="stretch")
    assert [hypothesis.words for hypothesis in found.hypotheses] == [{"color": "rgb"}]
    ((words, why),) = found.refused
    assert words == "bgr"
    assert "the channels are wrong" in why


def test_a_model_that_nobody_reads_is_refused_as_ever(read, colours):
    with pytest.raises(DecoderUnknown):
        read(colours(), registry=with_decoders(wrapped("no", sure=Sure.NO)))


def test_arguments_are_said_as_load_takes_them():
    said = arguments_in_words({"color": "bgr", "scale": 1 / 255, "mean": (0.5, 0.5, 0.5), "std": (0.2, 0.3, 0.4)})
    assert said == 'color="bgr", scale=1/255, mean=0.5, std=(0.2, 0.3, 0.4)'
