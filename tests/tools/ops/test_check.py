"""Each condition of a table is checked where the graph tells, and listed where it does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Graph, Node
from edgerun.errors import InputError
from edgerun.tensors import TensorSpec
from edgerun.tools.ops.check import check

SECOND = """
[rules]
r = { text = "the second input is constant", inputs = [1], constant = true }
[operators]
Op = ["r"]
"""


def graph(*nodes, inputs=("x",), shapes=None, constants=None, dtypes=None):
    """A graph of nodes ("Op", inputs, outputs) or (…, attributes)."""
    constants = {name: np.asarray(value) for name, value in (constants or {}).items()}
    shapes = {"x": (1, 3, 8, 8), **{name: array.shape for name, array in constants.items()}, **(shapes or {})}
    values = {name: TensorSpec(name, shape, (dtypes or {}).get(name, "float32")) for name, shape in shapes.items()}
    made = [Node(entry[0], "", tuple(entry[1]), tuple(entry[2]), *entry[3:]) for entry in nodes]
    return Graph(made, inputs, ("y",), values, constants)


def answers(table, found):
    return [verdict.supported for verdict in check(Path("m.onnx"), found, table).verdicts]


def one(table, rule, *node, **keywords):
    """The verdict on one operator under one rule: True, False or None where it is not checked."""
    known = table(f"[rules.r]\ntext = 'the rule'\n{rule}\n[operators]\nOp = ['r']")
    (verdict,) = check(Path("m.onnx"), graph(("Op", *node), **keywords), known).verdicts
    return None if verdict.unchecked else verdict.supported


def test_operators_in_the_list_are_supported_and_others_are_not(table):
    known = table("[operators]\nConv = []\nRelu = []")
    found = check(
        Path("m.onnx"), graph(("Conv", "x", "a"), ("Relu", "a", "b"), ("NonZero", "b", "y"), ("Relu", "y", "z")), known
    )
    assert not found.ok
    assert found.share == 0.75
    assert found.before == 0.5
    assert found.pieces == 2
    assert found.first.node.op == "NonZero"
    assert found.first.reasons == ("NonZero is not in the list",)
    assert [(kind.op, kind.count, kind.answer) for kind in found.kinds] == [
        ("NonZero", 1, "no"),
        ("Relu", 2, "yes"),
        ("Conv", 1, "yes"),
    ]


@pytest.mark.parametrize(
    ("rule", "keywords", "expected"),
    [
        ("inputs = [0]\nranks = [4]", {}, True),
        ("inputs = [0]\nranks = [2, 3]", {}, False),
        ("inputs = [1]\nranks = [4]", {}, True),  # there is no second input
        ("outputs = [0]\nranks = [4]", {}, None),  # the file does not tell
        ("inputs = [0]\ndtypes = ['float32']", {}, True),
        ("inputs = [0]\ndtypes = ['int8']", {}, False),
        ("dtypes = ['float32']", {"shapes": {"y": (1,)}}, True),
        ("dtypes = ['float32']", {"shapes": {"y": (1,)}, "dtypes": {"y": "int8"}}, False),
        ("inputs = [0]\nstatic = true", {}, True),
        ("inputs = [0]\nstatic = true", {"shapes": {"x": (None, 3)}}, False),
        ("inputs = [0]\nsizes = { '0' = [1] }", {}, True),
        ("inputs = [0]\nsizes = { '-1' = [1] }", {}, False),
        ("inputs = [0]\nsizes = { '-5' = [1] }", {}, True),
        ("inputs = [0]\nsizes = { '0' = [1] }", {"shapes": {"x": (None, 3)}}, None),
        ("inputs = [0]\nconstant = true", {}, False),
        ("input_counts = [1, 2]", {}, True),
        ("output_counts = [2]", {}, False),
        ("attribute = 'mode'\none_of = ['a']\ndefault = 'a'", {}, True),
        ("attribute = 'mode'\none_of = ['a']\ndefault = 'b'", {}, False),
        ("attribute = 'mode'\none_of = ['a']", {}, None),
        ("inputs = [0]\noutputs = [0]\ncombinations = [['float32', 'int8']]", {}, None),
        ("", {}, None),
    ],
)
def test_a_condition_is_checked_where_the_graph_tells(table, rule, keywords, expected):
    assert one(table, rule, ["x"], ["y"], **keywords) is expected


def test_an_attribute_of_several_numbers_is_compared_whole(table):
    rule = "attribute = 'pads'\none_of = [[0, 0]]"
    assert one(table, rule, ["x"], ["y"], {"pads": (0, 0)}) is True
    assert one(table, rule, ["x"], ["y"], {"pads": (1, 1)}) is False


def test_constants_are_weights_and_what_follows_from_them(table):
    weights = {"constants": {"w": [1, 2]}}
    assert one(table, "inputs = [1]\nconstant = true", ["x", "w"], ["y"], **weights) is True
    assert one(table, "inputs = [1]\nvalues = [[1, 2]]", ["x", "w"], ["y"], **weights) is True
    assert one(table, "inputs = [1]\nvalues = [[2, 1]]", ["x", "w"], ["y"], **weights) is False
    known = table(
        "folded = ['*']\n[rules]\nr = { text = 'constant', inputs = [1], constant = true }\n[operators]\nOp = ['r']"
    )
    nodes = [("Transpose", ["w"], ["t"]), ("Op", ["x", "t"], ["y"])]
    assert answers(known, graph(*nodes, **weights)) == [True]


def test_what_a_loop_takes_is_no_constant(table):
    known = table(SECOND.replace("[1]", "[0]") + "Loop = []")
    nodes = [("Loop", ["x"], ["y"], {"body": {"inputs": ("i",), "outputs": ("o",)}}), ("Op", ["i"], ["o"])]
    assert answers(known, graph(*nodes)) == [True, False]


def test_skipped_operators_do_not_count(table):
    known = table("skipped = ['Constant']\n" + SECOND)
    assert answers(known, graph(("Constant", [], ["c"]), ("Op", ["x", "c"], ["y"]))) == [True]
    with pytest.raises(InputError, match="no operator"):
        check(Path("m.onnx"), graph(("Constant", [], ["c"])), known)


def test_a_rule_for_every_operator_counts_too(table):
    known = table("every = ['r']\n[rules]\nr = { text = 'sizes are known', static = true }\n[operators]\nOp = []")
    assert answers(known, graph(("Op", ["x"], ["y"]), shapes={"x": (None,), "y": (1,)})) == [False]


def test_json_has_the_source_and_what_was_not_checked(table):
    known = table("[rules]\nr = { text = 'not by night' }\n[operators]\nOp = ['r']")
    found = check(Path("m.onnx"), graph(("Op", ["x"], ["y"])), known).to_dict()
    assert found["evidence"] == "static"
    assert found["documentation"]["source"] == "https://example.org"
    assert found["kinds"][0] == {
        "op": "Op", "count": 1, "unsupported": 0, "answer": "if", "reasons": [], "unchecked": ["not by night"],
    }  # fmt: skip
    assert found["first"] is None
    assert json.dumps(found)
