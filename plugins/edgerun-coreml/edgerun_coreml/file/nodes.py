"""A graph of edgerun under construction, and messages as attributes of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun.contract import Graph, Node
from edgerun.tensors import TensorSpec
from edgerun_coreml.file.wire import Message

Array = npt.NDArray[Any]

LARGEST_ATTRIBUTE: Final = 64
"""Elements of a parameter that becomes an attribute."""


@dataclass(slots=True)
class Listing:
    """A graph under construction.

    ``member`` names the model of a pipeline that is being read, "" elsewhere; ``features`` are the names by which the
    members know each other's values, all others get the member's name before theirs.
    """

    nodes: list[Node] = field(default_factory=list)
    values: dict[str, TensorSpec] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    opsets: list[str] = field(default_factory=list)
    member: str = ""
    features: frozenset[str] = frozenset()

    def named(self, name: str) -> str:
        """What a value of the member is called in the graph."""
        return self.placed(name) if name not in self.features else name

    def placed(self, name: str) -> str:
        """A name with the member's before it."""
        return f"{self.member}/{name}" if self.member else name

    def add(
        self,
        op: str,
        name: str,
        inputs: Iterable[str],
        outputs: Iterable[str],
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """A node, by the names that the member uses."""
        self.nodes.append(
            Node(
                op,
                self.placed(name),
                tuple(map(self.named, inputs)),
                tuple(map(self.named, outputs)),
                MappingProxyType(dict(attributes or {})),
            )
        )

    def know(self, name: str, shape: tuple[int | None, ...], dtype: str = "float32") -> None:
        """Note a value's shape and type; what is known already stays."""
        called = self.named(name)
        self.values.setdefault(called, TensorSpec(called, shape, dtype))

    def hold(self, name: str, array: Array) -> None:
        """Note a constant; its contents where it is small."""
        self.know(name, array.shape, array.dtype.name)
        if array.size <= Graph.LARGEST_CONSTANT:
            self.constants[self.named(name)] = array

    def of_opset(self, name: str) -> None:
        """Note the version of a member's operators."""
        if name not in self.opsets:
            self.opsets.append(name)


def attributes_of(message: Message, prefix: str = "") -> dict[str, Any]:
    """A message's numbers, texts and choices as plain values; those of messages within as "outer.inner".

    A oneof is there under its own name: {"NonlinearityType": "leakyReLU", "leakyReLU.alpha": 0.1}.
    """
    found: dict[str, Any] = {}
    for item, value in message.items():
        name = prefix + item.name
        if item.oneof:
            found[prefix + item.oneof] = item.name
        if item.kind == "map":
            continue
        if not item.repeated and item.kind == "message":
            if value.type_name not in ("WeightParams", "NeuralNetwork"):
                found |= attributes_of(value, f"{name}.")
        elif item.repeated:
            if 0 < len(value) <= LARGEST_ATTRIBUTE and item.kind != "bytes":
                found[name] = tuple(_plain(entry) for entry in value)
        elif item.kind != "bytes":
            found[name] = value
    return found


def _plain(entry: Any) -> Any:
    if isinstance(entry, Message):
        return MappingProxyType(attributes_of(entry))
    return entry.item() if isinstance(entry, np.generic) else entry
