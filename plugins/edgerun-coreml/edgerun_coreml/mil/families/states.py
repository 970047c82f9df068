"""States: buffers read and written in the course of a prediction."""

from __future__ import annotations

from typing import Final

from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.mil.scope import Scope
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

WRITING: Final = ("write_state", "coreml_update_state")


def written_states(scope: Scope, block: Message) -> set[str]:
    """The states that a block writes, or a block within."""
    found: set[str] = set()
    for message in block.operations:
        if message.type in WRITING:
            arguments = [message.inputs[name] for name in ("input", "state") if name in message.inputs]
            bindings = [item for argument in arguments for item in argument.arguments]
            found |= {scope.lookup(item.name).state for item in bindings if item.which("binding") == "name"}
        for inner in message.blocks:
            found |= written_states(scope, inner)
    return found - {""}


def _state(op: Operation, *names: str) -> str:
    for name in names:
        if op.has(name) and (state := op.operand(name).state):
            return state
    raise Refusal("no state is given")


@operation("read_state")
def read_state(op: Operation) -> Value:
    """The state's contents at this point of the program."""
    return op.scope.context.states[_state(op, "input")]


@operation(*WRITING)
def write_state(op: Operation) -> Value:
    """Replaces the state's contents from here on; the contents are also the result, where there is one.

    What is written inside a branch or loop is handed out of it by that operation: `written_states`.
    """
    state = _state(op, "input", "state")
    value = op.value("data" if op.has("data") else "value")
    op.scope.context.states[state] = value
    return value
