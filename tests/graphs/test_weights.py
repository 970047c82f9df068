from __future__ import annotations

import pytest

from edgerun.contract import Graph, Node
from edgerun.graphs import weights


@pytest.mark.parametrize(
    "node",
    [
        Node("Conv", inputs=("x", "model.head.weight"), outputs=("y",)),
        Node("Conv", name="/model/head/Conv", inputs=("x", "onnx::Conv_17"), outputs=("y",)),
    ],
)
def test_weights_and_layers_are_known_by_a_part_of_their_names(node):
    """torch.onnx of PyTorch 1.13 and later names layers by paths, and folds weights into nameless ones."""
    graph = Graph([node], ("x",), ("y",))
    assert weights.named(graph, ["other.head", "model.head"]) == "model.head"
    assert weights.named(graph, ["other.head"]) == ""
    assert weights.named(None, ["model.head"]) == ""
