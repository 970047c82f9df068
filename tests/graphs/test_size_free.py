"""Graphs that compute alike at every size, and what binds others to theirs."""

import numpy as np
import pytest

from edgerun.contract import Graph, Node, TensorSpec
from edgerun.graphs.size_free import bound_by

CONV = Node("Conv", inputs=("image", "weights"), outputs=("map",))


def graph_of(*nodes, values=(), **constants):
    """A graph that begins with a convolution to a map [1, 8, 16, 16]."""
    shapes = {"map": (1, 8, 16, 16), "image": (1, 3, 32, 32), **dict(values)}
    specs = {name: TensorSpec(name, shape, "float32") for name, shape in shapes.items()}
    return Graph([CONV, *nodes], ("image",), ("out",), specs, {name: np.asarray(v) for name, v in constants.items()})


def node(op, *inputs, **attributes):
    return Node(op, inputs=inputs, outputs=("out",), attributes=attributes)


FREE = {
    "activation": graph_of(node("Sigmoid", "map")),
    "a number for all": graph_of(node("Mul", "map", "by"), by=np.float32(2)),
    "a number for each channel": graph_of(node("Add", "map", "by"), by=np.zeros((1, 8, 1, 1), np.float32)),
    "a number for each channel, which comes last": graph_of(
        node("Add", "map", "by"), by=np.zeros(8), values=[("image", (1, 32, 32, 3)), ("map", (1, 16, 16, 8))]
    ),
    "a part that is left": graph_of(node("Reshape", "map", "to"), to=[1, 8, -1]),
    "factors": graph_of(node("Resize", "map", "", "by"), by=np.array([1, 1, 2, 2], np.float32)),
    "a sum of two maps": graph_of(Node("Relu", "", ("map",), ("other",)), node("Add", "map", "other")),
}
BOUND = {
    "a grid": (graph_of(node("Add", "map", "by"), by=np.zeros((1, 1, 16, 16), np.float32)), "Add"),
    "a grid of one cell": (
        graph_of(node("Add", "map", "by"), by=np.zeros((1, 8, 1, 1), np.float32), values=[("map", (1, 8, 1, 1))]),
        "Add",
    ),
    "a large constant that is not kept": (graph_of(node("Mul", "map", "by"), values=[("by", (1, 8400))]), "Mul"),
    "columns of a grid": (graph_of(node("Add", "map", "by"), by=np.arange(16.0)), "Add"),
    "rows of a grid": (graph_of(node("Add", "map", "by"), by=np.zeros((16, 1))), "Add"),
    "sizes spelt out": (graph_of(node("Reshape", "map", "to"), to=[1, 8, 256]), "Reshape"),
    "sizes that are computed": (graph_of(node("Reshape", "map", "elsewhere")), "Reshape"),
    "a Resize to a size": (graph_of(node("Resize", "map", "", "", "to"), to=[1, 8, 64, 64]), "Resize"),
    "a product of matrices": (graph_of(node("MatMul", "map", "by"), by=np.zeros((16, 16), np.float32)), "MatMul"),
    "an average of a size": (graph_of(node("AveragePool", "map", kernel_shape=(16, 16))), "AveragePool"),
    "a part for a device": (graph_of(Node("Conv", "", ("map",), ("out",), closed=True)), "Conv"),
}  # fmt: skip


@pytest.mark.parametrize("graph", FREE.values(), ids=list(FREE))
def test_free(graph):
    assert bound_by(graph) == ""


@pytest.mark.parametrize(("graph", "by"), BOUND.values(), ids=list(BOUND))
def test_bound(graph, by):
    assert bound_by(graph) == by
