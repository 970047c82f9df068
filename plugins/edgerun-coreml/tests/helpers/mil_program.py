"""A tiny writer of ML Programs for tests: operations one by one, then run through the translator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from wire_format import encode

from edgerun_coreml.file.package import parse_model
from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil import translate
from edgerun_coreml.mil.kinds import KINDS
from edgerun_coreml.onnx.translation import Translation
from edgerun_coreml.running.session import open_session

NAMES = {kind: name for name, kind in KINDS.items()}
KIND_OF = {
    "float16": "fp16", "float32": "fp32", "float64": "fp32", "int64": "int32", "bool": "bool",
    **{name: name for name in ("int8", "int16", "int32", "uint8", "uint16", "uint32")},
}  # fmt: skip


@dataclass(frozen=True)
class Typed:
    """A constant of a kind that numpy does not have, given as its packed bytes."""

    kind: str
    shape: tuple[int, ...]
    raw: bytes


@dataclass(frozen=True)
class Name:
    """A reference to a value of the program."""

    text: str


def tensor_type(kind: str, shape: Sequence[int | None] | None) -> dict[str, Any]:
    sizes = [] if shape is None else shape
    dimensions = [{"unknown": {}} if size is None else {"constant": {"size": size}} for size in sizes]
    rank = -1 if shape is None else len(sizes)
    return {"tensorType": {"dataType": NAMES[kind], "rank": rank, "dimensions": dimensions}}


def value(content: Any) -> dict[str, Any]:
    """A message ``Mil.Value`` as a dict: text, number, array, or :class:`Typed`."""
    if isinstance(content, Typed):
        tensor: dict[str, Any] = {"bytes": {"values": content.raw}}
        return {"type": tensor_type(content.kind, content.shape), "immediateValue": {"tensor": tensor}}
    if isinstance(content, str):
        tensor = {"strings": {"values": [content]}}
        return {"type": tensor_type("str", ()), "immediateValue": {"tensor": tensor}}
    if isinstance(content, list) and content and isinstance(content[0], str):
        items = [value(item) for item in content]
        kind = {"listType": {"type": tensor_type("str", ()), "length": {"constant": {"size": len(content)}}}}
        return {"type": kind, "immediateValue": {"list": {"values": items}}}
    array = np.asarray(content)
    kind = KIND_OF[array.dtype.name]
    flat = array.reshape(-1)
    if kind == "fp32":
        tensor = {"floats": {"values": flat}}
    elif kind == "int32":
        tensor = {"ints": {"values": flat}}
    elif kind == "bool":
        tensor = {"bools": {"values": flat}}
    else:
        tensor = {"bytes": {"values": flat.tobytes()}}
    return {"type": tensor_type(kind, array.shape), "immediateValue": {"tensor": tensor}}


@dataclass
class Block:
    """Operations in order. ``op`` answers the names of what an operation makes."""

    operations: list[dict[str, Any]] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    prefix: str = ""

    def input(self, name: str, kind: str, shape: Sequence[int | None] | None) -> Name:
        self.inputs.append({"name": name, "type": tensor_type(kind, shape)})
        return Name(name)

    def const(self, content: Any) -> Name:
        name = f"{self.prefix}const_{len(self.operations)}"
        message = value(content)
        output = {"name": name, "type": message["type"]}
        self.operations.append({"type": "const", "outputs": [output], "attributes": {"val": message}})
        return Name(name)

    def argument(self, content: Any) -> dict[str, Any]:
        several = isinstance(content, list) and bool(content) and isinstance(content[0], Name)
        items = content if several else [content]
        names = [item if isinstance(item, Name) else self.const(item) for item in items]
        return {"arguments": [{"name": name.text} for name in names]}

    def op(
        self,
        kind: str,
        makes: tuple[str, Any] | list[tuple[str, Any]],
        blocks: Sequence[Block] = (),
        attributes: dict[str, Any] | None = None,
        **inputs: Any,
    ) -> Any:
        """Append an operation. ``makes`` is (kind, shape) of its output, or a list of them."""
        arguments = {name: self.argument(content) for name, content in inputs.items() if content is not None}
        several = isinstance(makes, list)
        outputs = [
            {"name": f"{self.prefix}{kind}_{len(self.operations)}_{place}", "type": _output_type(*made)}
            for place, made in enumerate(makes if isinstance(makes, list) else [makes])
        ]
        operation = {"type": kind, "inputs": arguments, "outputs": outputs}
        operation["blocks"] = [block.message() for block in blocks]
        operation["attributes"] = {name: value(item) for name, item in (attributes or {}).items()}
        self.operations.append(operation)
        names = [Name(output["name"]) for output in outputs]
        return names if several else names[0]

    def message(self) -> dict[str, Any]:
        return {"inputs": self.inputs, "outputs": self.outputs, "operations": self.operations}


def _output_type(kind: str, shape: Any) -> dict[str, Any]:
    if kind == "list":
        return {"listType": {"type": tensor_type("fp32", shape)}}
    if kind == "dict":
        return {"dictionaryType": {"keyType": tensor_type("str", ()), "valueType": tensor_type("fp32", ())}}
    return tensor_type(kind, shape)


class Program(Block):
    """A program of one function ``main``. Names returned last become its outputs."""

    def __init__(self, opset: int = 17) -> None:
        super().__init__()
        self.opset = {15: "CoreML5", 16: "CoreML6", 17: "CoreML7", 18: "CoreML8", 26: "CoreML9"}[opset]

    def state(self, name: str, kind: str, shape: Sequence[int]) -> Name:
        self.inputs.append({"name": name, "type": {"stateType": {"wrappedType": tensor_type(kind, shape)}}})
        return Name(name)

    def function(self) -> dict[str, Any]:
        block = {"outputs": self.outputs, "operations": self.operations}
        return {"inputs": self.inputs, "opset": self.opset, "block_specializations": {self.opset: block}}

    def encoded(self, **functions: Program) -> bytes:
        content = {name: program.function() for name, program in functions.items()} or {"main": self.function()}
        return encode("Model", {"specificationVersion": 8, "mlProgram": {"version": 1, "functions": content}})

    def spec(self) -> Message:
        return parse_model(self.encoded())

    def translate(self, *outputs: Name, precision: Any = "fp32") -> Translation:
        self.outputs = [name.text for name in outputs]
        return translate(self.spec(), no_weights, precision=precision)

    def run(self, outputs: Name | Sequence[Name], precision: Any = "fp32", **feeds: Any) -> Any:
        """The outputs' values: one array for one name, a list for several."""
        names = [outputs] if isinstance(outputs, Name) else list(outputs)
        translation = self.translate(*names, precision=precision)
        session = open_session(translation.graph, threads=1)
        types = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
        kinds = {item.name: types[item.type] for item in session.get_inputs()}
        found = session.run(
            [port.tensor for port in translation.outputs],
            {name: np.asarray(item).astype(kinds[name]) for name, item in feeds.items() if name in kinds},
        )
        return found[0] if isinstance(outputs, Name) else found


def no_weights(name: str) -> Any:
    raise AssertionError(f"the program has no weights, and asks for {name}")


def apply(
    kind: str, makes: tuple[str, Any] | list[tuple[str, Any]], opset: int = 17, x: Any = None, **inputs: Any
) -> Any:
    """Run a single operation on ``x``, fed as an input, with all other inputs constant."""
    program = Program(opset)
    x = np.asarray(x)
    fed = program.input("x", KIND_OF[x.dtype.name], x.shape)
    placed = {name: fed if isinstance(item, Name) else item for name, item in inputs.items()}
    if not any(item is fed for item in placed.values()):
        placed = {"x": fed, **placed}
    return program.run(program.op(kind, makes, **placed), x=x)


FED = Name("x")
"""Marks the input of :func:`apply` that the fed array goes to, where it is not called x."""
