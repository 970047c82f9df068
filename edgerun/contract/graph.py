"""What a model's file says of its computation, read without a runtime: values, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from edgerun.tensors import AnyArray, TensorSpec

__all__ = ["Graph", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One operator.

    Attributes:
        op: its kind in the format's own words: "Conv", "CONV_2D", "ios17.conv".
        name: its place in the file; "" where the file gives none.
        inputs, outputs: names of values; "" for an optional input that is left out.
        attributes: plain values by the format's own names; large ones are left out.
        closed: whether the file does not show what it computes, as of a part that was compiled for a device.
        inside: the operators that it stands for, where it is such a part and the file shows them all the same; their
            values are among the graph's.
    """

    op: str
    name: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    closed: bool = False
    inside: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Operators in the order of the file, branches and loops included where they stand.

    Attributes:
        nodes: every operator.
        inputs, outputs: names of values.
        values: name -> dtype and shape, of those that the file tells.
        constants: name -> array, of those with at most `LARGEST_CONSTANT` elements; for larger ones `values` tells.
        producer: who wrote the file, "pytorch 2.13.0"; "" where it does not say.
        opset: the version of the operators, "ai.onnx 17", "iOS17"; "" where it does not say.
    """

    nodes: Sequence[Node]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    values: Mapping[str, TensorSpec] = field(default_factory=lambda: MappingProxyType({}))
    constants: Mapping[str, AnyArray] = field(default_factory=lambda: MappingProxyType({}))
    producer: str = ""
    opset: str = ""

    LARGEST_CONSTANT: ClassVar[int] = 10_000
    """Elements; enough for means, scales, anchors, label counts and the strides of 8,400 cells, too few for weights."""
