"""What callers may pass: our own words, other tools' words, and what is refused."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from edgerun import Detector, arguments
from edgerun.card import CardArguments, ModelCard
from edgerun.errors import CardInvalid, InputError

LABELS = ("cat", "dog", "cow")


def test_other_tools_words_mean_ours():
    assert arguments.card_arguments({"confidence": 0.3, "nms_threshold": 0.4, "names": ["a"], "max_results": 5}) == {
        "conf": 0.3,
        "iou": 0.4,
        "labels": ("a",),
        "max_det": 5,
    }
    assert set(arguments.ALIASES) | set(CardArguments.__annotations__) == set(arguments.LoadArguments.__annotations__)


def test_what_is_none_is_not_given():
    assert arguments.card_arguments({"conf": None, "color": "bgr", "labels": None, "imgsz": None}) == {"color": "bgr"}


def test_a_size_is_one_number_or_two():
    assert arguments.card_arguments({"imgsz": 320}) == {"height": 320, "width": 320}
    assert arguments.card_arguments({"imgsz": (320, 640)}) == {"height": 320, "width": 640}


def test_labels_are_read_from_where_they_are_said(tmp_path):
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert arguments.card_arguments({"labels": tmp_path / "labels.txt"})["labels"] == ("cat", "dog")
    assert arguments.card_arguments({"labels": "coco"})["labels"][0] == "person"
    with pytest.raises(CardInvalid, match="absent"):
        arguments.card_arguments({"labels": tmp_path / "absent.txt"})


@pytest.mark.parametrize("name", ["colour", "height", "sources", "max_detections_", "delegates"])
def test_an_argument_that_there_is_not_gets_todays_sentence(name):
    with pytest.raises(InputError, match=rf"^There is no argument {name}\.") as refusal:
        arguments.card_arguments({name: 1})
    assert refusal.value.hint.startswith("the fields of a card are task, decoder, labels")


@pytest.mark.parametrize(
    ("name", "guess"),
    [("colour", "color"), ("delegates", "delegate"), ("treads", "threads"), ("name", "names")],
)
def test_a_misspelt_argument_gets_a_guess(name, guess):
    with pytest.raises(InputError, match=rf"^There is no argument {name}\. Did you mean {guess}\?"):
        arguments.card_arguments({name: 1})


def test_load_takes_what_its_signature_says():
    keywords = inspect.signature(Detector.load).parameters.values()
    own = {each.name for each in keywords if each.kind is each.KEYWORD_ONLY}
    assert own == {*arguments.OF_LOAD_ALONE, "max_det"}
    of_call = inspect.signature(Detector.__call__).parameters.values()
    assert {each.name for each in of_call if each.kind is each.KEYWORD_ONLY} == {*arguments.OF_A_CALL, "color"}
    aliases = {alias for alias, own in arguments.ALIASES.items() if own in arguments.OF_A_CALL}
    assert set(arguments.CallArguments.__annotations__) == {*arguments.OF_A_CALL, "color", *aliases}


def test_one_thing_by_two_names_is_refused():
    for given in ({"conf": 0.3, "confidence": 0.3}, {"score_threshold": 0.3, "confidence": 0.4}):
        with pytest.raises(InputError, match="and conf are the same argument, and both are given"):
            arguments.card_arguments(given)


USUAL = arguments.usual(ModelCard(iou=0.5), "model.onnx", 300, None)


def test_what_is_kept_comes_from_the_card_then_from_the_defaults():
    assert (USUAL.conf, USUAL.iou, USUAL.max_det, USUAL.classes, USUAL.nms) == (0.25, 0.5, 300, None, "class")
    assert arguments.usual(ModelCard(suppressed=True, nms="soft"), "m", 1, None).nms == "none"
    assert arguments.usual(ModelCard(nms="soft"), "m", 1, None).nms == "soft"
    assert arguments.usual(ModelCard(conf=0.0, iou=0.0), "m", 1, None).conf == 0
    assert arguments.usual(ModelCard(conf=0.0, iou=0.0), "m", 1, None).iou == 0
    assert arguments.usual(ModelCard(labels=LABELS), "m", 1, ["dog", 0]).classes.tolist() == [1, 0]


def test_a_call_changes_what_it_says_alone():
    assert arguments.changed(USUAL, {"conf": None, "iou": None}) is USUAL
    assert arguments.changed(USUAL, {"score_threshold": 0.6, "nms": "none"}) == replace(USUAL, conf=0.6, nms="none")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"conf": 7}, "conf must be a number from 0 to 1, not 7."),
        ({"iou": "much"}, "iou must be a number from 0 to 1, not 'much'."),
        ({"max_det": 0}, "max_det must be a positive integer, not 0."),
        ({"max_det": True}, "max_det must be a positive integer, not True."),
        ({"nms": "some"}, "nms must be one of class, agnostic, soft, weighted, oks, none, not 'some'."),
        ({"labels": ["a"]}, "There is no argument labels."),
    ],
)
def test_the_impossible_is_refused_in_one_sentence_with_a_next_step(given, sentence):
    with pytest.raises(InputError) as refusal:
        arguments.changed(USUAL, given)
    assert refusal.value.message == sentence
    assert refusal.value.hint


def test_classes_are_names_and_numbers():
    assert arguments.class_ids(["cow", "1", 0], LABELS, "m").tolist() == [2, 1, 0]
    assert arguments.class_ids("dog", LABELS, "m").tolist() == [1]
    assert arguments.class_ids(7, (), "m").dtype == np.int32
    with pytest.raises(InputError, match="m has no class 'dgo'") as refusal:
        arguments.class_ids("dgo", LABELS, "m")
    assert refusal.value.hint == "did you mean dog? it knows cat, dog, cow"
    for number in (-1, 3):
        with pytest.raises(InputError, match=f"m has no class number {number}"):
            arguments.class_ids([number], LABELS, "m")
    with pytest.raises(InputError) as refusal:
        arguments.class_ids(["cat"], (), "m")
    assert "the model has no labels" in refusal.value.hint


def test_a_misspelt_argument_is_a_type_error(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    assert Detector.load.__annotations__["card"] == "Unpack[LoadArguments]"
    program = tmp_path / "program.py"
    program.write_text(
        "from typing import Unpack\n"
        "from edgerun.card import CardArguments\n"
        "def load(**card: Unpack[CardArguments]) -> None: ...\n"
        'load(conf=0.5, color="bgr", labels="coco", imgsz=320, scale=None)\n'
        'load(colour="bgr")\n'
        'load(color="cmyk")\n'
    )
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", tmp_path, program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    wrong = [line.partition("program.py:")[2] for line in ran.stdout.splitlines() if "error:" in line]
    assert [line.partition(":")[0] for line in wrong] == ["5", "6"], ran.stdout
    assert "colour" in wrong[0]


@pytest.mark.parametrize(
    ("nms", "suppressed", "kept"),
    [
        ("default", "inferred: an end-to-end head", "none"),
        ("sidecar", "inferred: an end-to-end head", "class"),
        ("libreyolo metadata", "inferred: an end-to-end head", "class"),
        ("sidecar", "sidecar", "none"),
    ],
)
def test_a_suppression_that_is_said_counts_where_one_inside_is_only_inferred(nms, suppressed, kept):
    sources = {name: source for name, source in (("nms", nms), ("suppressed", suppressed)) if source != "default"}
    card = ModelCard(suppressed=True, nms="class", sources=sources)
    assert arguments.usual(card, "m", 300, None).nms == kept
