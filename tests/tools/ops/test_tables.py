"""Graphs and tables come from whatever is installed, strangers' plugins included."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.contract import Graph, Node
from edgerun.errors import InputError, ModelError
from edgerun.runtime.registry import Registry
from edgerun.tools.ops.check import check
from edgerun.tools.ops.tables import open_graph, pick, tables


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
        return Graph([Node("Op", "", ("x",), ("y",))], ("x",), ("y",))

    def support_tables(self):
        return [self.table]


def test_a_stranger_brings_tables_and_graphs(table, tmp_path):
    table("[operators]\nOp = []", format="mine")
    registry = Registry(backends=[Stranger(tmp_path / "mine.toml")])
    (tmp_path / "model.mine").write_text("anything")
    path, format, seen = open_graph(tmp_path / "model.mine", registry=registry)
    (known,) = tables(format, registry=registry)
    assert check(path, seen, known).ok
    assert pick([known], "mine", format) is known
    with pytest.raises(InputError) as refusal:
        pick([known], "yours", format)
    assert refusal.value.hint == "use one of: mine"
    with pytest.raises(InputError, match="onnx models"):
        pick([known], "mine", "onnx")


def test_a_table_that_is_ill_does_not_take_the_others_with_it(table, tmp_path):
    table("[operators]\nOp = []", format="mine")
    (tmp_path / "ill.toml").write_text("delegate = 3")
    well, ill = Stranger(tmp_path / "mine.toml"), Stranger(tmp_path / "ill.toml")
    with pytest.warns(UserWarning, match=r"ill\.toml cannot be used"):
        (known,) = tables("mine", registry=Registry(backends=[ill, well]))
    assert known.delegate == "mine"


def test_a_format_whose_graph_nobody_reads_says_what_to_do(tmp_path):
    class Blind(Stranger):
        graph = None

    (tmp_path / "model.mine").write_text("anything")
    with pytest.raises(ModelError, match="reads the operators of mine models"):
        open_graph(tmp_path / "model.mine", registry=Registry(backends=[Blind(None)]))
