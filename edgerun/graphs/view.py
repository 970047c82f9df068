"""How a graph is walked, whatever its format calls the operators.

Operators are known by the names that ONNX, TFLite and Core ML give them, letters and digits alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.graphs.stored import dequantized_linear, quantized_linear, real_numbers
from edgerun.tensors import AnyArray

__all__ = ["ALIASES", "CONCAT", "MAX_DEPTH", "NO_NODE", "PASS_THROUGH", "GraphView", "kind", "spelling"]

MAX_DEPTH = 40
"""Operators behind an input or before an output that are looked at."""

ALIASES = {
    "realdiv": "div", "logistic": "sigmoid", "softmaxnd": "softmax", "dequantizelinear": "cast", "dequantize": "cast",
    "quantizelinear": "cast", "quantize": "cast", "castlike": "cast", "identity": "cast", "reversev2": "reverse",
    "resizebilinear": "resize", "resizenearestneighbor": "resize", "nonmaxsuppression": "nms",
    "nonmaxsuppressionv4": "nms", "nonmaxsuppressionv5": "nms", "nonmaximumsuppression": "nms",
    "tflitedetectionpostprocess": "nms", "combinednonmaxsuppression": "nms", "efficientnmstrt": "nms",
    "batchednmsdynamictrt": "nms", "batchednmstrt": "nms", "topkv2": "topk",
    "to": "cast", "todimordercopy": "cast", "tocopy": "cast", "typeas": "cast", "clone": "cast", "detach": "cast",
    "permute": "transpose", "permutecopy": "transpose", "transposecopy": "transpose", "view": "reshape",
    "viewcopy": "reshape", "unsqueezecopy": "unsqueeze", "squeezecopy": "squeeze", "liftfreshcopy": "cast",
    "upsamplebilinear2d": "resize", "upsamplenearest2d": "resize", "upsamplebicubic2d": "resize",
    "flip": "reverse", "indexselect": "gather", "cat": "concat", "clamp": "clip", "hardtanh": "clip",
    "constantpadnd": "pad", "slicecopy": "slice", "splitcopy": "split", "splitwithsizes": "split",
    "splitwithsizescopy": "split", "chunk": "split",
    "index": "gather", "addmm": "gemm", "mm": "matmul", "bmm": "matmul", "symsize": "size",
}  # fmt: skip
"""Other names of the same operators; what changes the type alone counts as a cast. torch's follow the others."""

PASS_THROUGH = ("cast", "transpose", "reshape", "resize", "unsqueeze", "squeeze", "dropout", "contiguous")
"""Kinds that move values and leave them as they are."""

CONCAT = ("concat", "concatv2", "concatenation")

_SIZE_READERS = ("shape", "size")
"""Kinds that read no value of a tensor."""

_RESHAPES_CONSTANTS = ("cast", "unsqueeze", "reshape")
_MAKES_OF_CONSTANTS = {"dequantizelinear": dequantized_linear, "quantizelinear": quantized_linear}
"""Those of them whose scale and zero point are inputs."""
_MAX_CONSTANT_DEPTH = 4
"""Operators between a constant and the node that uses it."""

_PARTIAL_WRITERS = (
    "slicescatter", "selectscatter", "diagonalscatter", "indexput", "maskedfill", "maskedscatter", "indexfill",
    "scatter", "scatterelements", "scatternd", "scatterndupdate", "tensorscatterupdate", "dynamicupdateslice",
)  # fmt: skip
"""Kinds that give their first input with a part of it changed."""

NO_NODE = Node("")
"""Stands for a node that is not there; of no kind, without inputs and outputs."""


def spelling(node: Node) -> str:
    """The operator's own name in lower-case letters and digits: "quantizelinear", "div" of "aten::div.out"."""
    namespace, _, name = node.op.rpartition("::")
    own = name.split(".")[0] if namespace else name.rsplit(".", 1)[-1]  # torch: namespace::name.overload
    return re.sub(r"[^a-z0-9]", "", own.lower())


def kind(node: Node) -> str:
    """The operator's name in one spelling for all formats: "conv", "sigmoid", "nms"."""
    name = spelling(node)
    return ALIASES.get(name, name)


def _opened(nodes: Sequence[Node]) -> Iterator[Node]:
    """The operators, those of a part in its place where the file shows them."""
    for node in nodes:
        yield from node.inside or (node,)


def _changes_a_part(node: Node, value: str) -> bool:
    """Whether an operator keeps some numbers of a value and has others in place of the rest."""
    if spelling(node) == "where":
        return value in node.inputs[1:]
    return spelling(node) in _PARTIAL_WRITERS and node.inputs[:1] == (value,)


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
        for node in _opened(graph.nodes):
            producers |= dict.fromkeys(node.outputs, node)
            for name in node.inputs:
                readers[name].append(node)
        return GraphView(graph, producers, readers)

    def only_reader(self, value: str) -> Node:
        """The one node that reads the numbers of a value; `NO_NODE` where none does, or several, or for nothing."""
        found = [node for node in self.readers.get(value, ()) if kind(node) not in _SIZE_READERS]
        return found[0] if len(found) == 1 and found[0].outputs else NO_NODE

    def closed_reader(self, value: str) -> str:
        """The first operator that reads a value and whose inside the file does not show; "" where there is none."""
        return next((node.op for node in self.readers.get(value, ()) if node.closed), "")

    def partial_writer(self, value: str) -> str:
        """The first operator that changes a part of a value and keeps the rest; "" where there is none."""
        return next((node.op for node in self.readers.get(value, ()) if _changes_a_part(node, value)), "")

    def passes(self, value: str, name: str) -> bool:
        """Whether an operator of this spelling lies before a value, each followed by its first input."""
        for _ in range(MAX_DEPTH):
            node = self.producers.get(value, NO_NODE)
            if spelling(node) == name:
                return True
            value = (*node.inputs, "")[0]
        return False

    def constant(self, name: str, depth: int = _MAX_CONSTANT_DEPTH) -> AnyArray | None:
        """A constant in real numbers, as the file stores it or as operators yield it; None where it is not one."""
        stored = real_numbers(self.graph, name)
        if stored is not None:
            return stored
        producer = self.producers.get(name, NO_NODE)
        yielded = producer.attributes.get("value")
        if isinstance(yielded, np.ndarray):
            return yielded
        if depth and kind(producer) in _RESHAPES_CONSTANTS:
            return self._passed_on(producer, depth - 1)
        return None

    def _passed_on(self, node: Node, depth: int) -> AnyArray | None:
        """What an operator that leaves the meaning of a constant as it is makes of its first input."""
        given = self.constant((*node.inputs, "")[0], depth)
        makes = _MAKES_OF_CONSTANTS.get(spelling(node))
        return given if given is None or makes is None else makes(given, node, self.constant)

    def constants(self, node: Node) -> list[AnyArray]:
        """The constants among the inputs of a node but for its first, in their order."""
        found = (self.constant(name) for name in node.inputs[1:])
        return [array for array in found if array is not None]
