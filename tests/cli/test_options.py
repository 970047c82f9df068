"""The options of every command with a model: the card's come from its table."""

from __future__ import annotations

import inspect

import pytest
import typer

from edgerun.card.fields import TABLE
from edgerun.cli import options


def taken(load):
    """What a command receives as `load`."""


def shown(name):
    """The option of an argument, as typer reads it."""
    signature = inspect.signature(options.takes_model(taken))
    annotation = signature.parameters[name].annotation
    return annotation.__metadata__[0]


def test_every_field_is_an_option_with_a_sentence_of_help():
    parameters = inspect.signature(options.takes_model(taken)).parameters
    names = {field.name for field in TABLE} - {"height", "width"} | {"imgsz"}
    assert names < set(parameters)
    for name in names:
        help = shown(name).help
        assert help[0].isupper() or help[0].isdigit()
        assert help.endswith(".")
        assert shown(name).rich_help_panel in options.PANELS.values()


def test_every_kind_of_value_is_a_kind_of_option():
    assert {type(field.kind) for field in TABLE} == set(options.AS_OPTION)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("imgsz", "320", (320, 320)),
        ("imgsz", "640x480", (480, 640)),
        ("imgsz", "640 X 480", (480, 640)),
        ("scale", "1/255", 1 / 255),
        ("mean", "0.5, 1/4,0", (0.5, 0.25, 0.0)),
        ("fill", "114", (114,)),
        ("fill", "1,2,3", (1, 2, 3)),
        ("inputs", "size=[[640,640]]", ("size", [[640, 640]])),
        ("outputs", "a=boxes", ("a", "boxes")),
    ],
)
def test_texts_become_values(name, text, value):
    assert shown(name).parser(text) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("imgsz", "large", "is not a size"),
        ("imgsz", "640x", "is not a size"),
        ("imgsz", "x480", "is not a size"),
        ("imgsz", "480,640", "may be either way round; give WIDTHxHEIGHT"),
        ("scale", "1/0", "is not a number"),
        ("std", "1,two", "is not a number"),
        ("fill", "grey", "is not a colour"),
        ("outputs", "boxes", "is not NAME=VALUE"),
        ("inputs", "a=b", "is not JSON"),
    ],
)
def test_texts_that_are_none_of_these_are_wrong_usage(name, text, words):
    with pytest.raises(typer.BadParameter, match=words):
        shown(name).parser(text)


def test_a_command_receives_what_was_given_alone():
    received = {}

    def command(load):
        received.update(load)

    parameters = inspect.signature(options.takes_model(command)).parameters
    given = {
        **dict.fromkeys(parameters),
        "max_det": 300,
        "classes": ["a, b", "c"],
        "delegate": ["cpu"],
        "outputs": [("a", "boxes")],
    }
    options.takes_model(command)(**given)
    assert received == {"max_det": 300, "classes": ["a", "b", "c"], "delegate": "cpu", "outputs": {"a": "boxes"}}
