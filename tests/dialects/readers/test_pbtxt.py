from __future__ import annotations

import pytest

from edgerun.dialects.readers import pbtxt


def test_fields_are_lists_of_texts_and_messages():
    text = """
    # a comment
    name: "a # b" dims: [ -1, 3 ] dims: 2
    output [ { name: 'x\\'y' }, < name: "z" > ]
    input { kind: KIND_CPU; format { a: 1 } }
    """
    assert pbtxt.parse(text) == {
        "name": ["a # b"],
        "dims": ["-1", "3", "2"],
        "output": [{"name": ["x'y"]}, {"name": ["z"]}],
        "input": [{"kind": ["KIND_CPU"], "format": [{"a": ["1"]}]}],
    }
    assert pbtxt.parse("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a:",
        "a {",
        "a [",
        "a: [1",
        "{",
        "a: }",
        "a: [[1]]",
        '"a": 1',
        'a: "open',
        "a: 1 $",
        "a {" * 20,
        "x" * 4_000_001,
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_message_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        pbtxt.parse(text)
