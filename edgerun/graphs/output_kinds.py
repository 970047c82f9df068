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

__all__ = [
    "Treatment",
    "activation",
    "has",
    "patches",
    "said_of",
    "torch_version",
    "treatment",
    "turned",
    "unfinished",
    "unsettled",
]

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

UNCHANGED = (*THROUGH, "clip", "pad")
"""What leaves the values of a picture as they are, but for the border and for what no picture holds."""

SIZES = ("shape", "size")
"""What reads no value of a tensor."""

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
        return not (np.allclose(self.factor, 1, atol=1e-3) and np.allclose(self.offset, 0, atol=1e-3))


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
        following = [node for node in users.get(value, ()) if kind(node) not in SIZES]
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
        elif what == "batchnormalization":
            line = _line(graph, producers, node)
            if line is None:
                break
            factor, offset = factor * line[0], offset * line[0] + line[1]
        elif what == "scaler":  # of a Core ML neural network
            factor = factor * float(node.attributes.get("channelScale", 1.0) or 1.0)
        elif what in ("reverse", "gather", "slice", "stridedslice"):
            if not _turns_channels(graph, producers, node, what):
                break
            turned = not turned
        elif what == "split":
            channels = _channels(graph, producers, users, node)
            if channels is None:
                break
            value, factors, offsets, back = channels
            factor, offset, turned = factor * factors, offset * factors + offsets, turned ^ back
            continue
        elif what in ("conv", "convolution"):
            mixed = _pointwise(graph, producers, node)
            if mixed is None:
                break
            factors, offsets, back = mixed
            factor, offset = (factor[::-1], offset[::-1]) if back else (factor, offset)
            factor, offset, turned = factor * factors, offset * factors + offsets, turned ^ back
        elif what not in UNCHANGED:
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


def _channels(
    graph: Graph, producers: Mapping[str, Node], users: Mapping[str, list[Node]], split: Node
) -> tuple[str, AnyArray, AnyArray, bool] | None:
    """What is done to channels that are split and put together again: (value, factors, offsets, turned round)."""
    ends: dict[str, tuple[float, float]] = {}
    joined: Node | None = None
    for start in split.outputs:
        value, factor, offset = start, 1.0, 0.0
        for _ in range(4):
            following = users.get(value, [])
            if len(following) != 1 or not following[0].outputs:
                return None
            node, what = following[0], kind(following[0])
            if what in ("concat", "concatv2", "concatenation"):
                break
            constant = _constant(graph, producers, node, value) if what in ("mul", "div", "sub", "add") else None
            if constant is None or constant.size != 1 or (what in ("div", "sub") and node.inputs[:1] != (value,)):
                return None
            number = float(constant[0])
            by = number if what == "mul" else 1 / number if what == "div" else 1.0
            by_sum = {"add": number, "sub": -number}.get(what, 0.0)
            value, factor, offset = node.outputs[0], factor * by, offset * by + by_sum
        if kind(node) not in ("concat", "concatv2", "concatenation") or node is not (joined or node):
            return None
        joined, ends[value] = node, (factor, offset)
    order = list(ends)
    if len(order) != 3 or joined is None:
        return None
    together = [name for name in joined.inputs if name in ends]
    if len(joined.inputs) - len(together) > 1 or together not in (order, order[::-1]):
        return None
    factors, offsets = (np.array([ends[name][part] for name in order]) for part in (0, 1))
    return joined.outputs[0], factors, offsets, together != order


def _pointwise(graph: Graph, producers: Mapping[str, Node], node: Node) -> tuple[AnyArray, AnyArray, bool] | None:
    """(factors, offsets, turned round) of a convolution that looks at one pixel and keeps channels apart, ONNX's form;
    None for all others. Factors are those of the channels that leave.
    """
    weights = _array(graph, producers, node.inputs[1]) if len(node.inputs) > 1 else None
    if weights is None or weights.shape not in ((3, 1, 1, 1), (3, 3, 1, 1)):
        return None
    bias = _array(graph, producers, node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else np.zeros(3)
    table = np.diag(weights.reshape(3)) if weights.shape[1] == 1 else weights.reshape(3, 3)
    if bias is None or bias.shape != (3,) or np.count_nonzero(table) != 3:
        return None
    back = not np.diag(table).all()
    factors = np.diag(table[:, ::-1] if back else table).astype(np.float64)
    return (factors, bias.astype(np.float64), back) if factors.all() else None


def _line(graph: Graph, producers: Mapping[str, Node], node: Node) -> tuple[AnyArray, AnyArray] | None:
    """The factor and offset of a batch normalisation of a picture's channels; None where they are not in the file."""
    arrays = [_array(graph, producers, name) for name in node.inputs[1:5]]
    if len(arrays) != 4 or any(array is None or array.size not in (1, 3) for array in arrays):
        return None
    gain, shift, mean, variance = (np.asarray(array, np.float64).reshape(-1) for array in arrays)
    factor = gain / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    line = factor, shift - mean * factor
    return line if all(np.isfinite(part).all() for part in line) and (factor != 0).all() else None


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

    Bytes are made small, a factor about 1/255, or a mean beyond 16 is taken off them. Shares of 255 are centred, a mean
    below 1 is taken off, or made bytes again, with or without their mean. -1..1 is made 0..1 or bytes.
    """
    if not found.normalises:
        return {}, ""
    factor, offset = np.array(found.factor), np.array(found.offset)
    plain = {"scale": 1.0, "mean": 0.0, "std": 1.0}
    low, high = offset.min(), (255 * factor + offset).max()
    if (factor > 0).all() and (factor < 1 / 20).all() and high - low <= 16:
        return plain, f"the graph itself brings 0..255 to {low:.3g}..{high:.3g}"
    if (factor == 1).all() and (offset <= -16).all() and (offset >= -239).all():
        return plain, f"the graph itself takes a mean off and brings 0..255 to {low:.3g}..{high:.3g}"
    low, high = offset.min(), (factor + offset).max()
    centred = (offset < 0).all() and (factor >= 1).all() and high <= 4 and low >= -4
    bytes_again = _near(factor, 255) and (np.abs(offset).max() < 1 or ((offset <= -16) & (offset >= -239)).all())
    if centred or bytes_again:
        return {**plain, "scale": 1 / 255}, f"the graph itself brings 0..1 to {low:.3g}..{high:.3g}"
    for half in (0.5, 127.5):
        if _near(factor, half) and _near(offset, half):
            return {**plain, "scale": 1 / 127.5, "mean": 1.0}, f"the graph itself brings -1..1 to 0..{2 * half:.3g}"
    return {}, ""


def _near(values: AnyArray, wanted: float) -> bool:
    return bool(np.allclose(values, wanted, rtol=0.01))


OPEN: Mapping[str, str] = {
    "scale=1, mean=0": "0..255",
    "scale=0.00392157, mean=0": "0..1",
    "scale=0.00784314, mean=1": "-1..1",
    "scale=0.00392157, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)": "ImageNet's",
}
"""What may go into a graph that normalises in a way of its own."""


def unsettled(match: Match, evidence: Evidence) -> Match:
    """A verdict that leaves the normalisation open, where the graph does one that tells nothing of what goes in.

    A family's convention speaks of a graph that takes the picture as the network was trained, not of such a one.
    """
    graph = evidence.graph()
    if graph is None or "mean" in match.unsettled:
        return match
    found = treatment(graph, evidence.image.name)
    if not found.normalises or said_of(found)[0]:
        return match
    seen = ", ".join(f"{a:.4g} x {b:+.4g}" for a, b in np.broadcast(np.array(found.factor), np.array(found.offset)))
    why = f"{match.why}; the graph itself makes {seen} of each x that goes in"
    return replace(match, why=why, unsettled={**match.unsettled, "mean": OPEN})


def turned(match: Match, found: Treatment) -> Match:
    """A verdict whose order of channels is that of the file's input, where the graph turns them round."""
    color = match.conventions.get("color")
    if not found.reversed or color not in ("rgb", "bgr"):
        return match
    other = "bgr" if color == "rgb" else "rgb"
    fields = {**match.conventions, "color": other}
    for name in ("mean", "std"):  # they belong to channels
        if isinstance(fields.get(name), tuple):
            fields[name] = fields[name][::-1]
    reason = f"inferred: the graph turns the channels round, and behind that it is {color}"
    return replace(match, conventions=fields, basis={**match.basis, "color": reason})


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
