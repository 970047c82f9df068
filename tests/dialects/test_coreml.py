from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgerun.dialects import BUILTIN, coreml
from edgerun.errors import CardInvalid
from edgerun.interpretation import card_fields
from edgerun.interpretation.claims import stated

PATH = Path("model.mlpackage")
IMAGE = {"coreml.image_color": "bgr", "coreml.image_height": "320", "coreml.image_width": "640"}
RULES = {"confidence": "confidence", "coordinates": "coordinates", "conf": 0.25, "iou": 0.45}


def read(**metadata):
    return coreml.DIALECT.read(metadata, PATH)


def test_a_file_of_another_kind_says_nothing():
    assert read(names="{0: 'person'}", stride="32") == {}


def test_a_declared_picture_settles_colour_and_scale():
    assert read(**IMAGE) == {"color": "bgr", "height": 320, "width": 640, "scale": 1.0, "mean": 0.0, "std": 1.0}


def test_grey_pictures_are_gray_and_fp16_ones_keep_their_scale_open():
    assert read(**IMAGE | {"coreml.image_color": "grayscale"})["color"] == "gray"
    half = read(**IMAGE | {"coreml.image_color": "grayscale_float16"})
    assert half["color"] == "gray"
    assert "scale" not in half


def test_the_picture_wins_over_the_exporters_scale_and_the_exporter_says_the_rest():
    metadata = {**IMAGE, "names": "{0: 'person', 1: 'bus'}", "stride": "32", "task": "detect"}
    card = card_fields.fold(stated(PATH, metadata, BUILTIN, {}))
    assert (card.scale, card.source("scale")) == (1.0, "coreml metadata")
    assert (card.color, card.resize, card.labels) == ("bgr", "letterbox", ("person", "bus"))
    assert card.source("resize") == "ultralytics metadata"


def test_a_suppression_brings_thresholds_units_and_meanings():
    fields = read(**{"coreml.suppression": json.dumps(RULES), "coreml.labels": '["a", "b"]'})
    assert (fields["suppressed"], fields["box_units"], fields["conf"], fields["iou"]) == (True, "unit", 0.25, 0.45)
    assert fields["outputs"] == {"confidence": "confidence", "coordinates": "coordinates"}
    assert fields["labels"] == ["a", "b"]


@pytest.mark.parametrize(
    "damage",
    [
        {**IMAGE, "coreml.image_color": "pink"},
        {**IMAGE, "coreml.image_height": "tall"},
        {"coreml.image_color": "rgb"},
        {"coreml.suppression": "{}"},
        {"coreml.suppression": "[1"},
        {"coreml.labels": "["},
        {**IMAGE, "coreml.image_height": "99999999"},
    ],
)
def test_damage_is_refused_with_its_source(damage):
    with pytest.raises(CardInvalid, match="coreml metadata"):
        card_fields.fold(stated(PATH, damage, BUILTIN, {}))
