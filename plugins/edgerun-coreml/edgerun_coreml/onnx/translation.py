"""What translating a model gives, whatever kind it is of: a graph, and where its features are in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from edgerun_coreml.onnx.graph import Graph, Shape

Precision = Literal["fp32", "fp16"]
"""How intermediate results are kept."""

PROBABILITIES: Final = "probabilities"
"""What a classifier's probabilities are called in the graph."""


@dataclass(frozen=True, slots=True)
class Port:
    """A feature of the model (``name``) and where it is found in the graph (``tensor``).

    ``kind`` is the program's element type; the graph's tensor is float32, int32 or bool.
    """

    name: str
    tensor: str
    kind: str
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class StatePort:
    """A state: fed as ``tensor``, and fetched as ``updated`` after the run."""

    name: str
    tensor: str
    updated: str
    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Classifier:
    """Labels, and the tensor with one probability for each."""

    labels: tuple[str, ...] | tuple[int, ...]
    tensor: str


@dataclass(frozen=True, slots=True)
class Translation:
    """A function of a program, or a network, as a graph."""

    graph: Graph
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[StatePort, ...]
    classifier: Classifier | None
