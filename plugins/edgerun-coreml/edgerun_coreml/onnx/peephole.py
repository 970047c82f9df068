"""Small rewrites of the finished graph that win back the speed of a direct ONNX export."""

from __future__ import annotations

from typing import Final

from edgerun_coreml.onnx.graph import Graph, Node

_THRESHOLD_BELOW: Final = -2.999
_THRESHOLD_ABOVE: Final = -3.001


def polish(graph: Graph) -> None:
    """Apply every rewrite to a graph and its subgraphs; unused nodes are left for :meth:`Graph.prune`."""
    for node in graph.nodes:
        for body in node.subgraphs:
            polish(body)
        if node.op_type == "Mul":
            _fuse_hard_swish(graph, node)


def _fuse_hard_swish(graph: Graph, node: Node) -> None:
    """``x * HardSigmoid(x, 1/6, 1/2)`` becomes ``HardSwish(x)``.

    coremltools writes the factor as ``thresholded_relu(x, -3)``, which only changes what is multiplied by
    zero.
    """
    for factor, gate_name in (node.inputs, node.inputs[::-1]):
        gate = graph.producer(gate_name)
        if gate is None or gate.op_type != "HardSigmoid" or not _is_sixth(gate):
            continue
        source = gate.inputs[0]
        if factor not in (source, *_thresholded(graph, factor, source)):
            continue
        below = graph.producer(source)
        if below is not None and _is_threshold(below):
            source = below.inputs[0]
        node.op_type, node.inputs, node.attributes = "HardSwish", [source], {}
        return


def _is_sixth(gate: Node) -> bool:
    alpha, beta = gate.attributes.get("alpha"), gate.attributes.get("beta")
    close = isinstance(alpha, float) and isinstance(beta, float) and abs(beta - 0.5) < 1e-6
    return close and isinstance(alpha, float) and abs(alpha - 1 / 6) < 2e-4  # 1/6 may have been rounded to fp16


def _is_threshold(node: Node) -> bool:
    alpha = node.attributes.get("alpha")
    return (
        node.op_type == "ThresholdedRelu" and isinstance(alpha, float) and _THRESHOLD_ABOVE < alpha < _THRESHOLD_BELOW
    )


def _thresholded(graph: Graph, factor: str, source: str) -> list[str]:
    """The factor itself if it is the gate's input cut off at -3."""
    node = graph.producer(factor)
    return [factor] if node is not None and _is_threshold(node) and node.inputs[0] == source else []
