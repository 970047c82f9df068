from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Graph, Node, TellsSupport
from edgerun.errors import InputError, ModelError, PluginError
from edgerun.runtime import installed
from edgerun.runtime.registry import Registry
from edgerun.tensors import TensorSpec
from edgerun.tools.ops import check

HEAD = """
delegate = "mine"
format = "onnx"
title = "A chip"
version = "1"
source = "https://example.org"
date = "2026-01-02"
"""

SECOND = """
[rules]
r = { text = "the second input is constant", inputs = [1], constant = true }
[operators]
Op = ["r"]
"""


@pytest.fixture
def table(tmp_path):
    """Reads a table of these lines."""

    def read(text: str, head: str = HEAD):
        path = tmp_path / "mine.toml"
        path.write_text(head + text)
        return check.read_table(path)

    return read


def graph(*nodes, inputs=("x",), shapes=None, constants=None, dtypes=None):
    """A graph of nodes ("Op", inputs, outputs) or (…, attributes)."""
    constants = {name: np.asarray(value) for name, value in (constants or {}).items()}
    shapes = {"x": (1, 3, 8, 8), **{name: array.shape for name, array in constants.items()}, **(shapes or {})}
    values = {name: TensorSpec(name, shape, (dtypes or {}).get(name, "float32")) for name, shape in shapes.items()}
    made = [Node(entry[0], "", tuple(entry[1]), tuple(entry[2]), *entry[3:]) for entry in nodes]
    return Graph(made, inputs, ("y",), values, constants)


def answers(table, found):
    return [verdict.supported for verdict in check.check(Path("m.onnx"), found, table).verdicts]


def one(table, rule, *node, **keywords):
    """The verdict on one operator under one rule: True, False or None where it is not checked."""
    known = table(f"[rules.r]\ntext = 'the rule'\n{rule}\n[operators]\nOp = ['r']")
    (verdict,) = check.check(Path("m.onnx"), graph(("Op", *node), **keywords), known).verdicts
    return None if verdict.unchecked else verdict.supported


def test_operators_in_the_list_are_supported_and_others_are_not(table):
    known = table("[operators]\nConv = []\nRelu = []")
    found = check.check(
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
        check.check(Path("m.onnx"), graph(("Constant", [], ["c"])), known)


def test_a_rule_for_every_operator_counts_too(table):
    known = table("every = ['r']\n[rules]\nr = { text = 'sizes are known', static = true }\n[operators]\nOp = []")
    assert answers(known, graph(("Op", ["x"], ["y"]), shapes={"x": (None,), "y": (1,)})) == [False]


def test_json_has_the_source_and_what_was_not_checked(table):
    known = table("[rules]\nr = { text = 'not by night' }\n[operators]\nOp = ['r']")
    found = check.check(Path("m.onnx"), graph(("Op", ["x"], ["y"])), known).to_dict()
    assert found["evidence"] == "static"
    assert found["documentation"]["source"] == "https://example.org"
    assert found["kinds"][0] == {
        "op": "Op", "count": 1, "unsupported": 0, "answer": "if", "reasons": [], "unchecked": ["not by night"],
    }  # fmt: skip
    assert found["first"] is None
    assert json.dumps(found)


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("[operators", "table declaration"),
        ("", "operators"),
        ("[operators]\nOp = ['nobody']", "nobody"),
        ("[rules]\nr = { text = 'a rule', colour = 3 }\n[operators]\nOp = []", "colour"),
        ("[rules]\nr = { text = 'a rule', dtypes = 'int8' }\n[operators]\nOp = []", "dtypes"),
    ],
)
def test_a_table_that_is_wrong_is_named_with_its_fault(table, text, culprit):
    with pytest.raises(PluginError, match=re.escape(culprit)):
        table(text)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PluginError, match=r"absent\.toml"):
        check.read_table(tmp_path / "absent.toml")


class Stranger:
    """A backend of a format of its own, which brings a graph and a table."""

    name = "stranger"
    formats = ("mine",)
    specimen = Path(__file__)

    def __init__(self, table):
        self.table = table

    def health(self):
        raise NotImplementedError

    delegates = open = health

    def graph(self, path):
        return graph(("Op", ["x"], ["y"]))

    def support_tables(self):
        return [self.table]


def test_a_stranger_brings_tables_and_graphs(table, tmp_path):
    table("[operators]\nOp = []", HEAD.replace("onnx", "mine"))
    registry = Registry(backends=[Stranger(tmp_path / "mine.toml")])
    (tmp_path / "model.mine").write_text("anything")
    path, format, seen = check.open_graph(tmp_path / "model.mine", registry=registry)
    (known,) = check.tables(format, registry=registry)
    assert check.check(path, seen, known).ok
    assert check.pick([known], "mine", format) is known
    with pytest.raises(InputError) as refusal:
        check.pick([known], "yours", format)
    assert refusal.value.hint == "use one of: mine"
    with pytest.raises(InputError, match="onnx models"):
        check.pick([known], "mine", "onnx")


def test_a_table_that_is_ill_does_not_take_the_others_with_it(table, tmp_path):
    table("[operators]\nOp = []", HEAD.replace("onnx", "mine"))
    (tmp_path / "ill.toml").write_text("delegate = 3")
    well, ill = Stranger(tmp_path / "mine.toml"), Stranger(tmp_path / "ill.toml")
    with pytest.warns(UserWarning, match=r"ill\.toml cannot be used"):
        (known,) = check.tables("mine", registry=Registry(backends=[ill, well]))
    assert known.delegate == "mine"


def test_a_table_that_is_not_there_is_said_in_words(tmp_path):
    with pytest.raises(PluginError, match=r"nowhere\.toml cannot be used: No such file or directory\."):
        check.read_table(tmp_path / "nowhere.toml")


def test_a_format_whose_graph_nobody_reads_says_what_to_do(tmp_path):
    class Blind(Stranger):
        graph = None

    (tmp_path / "model.mine").write_text("anything")
    with pytest.raises(ModelError, match="reads the operators of mine models"):
        check.open_graph(tmp_path / "model.mine", registry=Registry(backends=[Blind(None)]))


def shipped():
    backends = [backend for backend in installed.registry().backends if isinstance(backend, TellsSupport)]
    return [path for backend in backends for path in backend.support_tables()]


@pytest.mark.parametrize("path", shipped(), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_a_table_that_is_shipped_keeps_to_the_schema(path):
    import tomllib

    content = tomllib.loads(path.read_text())
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((Path(check.__file__).parents[2] / "contract" / "support.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    table = check.read_table(path)
    assert table.delegate == path.stem
    used = {name for names in content["operators"].values() for name in names} | set(content.get("every", ()))
    assert used == set(content.get("rules", ()))


def test_the_table_in_the_documentation_is_one(tmp_path):
    page = Path(check.__file__).parents[3] / "docs" / "ops.md"
    if not page.is_file():
        pytest.skip("the documentation is not beside the package")
    path = tmp_path / "documented.toml"
    path.write_text(page.read_text().partition("```toml\n")[2].partition("```")[0])
    assert check.read_table(path).operators["Resize"][1].attribute == "mode"
