"""The ONNX graph: building, folding, pruning, writing, opening."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.onnx import onnx_writer
from edgerun_coreml.onnx.graph import Graph
from edgerun_coreml.onnx.onnx_writer import encode, save
from edgerun_coreml.running.session import open_session

onnxruntime = pytest.importorskip("onnxruntime")


def scaled(weights: np.ndarray) -> Graph:
    graph = Graph()
    x = graph.input("x", np.float32, (1, "n"))
    graph.output(graph.emit("MatMul", [x, graph.constant(weights)]), "y", (1, None))
    return graph


@pytest.mark.parametrize("size", [4, 100])
def test_weights_reach_the_session_inside_the_message_or_beside_it(size):
    weights = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    session = open_session(scaled(weights), threads=1)
    x = np.ones((1, size), np.float32)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], x @ weights, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("limit", [1 << 30, 16])
def test_a_saved_model_opens_by_itself_in_one_file_or_two(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(onnx_writer, "MAX_MESSAGE", limit)
    weights = np.arange(400, dtype=np.float32).reshape(20, 20)
    save(scaled(weights), tmp_path / "m.onnx", metadata={"author": "someone"})
    assert (tmp_path / "m.onnx.data").exists() == (limit == 16)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {"author": "someone"}
    assert session.get_inputs()[0].shape == [1, "n"]
    x = np.ones((1, 20), np.float32)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], x @ weights)


def test_the_checker_of_onnx_accepts_every_kind_of_attribute():
    onnx = pytest.importorskip("onnx")
    graph = Graph()
    x = graph.input("x", np.float32, (2, 3))
    y = graph.emit("LeakyRelu", [x], alpha=0.1)
    y = graph.emit("Transpose", [y], perm=[1, 0])
    y = graph.emit("Gelu", [y], approximate="tanh")
    zeros = graph.emit("ConstantOfShape", [graph.emit("Shape", [y])], dtype=np.float32, value=np.zeros(1, np.float32))
    branches = [graph.subgraph(), graph.subgraph()]
    branches[0].output(branches[0].emit("Add", [y, zeros]))
    branches[1].output(y)
    condition = graph.emit("Greater", [graph.emit("ReduceMax", [y], keepdims=0), graph.scalar(0, np.float32)])
    result = graph.emit("If", [condition], dtype=np.float32, then_branch=branches[0], else_branch=branches[1])
    graph.output(result, "y", (3, 2))
    graph.prune()
    model = onnx.load_model_from_string(encode(graph))
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node][-1] == "Identity"


def test_arithmetic_on_constants_is_done_at_once():
    graph = Graph()
    shape = graph.int64(2, 3, 4)
    part = graph.emit("Slice", [shape, graph.int64(-1), graph.int64(2**31 - 1)])
    total = graph.emit("Mul", [part, graph.int64(2)])
    joined = graph.emit("Concat", [graph.emit("Gather", [shape, graph.int64(0)]), total], axis=0)
    assert joined.array.tolist() == [2, 8]
    assert graph.emit("Div", [graph.int64(-7), graph.int64(2)]).array.tolist() == [-3]
    assert not graph.nodes


def test_what_cannot_be_computed_is_left_to_the_graph():
    graph = Graph()
    assert graph.emit("Div", [graph.int64(1), graph.int64(0)]).array is None
    assert graph.emit("Gather", [graph.int64(1, 2), graph.int64(5)]).array is None
    assert len(graph.nodes) == 2


def test_equal_small_constants_are_stored_once():
    graph = Graph()
    assert graph.int64(1, 2) is graph.int64(1, 2)
    assert graph.scalar(1, np.float32) is not graph.scalar(1, np.int32)
    assert graph.constant([1.0, 2.0]).dtype == np.float32


def test_unused_nodes_and_constants_are_dropped_but_not_what_a_branch_uses():
    graph = Graph()
    x = graph.input("x", np.float32, (2,))
    condition = graph.input("c", np.bool_, ())
    used, unused = graph.emit("Sin", [x]), graph.emit("Cos", [x])
    graph.emit("Add", [unused, graph.constant([7.0, 8.0])])
    branches = [graph.subgraph(), graph.subgraph()]
    for body in branches:
        body.emit("Exp", [used])
        body.output(body.emit("Add", [used, body.constant([1.0, 2.0])]))
    graph.output(graph.emit("If", [condition], dtype=np.float32, then_branch=branches[0], else_branch=branches[1]), "y")
    graph.prune()
    assert [node.op_type for node in graph.nodes] == ["Sin", "If", "Identity"]
    assert [node.op_type for node in branches[0].nodes] == ["Add"]
    assert [array.tolist() for array in graph.constants.values()] == [[1, 2]]


def test_names_never_collide():
    graph = Graph()
    x = graph.input("Sin__1", np.float32, (2,))
    y = graph.emit("Sin", [x])
    first, second = graph.output(y, "y"), graph.output(y, "y")
    assert len({x.name, y.name, first.name, second.name}) == 4
    with pytest.raises(ValueError, match="Sin__1"):
        graph.input("Sin__1", np.float32, (2,))


def test_a_constant_or_an_input_can_be_an_output():
    graph = Graph()
    x = graph.input("x", np.float32, (2,))
    graph.output(x, "same")
    graph.output(graph.constant([1.0, 2.0]), "constant")
    same, constant = open_session(graph).run(["same", "constant"], {"x": np.float32([3, 4])})
    assert same.tolist() == [3, 4]
    assert constant.tolist() == [1, 2]


def test_a_graph_that_onnx_runtime_refuses_is_a_damaged_or_unsupported_model():
    graph = Graph()
    x = graph.input("x", np.float32, (2, 3))
    graph.output(graph.emit("MatMul", [x, graph.constant(np.ones((5, 2)))]), "y")
    with pytest.raises(ModelDamaged, match="MatMul"):
        open_session(graph)
    graph = Graph()
    x = graph.input("x", np.int16, (2, 3))
    graph.output(graph.emit("MatMul", [x, x]), "y")
    with pytest.raises((ModelDamaged, ModelUnsupported)):
        open_session(graph)
