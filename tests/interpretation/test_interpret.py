"""The order in which claims count, from an opened model to its card."""

from __future__ import annotations

import json

import pytest

from edgerun.detector import open_model
from edgerun.errors import CardInvalid, DecoderUnknown
from edgerun.interpretation.interpret import interpret

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}


@pytest.fixture
def interpreted(colours):
    """(arguments, sidecar=None, **model) -> how a model of colours is fed and read."""
    opened = []

    def run(arguments=None, sidecar=None, **model):
        path = colours(**{"metadata": NAMES, **model})
        if sidecar is not None:
            path.with_name(path.name + ".edgerun.json").write_text(json.dumps({"edgerun": 1, **sidecar}))
        opened.append(open_model(path))
        return interpret(opened[-1], arguments or {})

    yield run
    for each in opened:
        each.close()


def test_each_field_has_the_source_that_counts_first(interpreted):
    card = interpreted({"conf": 0.5}, {"conf": 0.4, "iou": 0.3}).card
    assert {name: card.source(name) for name in ("conf", "iou", "labels", "height", "nms")} == {
        "conf": "argument",
        "iou": "sidecar",
        "labels": "ultralytics metadata",
        "height": "the file's input",
        "nms": "default",
    }
    assert card.source("box_units").startswith("inferred: ")
    assert card.source("decoder").startswith("inferred: 126 rows")


def test_the_same_list_gives_the_same_card(interpreted):
    first, second = interpreted({"conf": 0.5}), interpreted({"conf": 0.5})
    assert first.card == second.card


def test_what_outputs_contradict_is_refused_and_shows_what_was_looked_at(interpreted):
    with pytest.raises(DecoderUnknown, match="argument says box_units = 'unit'") as refusal:
        interpreted({"box_units": "unit"})
    assert refusal.value.evidence.card.box_units == "unit"
    assert refusal.value.verdicts[0][0] == "yolov8"


def test_an_output_that_is_not_there_is_refused_before_a_decoder_is_asked(interpreted):
    with pytest.raises(CardInvalid, match=r"sidecar speaks of an output odd, but colours\.onnx has none"):
        interpreted(sidecar={"outputs": {"odd": "boxes"}})


def test_labels_lose_a_background_where_only_that_fits(interpreted):
    found = interpreted({"labels": ("background", "red", "green", "blue")})
    assert found.card.labels == ("red", "green", "blue")
    assert found.card.source("labels") == "argument, less the background"
    with pytest.raises(DecoderUnknown, match="gives 5 labels"):
        interpreted({"labels": ("background", "red", "green", "blue", "more")})
