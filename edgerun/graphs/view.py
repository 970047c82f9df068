"""How a graph is walked, whatever its format calls the operators.

Operators are known by the names that ONNX, TFLite and Core ML give them, letters and digits alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.tensors import AnyArray

__all__ = ["ALIASES", "CONCAT", "MAX_DEPTH", "NO_NODE", "PASS_THROUGH", "GraphView", "kind"]

MAX_DEPTH = 40
"""Operators behind an input or before an output that are looked at."""

ALIASES = {
    "realdiv": "div", "logistic": "sigmoid", "softmaxnd": "softmax", "dequantizelinear": "cast", "dequantize": "cast",
    "quantizelinear": "cast", "quantize": "cast", "castlike": "cast", "identity": "cast", "reversev2": "reverse",
    "resizebilinear": "resize", "resizenearestneighbor": "resize", "nonmaxsuppression": "nms",
    "nonmaxsuppressionv4": "nms", "nonmaxsuppressionv5": "nms", "nonmaximumsuppression": "nms",
    "tflitedetectionpostprocess": "nms", "combinednonmaxsuppression": "nms", "efficientnmstrt": "nms",
    "batchednmsdynamictrt": "nms", "batchednmstrt": "nms", "topkv2": "topk",
}  # fmt: skip
"""Other names of the same operators; what changes the type alone counts as a cast."""

PASS_THROUGH = ("cast", "transpose", "reshape", "resize", "unsqueeze", "squeeze", "dropout", "contiguous")
"""Kinds that move values and leave them as they are."""

CONCAT = ("concat", "concatv2", "concatenation")

_SIZE_READERS = ("shape", "size")
"""Kinds that read no value of a tensor."""

_RESHAPES_CONSTANTS = ("cast", "unsqueeze", "reshape")
_MAX_CONSTANT_DEPTH = 3
"""Operators between a constant and the node that uses it."""

NO_NODE = Node("")
"""Stands for a node that is not there; of no kind, without inputs and outputs."""


def kind(node: Node) -> str:
    """The operator's name in one spelling for all formats: "conv", "sigmoid", "nms"."""
    plain = re.sub(r"[^a-z0-9]", "", node.op.rsplit(".", 1)[-1].lower())
    return ALIASES.get(plain, plain)


@dataclass(frozen=True)
class GraphView:
    """A graph with the way from a value to the nodes that make and read it.

    Attributes:
        graph: as its file tells.
        producers: name of a value -> the node that makes it.
        readers: name of a value -> the nodes that read it.
    """

    graph: Graph
    producers: Mapping[str, Node]
    readers: Mapping[str, Sequence[Node]]

    @staticmethod
    def of(graph: Graph) -> GraphView:
        """The view of a graph."""
        producers: dict[str, Node] = {}
        readers: dict[str, list[Node]] = defaultdict(list)
        for node in graph.nodes:
            producers |= dict.fromkeys(node.outputs, node)
            for name in node.inputs:
                readers[name].append(node)
        return GraphView(graph, producers, readers)

    def only_reader(self, value: str) -> Node:
        """The one node that reads the numbers of a value; `NO_NODE` where none does, or several, or for nothing."""
        found = [node for node in self.readers.get(value, ()) if kind(node) not in _SIZE_READERS]
        return found[0] if len(found) == 1 and found[0].outputs else NO_NODE

    def constant(self, name: str, depth: int = _MAX_CONSTANT_DEPTH) -> AnyArray | None:
        """A constant, as the file stores it or as an operator that yields it; None where the value is not one."""
        if name in self.graph.constants:
            return self.graph.constants[name]
        producer = self.producers.get(name, NO_NODE)
        stored = producer.attributes.get("value")
        if isinstance(stored, np.ndarray):
            return stored
        if depth and kind(producer) in _RESHAPES_CONSTANTS:
            return self.constant((*producer.inputs, "")[0], depth - 1)
        return None

    def constants(self, node: Node) -> list[AnyArray]:
        """The constants among the inputs of a node but for its first, in their order."""
        found = (self.constant(name) for name in node.inputs[1:])
        return [array for array in found if array is not None]
