from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgerun.card import sidecar
from edgerun.contract import Dialect, Match, Sure, Unsettled
from edgerun.dialects import BUILTIN
from edgerun.errors import CardInvalid
from edgerun.interpretation import card_fields
from edgerun.interpretation.claims import stated

ULTRALYTICS = {"names": "{0: 'cat'}", "stride": "32", "imgsz": "[320, 640]", "task": "detect"}


def gathered(tmp_path, metadata=None, beside=None, **arguments):
    model = tmp_path / "model.onnx"
    if beside is not None:
        (tmp_path / "model.onnx.edgerun.json").write_text(beside if isinstance(beside, str) else json.dumps(beside))
    return card_fields.fold(stated(model, metadata or {}, BUILTIN, arguments))


def test_the_first_word_counts(tmp_path):
    card = gathered(
        tmp_path,
        {**ULTRALYTICS, "edgerun": json.dumps({"edgerun": 1, "conf": 0.1, "iou": 0.2, "fill": 0})},
        {"edgerun": 1, "conf": 0.3, "iou": 0.4},
        conf=0.5,
    )
    assert (card.conf, card.iou, card.fill, card.labels) == (0.5, 0.4, (0, 0, 0), ("cat",))
    assert dict(card.sources) | {"conf": "argument", "iou": "sidecar", "fill": "edgerun metadata"} == dict(card.sources)
    assert card.source("labels") == "ultralytics metadata"
    assert card.source("suppressed") == "default"


def test_a_decoders_conventions_yield_to_what_was_said(tmp_path):
    match = Match(Sure.LIKELY, "rows like that", {"color": "bgr", "resize": "stretch"}, {"resize": "convention: so"})
    card = card_fields.with_conventions(gathered(tmp_path, color="rgb"), match)
    assert (card.color, card.resize) == ("rgb", "stretch")
    assert card.source("resize") == "convention: so"


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[1]", '{"edgerun": 2}', "{}", '{"edgerun": 1, "colour": "rgb"}', '{"edgerun": 1, "conf": 7}'],
)
def test_a_bad_sidecar_is_refused_and_named(tmp_path, text):
    with pytest.raises(CardInvalid, match="sidecar"):
        gathered(tmp_path, beside=text)


def says(name, overrules=False, **fields):
    return Dialect(name, lambda metadata, path: fields, overrules)


def heard(*dialects, **arguments):
    return card_fields.fold(stated(Path("model.onnx"), {}, dialects, arguments))


@pytest.mark.parametrize(
    ("ours", "theirs", "hint"),
    [
        ({"color": "rgb"}, {"color": "bgr"}, 'color="rgb" or color="bgr"'),
        ({"resize": "stretch"}, {"resize": "letterbox"}, 'resize="stretch" or resize="letterbox"'),
        ({"task": "pose"}, {"task": "detect"}, 'task="pose" or task="detect"'),
        ({"decoder": "yolov5"}, {"decoder": "yolov8"}, "decoder="),
        ({"box_units": "unit"}, {"box_units": "pixels"}, "box_units="),
        ({"suppressed": True}, {"suppressed": False}, "suppressed=True or suppressed=False"),
        ({"outputs": {"a": "boxes"}}, {"outputs": {"a": "scores"}}, "outputs="),
        ({"scale": 1.0}, {"scale": 1 / 255}, "scale, mean and std"),
        ({"scale": 1.0}, {"mean": 0.5, "std": 0.5}, "scale, mean and std"),
        ({"labels": ["a", "b"]}, {"labels": ["b", "a"]}, "labels"),
    ],
)
def test_two_dialects_that_contradict_one_another_are_refused_until_somebody_says(ours, theirs, hint):
    dialects = says("one", **ours), says("two", **theirs)
    with pytest.raises(CardInvalid, match=r"^The one metadata says .* the two metadata says") as refusal:
        heard(*dialects)
    assert hint in refusal.value.hint
    card = heard(*dialects, **(ours | theirs))
    assert {card.source(name) for name in ours | theirs} == {"argument"}


def test_one_normalisation_written_in_two_ways_is_one():
    in_shares = {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    in_bytes = {"scale": 1.0, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
    card = heard(says("one", **in_shares), says("two", **in_bytes))
    assert card.scale == 1 / 255
    assert card.source("std") == "one metadata"


def test_a_normalisation_is_taken_whole():
    card = heard(says("one", scale=1 / 255), says("two", scale=1.0, mean=0.0, std=255.0))
    assert (card.scale, card.std) == (1 / 255, (1.0, 1.0, 1.0)), "not the one's scale and the other's deviation"


def test_what_the_file_declares_overrules_what_others_describe():
    card = heard(says("file", True, color="bgr", scale=1.0), says("one", color="rgb", scale=1 / 255, conf=0.3))
    assert (card.color, card.scale, card.conf) == ("bgr", 1.0, 0.3)


def test_in_what_moves_nothing_the_first_word_counts_and_the_other_is_shown():
    card = heard(says("one", conf=0.3, labels=["a"]), says("two", conf=0.5, labels=["A", "b"]), says("three", conf=0.3))
    assert (card.conf, card.labels) == (0.3, ("a",))
    assert card.source("conf") == "one metadata; two metadata says otherwise"
    assert card.source("labels") == "one metadata; two metadata says otherwise"


def test_what_a_dialect_leaves_open_is_refused_until_somebody_says():
    open_ = Unsettled("says both", {'color="rgb"': "as some do", 'color="bgr"': "as others do"})
    with pytest.raises(CardInvalid, match=r"says both, which can mean .*as some do") as refusal:
        heard(says("one", color=open_, conf=0.3))
    assert refusal.value.hint == 'pass color="rgb" or color="bgr"'
    assert heard(says("one", color=open_), says("two", color="bgr")).color == "bgr"
    assert heard(says("one", color=open_), color="rgb").color == "rgb"


def test_damage_does_not_stop_who_says_the_whole_feed(tmp_path):
    feed = {"resize": "stretch", "color": "rgb", "scale": 1.0, "mean": 0.0, "std": 1.0}
    damaged = {**ULTRALYTICS, "names": "(" * 100}
    assert gathered(tmp_path, damaged, **feed).labels == ()
    assert gathered(tmp_path, damaged, {"edgerun": 1, **feed}).source("color") == "sidecar"
    (tmp_path / "model.onnx.edgerun.json").unlink()
    with pytest.raises(CardInvalid, match="ultralytics"):
        gathered(tmp_path, damaged, color="rgb")
    with pytest.raises(CardInvalid, match="other"):
        heard(says("one", **feed), Dialect("other", lambda metadata, path: metadata["none"]))


def test_damaged_metadata_is_refused_and_named(tmp_path):
    for value in ("(" * 100 + ")" * 100, "x" * 2_000_000):
        with pytest.raises(CardInvalid, match="ultralytics metadata"):
            gathered(tmp_path, {**ULTRALYTICS, "names": value})


def test_a_dialect_that_invents_a_field_is_named(tmp_path):
    dialect = Dialect("mine", lambda metadata, path: {"colour": "rgb"})
    with pytest.raises(CardInvalid, match="mine metadata"):
        card_fields.fold(stated(Path("model.onnx"), {}, [dialect], {}))


def test_a_written_sidecar_is_read_back_the_same(tmp_path):
    card = gathered(tmp_path, ULTRALYTICS, conf=0.5)
    sidecar.write(tmp_path / "model.onnx", card)
    again = gathered(tmp_path)
    for name in ("labels", "height", "width", "color", "conf", "resize", "fill"):
        assert getattr(again, name) == getattr(card, name)
    assert again.source("labels") == "sidecar"
