"""The operations of an ML Program as nodes of edgerun's graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from edgerun.contract import Graph
from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.blob import BlobFile
from edgerun_coreml.file.nodes import LARGEST_ATTRIBUTE, Listing
from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil.kinds import STORED, Kind, read_kind
from edgerun_coreml.mil.program import choose_function
from edgerun_coreml.mil.registry import OPSETS
from edgerun_coreml.mil.values import Constants, Operand
from edgerun_coreml.refusal import Refusal

FIRST: Final = ("x", "y")
"""Parameters that come before the others, so that operands stand in the order in which they are written."""


def list_program(spec: Message, weights: Callable[[str], BlobFile], into: Listing) -> None:
    """Add the operations of the default function, those of branches and loops after the one that holds them.

    A node's inputs are the arguments that are values: of the parameters x and y first, then of the others by the
    alphabet. Constants of whole numbers, truth values, texts and single numbers are attributes by the parameter's
    name; those with fractions are inputs, too. Raises :class:`ModelDamaged`.
    """
    _, function = choose_function(spec, "")
    block = function.block_specializations.get(function.opset)
    if block is None:
        raise ModelDamaged(f"there is no block for the operation set {function.opset}")
    into.of_opset(f"iOS{OPSETS[function.opset]}" if function.opset in OPSETS else function.opset)
    reader = _Reader(Constants(weights), into)
    for item in function.inputs:
        reader.know(item)
    reader.block(block)


class _Reader:
    def __init__(self, constants: Constants, into: Listing) -> None:
        self._constants, self._into = constants, into
        self._known: dict[str, Message] = {}
        """Constants by name: messages ``Mil.Value``."""

    def know(self, item: Message) -> None:
        """Note the type of a message ``Mil.NamedValueType``."""
        kind = read_kind(item.type)
        if kind.shape is not None and kind.name in STORED:
            sizes = tuple(size if isinstance(size, int) else None for size in kind.shape)
            self._into.know(item.name, sizes, STORED[kind.name].name)

    def block(self, block: Message) -> None:
        for operation in block.operations:
            if operation.type == "const" and "val" in operation.attributes and operation.outputs:
                self._known[operation.outputs[0].name] = operation.attributes["val"]
                continue
            self._operation(operation)
            for inner in operation.blocks:
                self.block(inner)

    def _operation(self, operation: Message) -> None:
        outputs = [item.name for item in operation.outputs]
        name = self._text(operation.attributes.get("name")) or (outputs[0] if outputs else "")
        inputs: list[str] = []
        attributes: dict[str, Any] = {}
        for parameter, bindings in self._arguments(operation):
            for place, binding in enumerate(bindings):
                constant = self._known.get(binding) if isinstance(binding, str) else binding
                if constant is None:
                    inputs.append(binding)
                    continue
                unnamed = f"{name}.{parameter}" + (f".{place}" if len(bindings) > 1 else "")
                called = binding if isinstance(binding, str) else unnamed
                plain = self._constant(called, constant)
                if len(bindings) == 1 and plain is not None:
                    attributes[parameter] = plain
                if len(bindings) > 1 or plain is None or isinstance(plain, float):
                    inputs.append(called)
        self._into.add(operation.type, name, inputs, outputs, attributes)
        for item in operation.outputs:
            self.know(item)

    def _arguments(self, operation: Message) -> list[tuple[str, list[Any]]]:
        """Parameters with what is bound to them: names of values, or messages ``Mil.Value``."""
        found: dict[str, list[Any]] = {
            parameter: [item.name if item.which("binding") == "name" else item.value for item in argument.arguments]
            for parameter, argument in operation.inputs.items()
        }
        own: Mapping[str, Message] = operation.attributes
        found |= {key: [value] for key, value in own.items() if key not in ("name", "val")}
        return sorted(found.items(), key=lambda pair: (pair[0] not in FIRST, pair[0]))

    def _text(self, message: Message | None) -> str:
        texts = None if message is None else self._read(message).texts
        return texts[0] if texts else ""

    def _constant(self, name: str, message: Message) -> Any:
        """Note a constant, and answer what it is as an attribute; None where it is none."""
        kind = read_kind(message.type)
        if _count(kind) > Graph.LARGEST_CONSTANT:
            shape = tuple(size for size in kind.shape or () if isinstance(size, int))
            self._into.know(name, shape, STORED[kind.name].name if kind.name in STORED else kind.name)
            return None
        operand = self._read(message)
        array = operand.array
        if array is None:
            texts = operand.texts or ()
            return None if len(texts) > LARGEST_ATTRIBUTE else texts[0] if operand.shape == () and texts else texts
        if array.size <= LARGEST_ATTRIBUTE and (array.dtype.kind in "biu" or array.size == 1):
            plain = array.item() if array.ndim == 0 or array.dtype.kind == "f" else tuple(array.reshape(-1).tolist())
            if array.dtype.kind != "f":
                return plain
            self._into.hold(name, array)
            return plain
        self._into.hold(name, array)
        return None

    def _read(self, message: Message) -> Operand:
        try:
            return self._constants.read(message)
        except Refusal:  # of a type that is not read; that it is there is told by the node
            return Operand("nothing", None)


def _count(kind: Kind) -> int:
    return math.prod(size if isinstance(size, int) else 1 for size in kind.shape or ())
