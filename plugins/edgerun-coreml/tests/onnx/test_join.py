from __future__ import annotations

import numpy as np

from edgerun_coreml.onnx.graph import Graph
from edgerun_coreml.onnx.join import absorb
from edgerun_coreml.running.session import open_session


def doubled_if_positive() -> Graph:
    """x * 2 where the sum is positive, else x; the branches see x and a constant from outside."""
    graph = Graph()
    x = graph.input("x", np.float32, (2,))
    two = graph.constant(np.float32([2, 2]))
    total = graph.emit("ReduceSum", [x], keepdims=0, shape=())
    positive = graph.emit("Greater", [total, graph.scalar(0, np.float32)], shape=())
    then, otherwise = graph.subgraph(), graph.subgraph()
    then.output(then.emit("Mul", [x, two], shape=(2,)))
    otherwise.output(x)
    result = graph.emit("If", [positive], dtype=np.float32, shape=(2,), then_branch=then, else_branch=otherwise)
    graph.output(result, "y", (2,))
    graph.output(two, "two", (2,))
    return graph


def test_a_graph_is_absorbed_with_its_branches_as_often_as_one_likes():
    graph = Graph()
    x = graph.input("x", np.float32, (2,))
    once = absorb(graph, doubled_if_positive(), {"x": x})
    twice = absorb(graph, doubled_if_positive(), {"x": once["y"]})
    graph.output(twice["y"], "z", (2,))
    graph.output(twice["two"], "constant", (2,))
    session = open_session(graph, threads=1)
    for given, expected in (([1, 2], [4, 8]), ([-1, -2], [-1, -2])):
        z, constant = session.run(["z", "constant"], {"x": np.float32(given)})
        assert z.tolist() == expected
        assert constant.tolist() == [2, 2]


def test_the_absorbed_graph_is_left_as_it_is():
    other = doubled_if_positive()
    before = [(node.op_type, list(node.inputs), list(node.outputs)) for node in other.nodes]
    graph = Graph()
    absorb(graph, other, {"x": graph.input("x", np.float32, (2,))})
    assert [(node.op_type, list(node.inputs), list(node.outputs)) for node in other.nodes] == before
