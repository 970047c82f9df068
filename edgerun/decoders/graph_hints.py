"""What the operators of a graph tell: how the picture is treated behind the input, what made an output, who wrote it.

Operators are known by the names that ONNX, TFLite and Core ML give them, letters and digits alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgerun.contract import Evidence, Graph, Match, Node
from edgerun.tensors import AnyArray

__all__ = ["Treatment", "activation", "has", "patches", "said_of", "torch_version", "treatment", "turned", "unfinished"]

DEEPEST = 40
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

THROUGH = ("cast", "transpose", "reshape", "resize", "unsqueeze", "squeeze", "dropout", "contiguous")
"""What moves values and leaves them as they are."""

GATHERING = (
    *THROUGH,
    "concat",
    "concatv2",
    "concatenation",
    "slice",
    "stridedslice",
    "split",
    "gather",
    "mul",
    "flatten",
)
"""The same, before an output; scores may be multiplied with each other."""


def kind(node: Node) -> str:
    """The operator's name in one spelling for all formats."""
    plain = re.sub(r"[^a-z0-9]", "", node.op.rsplit(".", 1)[-1].lower())
    return ALIASES.get(plain, plain)


# ------------------------------------------------------------------------------------------ behind the input


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a graph treats a picture before it looks at it: y = x * factor + offset, per channel.

    Attributes:
        factor, offset: one number, or one for each channel.
        reversed: whether it turns the order of channels round.
    """

    factor: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    reversed: bool = False

    @property
    def normalises(self) -> bool:
        """Whether values are changed at all."""
        return set(self.factor) != {1.0} or set(self.offset) != {0.0}


def treatment(graph: Graph, image: str) -> Treatment:
    """What is done to the values of the input of this name, up to the first operator that mixes them."""
    users: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            users.setdefault(name, []).append(node)
    producers = {name: node for node in graph.nodes for name in node.outputs}
    factor, offset, turned = np.ones(1), np.zeros(1), False
    value = image
    for _ in range(DEEPEST):
        following = users.get(value, [])
        if len(following) != 1 or not following[0].outputs:
            break
        node, what = following[0], kind(following[0])
        if what in ("mul", "div", "sub", "add"):
            constant = _constant(graph, producers, node, value)
            if constant is None or (what in ("div", "sub") and node.inputs[:1] != (value,)):
                break
            if what in ("mul", "div"):
                by = constant if what == "mul" else 1 / constant
                factor, offset = factor * by, offset * by
            else:
                offset = offset + (constant if what == "add" else -constant)
        elif what == "scaler":  # of a Core ML neural network
            factor = factor * float(node.attributes.get("channelScale", 1.0) or 1.0)
        elif what in ("reverse", "gather", "slice", "stridedslice"):
            if not _turns_channels(graph, producers, node, what):
                break
            turned = not turned
        elif what not in THROUGH:
            break
        value = node.outputs[0]
    return Treatment(tuple(map(float, factor)), tuple(map(float, offset)), turned)


def _constant(graph: Graph, producers: Mapping[str, Node], node: Node, value: str) -> AnyArray | None:
    """The constant that a node adds or multiplies: [1] or [3]; None where it is no such."""
    others = [name for name in node.inputs if name and name != value]
    arrays = [array for name in others if (array := _array(graph, producers, name)) is not None]
    if not others and "y" in node.attributes:
        arrays = [np.asarray(node.attributes["y"])]
    if len(arrays) != 1 or len(others) > 1 or arrays[0].size not in (1, 3) or arrays[0].dtype.kind not in "fiu":
        return None
    found = arrays[0].astype(np.float64).reshape(-1)
    usable = np.isfinite(found).all() and ((found != 0).all() or kind(node) in ("add", "sub"))
    return found if usable else None


def _array(graph: Graph, producers: Mapping[str, Node], name: str) -> AnyArray | None:
    """A constant, as the file stores it or as an operator that yields it."""
    for _ in range(4):
        if name in graph.constants:
            return graph.constants[name]
        maker = producers.get(name)
        if maker is None:
            return None
        if isinstance(maker.attributes.get("value"), np.ndarray):
            return np.asarray(maker.attributes["value"])
        if kind(maker) not in ("cast", "unsqueeze", "reshape") or not maker.inputs:
            return None
        name = maker.inputs[0]
    return None


def _turns_channels(graph: Graph, producers: Mapping[str, Node], node: Node, what: str) -> bool:
    arrays = [array for name in node.inputs[1:] if (array := _array(graph, producers, name)) is not None]
    if what == "gather":
        return any(array.reshape(-1).tolist() == [2, 1, 0] for array in arrays)
    if what == "reverse":
        return any(array.reshape(-1).tolist() in ([3], [-1], [1]) for array in arrays)
    steps = [array.reshape(-1).tolist() for array in arrays]
    return len(steps) >= 4 and steps[-1] == [-1] and steps[2] in ([1], [3], [-1])


def said_of(found: Treatment) -> tuple[dict[str, Any], str]:
    """Card fields that a treatment settles, and why; ({}, "") where it leaves open what goes in.

    Bytes are made small: a factor about 1/255, or a mean beyond 1 that is taken off. Shares of 255 are centred: a mean
    below 1 is taken off.
    """
    if not found.normalises:
        return {}, ""
    factor, offset = np.array(found.factor), np.array(found.offset)
    low, high = offset.min(), (255 * factor + offset).max()
    plain = {"scale": 1.0, "mean": 0.0, "std": 1.0}
    if (factor < 1 / 20).all() and high - low <= 16:
        return plain, f"the graph itself brings 0..255 to {low:.3g}..{high:.3g}"
    low, high = offset.min(), (factor + offset).max()
    if (offset < 0).all() and (factor >= 1).all() and high <= 4 and low >= -4:
        return {**plain, "scale": 1 / 255}, f"the graph itself brings 0..1 to {low:.3g}..{high:.3g}"
    return {}, ""


def turned(match: Match, found: Treatment) -> Match:
    """A verdict whose order of channels is that of the file's input, where the graph turns them round."""
    color = match.conventions.get("color")
    if not found.reversed or color not in ("rgb", "bgr"):
        return match
    other = "bgr" if color == "rgb" else "rgb"
    reason = f"inferred: the graph turns the channels round, and behind that it is {color}"
    return replace(match, conventions={**match.conventions, "color": other}, basis={**match.basis, "color": reason})


# --------------------------------------------------------------------------------------------- before an output


def activation(graph: Graph, output: str) -> str:
    """What made an output's values: "sigmoid", "softmax", "raw" (a convolution or product), or "" if mixed."""
    producers = {name: node for node in graph.nodes for name in node.outputs}
    found: Counter[str] = Counter()
    names, seen = [output], set()
    for _ in range(DEEPEST * 4):
        if not names:
            break
        name = names.pop()
        node = producers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        what = kind(node)
        if what in GATHERING:
            values = [entry for entry in node.inputs if entry and entry not in graph.constants]
            names += values[:1] if what not in ("concat", "concatv2", "concatenation", "mul") else values
        elif what in ("sigmoid", "softmax"):
            found[what] += 1
        elif what in ("conv", "conv2d", "gemm", "matmul", "fullyconnected", "convolution", "linear"):
            found["raw"] += 1
        else:
            found[""] += 1
    return next(iter(found)) if len(found) == 1 else ""


def unfinished(evidence: Evidence, name: str) -> bool:
    """Whether the graph shows that an output's scores are still to go through a sigmoid or softmax."""
    graph = evidence.graph()
    return graph is not None and activation(graph, name) == "raw"


def has(graph: Graph | None, *kinds: str) -> bool:
    """Whether any operator is of these kinds: "nms", "topk", "clip" …"""
    return graph is not None and any(kind(node) in kinds for node in graph.nodes)


def patches(graph: Graph) -> int:
    """The side of the patches that a vision transformer cuts the picture into; 0 where there is no such convolution."""
    for node in graph.nodes:
        shape, strides = node.attributes.get("kernel_shape"), node.attributes.get("strides")
        if kind(node) == "conv" and shape == strides and isinstance(shape, tuple) and min(shape, default=0) >= 14:
            return int(shape[0])
    return 0


def torch_version(graph: Graph | None) -> tuple[int, int] | None:
    """Of the PyTorch that exported the file; None where it does not say."""
    found = re.match(r"pytorch (\d+)\.(\d+)", graph.producer) if graph is not None else None
    return (int(found[1]), int(found[2])) if found else None
