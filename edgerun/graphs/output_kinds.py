"""What the operators of a graph tell of its outputs: what made them, what kind of network it is, who wrote the file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgerun.contract import Evidence, Graph, Node
from edgerun.graphs.view import CONCAT, MAX_DEPTH, NO_NODE, PASS_THROUGH, GraphView, kind

__all__ = ["activation", "has", "patches", "torch_version", "unfinished"]

_JOINS = (*CONCAT, "mul")
"""Kinds of which every input counts; scores may be multiplied with each other."""

_GATHERS = (*PASS_THROUGH, *_JOINS, "slice", "stridedslice", "split", "gather", "flatten")
"""Kinds that leave scores as they are."""

_RAW = ("conv", "conv2d", "gemm", "matmul", "fullyconnected", "convolution", "linear")

ACTIVATIONS: Mapping[str, str] = {"sigmoid": "sigmoid", "softmax": "softmax", **dict.fromkeys(_RAW, "raw")}
"""Kind of operator -> what it makes of values."""

MAX_NODES = 4 * MAX_DEPTH
"""Nodes before an output that are looked at; several branches may join."""

MIN_PATCH = 14
"""Pixels; the strides of convolutional stems are smaller than any patch of a vision transformer."""


def activation(graph: Graph, output: str) -> str:
    """What made an output's values: "sigmoid", "softmax", "raw" (a convolution or product), or "" if mixed."""
    view = GraphView.of(graph)
    pending, visited = [output], {""}
    found: set[str] = set()
    while pending and len(visited) <= MAX_NODES:
        name = pending.pop()
        node = NO_NODE if name in visited else view.producers.get(name, NO_NODE)
        visited.add(name)
        if kind(node) in _GATHERS:
            pending += _values(view, node)
        elif node is not NO_NODE:
            found.add(ACTIVATIONS.get(kind(node), ""))
    return found.pop() if len(found) == 1 else ""


def _values(view: GraphView, node: Node) -> list[str]:
    """The inputs of a node whose values it passes on."""
    values = [name for name in node.inputs if name and name not in view.graph.constants]
    return values if kind(node) in _JOINS else values[:1]


def unfinished(evidence: Evidence, name: str) -> bool:
    """Whether the graph shows that an output's scores are still to go through a sigmoid or softmax."""
    graph = evidence.graph()
    return graph is not None and activation(graph, name) == "raw"


def has(graph: Graph | None, *kinds: str) -> bool:
    """Whether any operator is of these kinds: "nms", "topk", "clip" …"""
    return graph is not None and any(kind(node) in kinds for node in graph.nodes)


def patches(graph: Graph) -> int:
    """The side in pixels of the patches that a vision transformer cuts the image into; 0 for another network."""
    sides = (_patch(node) for node in graph.nodes)
    return next(filter(None, sides), 0)


def _patch(node: Node) -> int:
    """The side of a convolution's kernel where it is as large as its stride, as a patch embedding's is; else 0."""
    shape, strides = node.attributes.get("kernel_shape"), node.attributes.get("strides")
    if kind(node) != "conv" or not isinstance(shape, tuple) or shape != strides:
        return 0
    return int(shape[0]) if min(shape, default=0) >= MIN_PATCH else 0


def torch_version(graph: Graph | None) -> tuple[int, int] | None:
    """Of the PyTorch that exported the file; None where it does not say."""
    producer = graph.producer if graph is not None else ""
    found = re.match(r"pytorch (\d+)\.(\d+)", producer)
    return (int(found[1]), int(found[2])) if found else None
