from __future__ import annotations

import dataclasses
import json
import typing

import pytest

from edgerun.card import FIELDS, ModelCard, checked, fields, sidecar
from edgerun.card.kinds import Choice
from edgerun.errors import CardInvalid


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("labels", {0: "a", "2": "c"}, ("a", "1", "c")),
        ("labels", ["a", 5], ("a", "5")),
        ("fill", 114, (114, 114, 114)),
        ("mean", [0.5], (0.5, 0.5, 0.5)),
        ("std", (1, 2, 3), (1.0, 2.0, 3.0)),
        ("height", 640.0, 640),
        ("conf", None, None),
        ("conf", 1, 1.0),
        ("suppressed", True, True),
        ("outputs", {"a": "boxes"}, {"a": "boxes"}),
    ],
)
def test_a_field_takes_what_people_write(name, value, expected):
    assert checked(name, value, "sidecar") == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", "person"),
        ("labels", {"-1": "a"}),
        ("labels", 7),
        ("labels", {"999999999": "a"}),
        ("fill", 256),
        ("fill", [1, 2]),
        ("mean", "zero"),
        ("std", 0),
        ("std", float("nan")),
        ("scale", -1),
        ("scale", float("inf")),
        ("height", 0),
        ("height", 10**9),
        ("height", 2.5),
        ("height", True),
        ("width", None),
        ("conf", 1.01),
        ("conf", "0.5"),
        ("iou", -0.1),
        ("suppressed", 1),
        ("task", "track"),
        ("resize", "squash"),
        ("keypoint_dims", 4),
        ("decoder", ""),
        ("outputs", {"a": 1}),
        ("inputs", 3),
        ("no_such_field", 1),
    ],
)
def test_the_impossible_is_refused_by_name_and_source(name, value):
    with pytest.raises(CardInvalid) as refusal:
        checked(name, value, "sidecar")
    assert name in refusal.value.message
    assert "sidecar" in refusal.value.message
    assert refusal.value.hint


def test_the_published_schema_has_the_fields_of_the_card():
    schema = json.loads(sidecar.SCHEMA.read_text())
    assert set(schema["properties"]) == {*FIELDS, "edgerun", "sources", "$schema"}


def test_the_table_of_fields_is_what_the_card_and_the_arguments_of_load_have():
    names = [field.name for field in fields.TABLE]
    assert names == [entry.name for entry in dataclasses.fields(ModelCard) if entry.name != "sources"]
    of_load = set(fields.CardArguments.__annotations__)
    assert of_load == set(names) - {"height", "width"} | {"imgsz"}
    for field in fields.TABLE:
        if isinstance(field.kind, Choice):
            hints = (
                typing.get_type_hints(fields.CardArguments)[field.name],
                typing.get_type_hints(ModelCard)[field.name],
            )
            assert all(set(field.kind.words) <= set(words(hint)) for hint in hints)


def words(hint):
    """Those of a Literal, also of one that may be None."""
    return [word for entry in typing.get_args(hint) for word in (typing.get_args(entry) or (entry,))]


def test_the_published_schema_is_what_the_table_gives():
    assert json.loads(sidecar.SCHEMA.read_text()) == fields.sidecar_schema()


@pytest.mark.parametrize(
    ("name", "inside", "beyond"),
    [
        ("height", 1, 0), ("height", 16384, 16385), ("keypoints", 0, -1), ("keypoints", 10_000, 10_001),
        ("keypoint_dims", 2, 1), ("keypoint_dims", 3, 4), ("fill", 0, -1), ("fill", 255, 256), ("conf", 0, -0.001),
        ("conf", 1, 1.001), ("iou", 0.0, -0.001), ("iou", 1.0, 1.001), ("crop", 1.0, 1.001), ("crop", 0.001, 0),
        ("std", 1e-9, 0), ("scale", 1e-9, 0), ("side_multiple", 1, 0), ("shorter_side", 0, -1), ("longer_side", 0, -1),
    ],
)  # fmt: skip
def test_the_ends_of_a_range_belong_to_it(name, inside, beyond):
    value = checked(name, inside, "sidecar")
    assert value == inside or value == (inside,) * 3
    with pytest.raises(CardInvalid, match=f"sidecar gives {name} = "):
        checked(name, beyond, "sidecar")


@pytest.mark.parametrize("value", [True, False, "1"])
@pytest.mark.parametrize("name", ["height", "keypoints", "conf", "scale", "crop", "mean", "fill"])
def test_neither_a_flag_nor_a_text_is_a_number(name, value):
    with pytest.raises(CardInvalid):
        checked(name, value, "sidecar")


@pytest.mark.parametrize(
    ("table", "names"),
    [({}, ()), ({0: "a"}, ("a",)), ({1: "b"}, ("0", "b")), ({"2": "c", "0": "a"}, ("a", "1", "c"))],
)
def test_labels_of_a_table_go_up_to_its_last_number(table, names):
    assert checked("labels", table, "sidecar") == names


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_colour_has_one_number_or_three(count):
    for name in ("mean", "std", "fill"):
        assert checked(name, [7], "sidecar") == checked(name, 7, "sidecar") == checked(name, [7] * 3, "sidecar")
        with pytest.raises(CardInvalid, match="one number or three"):
            checked(name, [7] * count, "sidecar")


@pytest.mark.parametrize("value", ["1/255", "x", True, [1, 2], {}, float("nan")])
@pytest.mark.parametrize(("name", "kind"), [("scale", "number"), ("conf", "number"), ("height", "whole number")])
def test_what_is_no_number_is_refused_in_a_sentence(name, kind, value):
    with pytest.raises(CardInvalid, match=f"but {name} must be a {kind} "):
        checked(name, value, "sidecar")
