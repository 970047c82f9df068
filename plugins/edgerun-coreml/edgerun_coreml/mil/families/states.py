"""States: buffers read and written in the course of a prediction."""

from __future__ import annotations

from ...graph import Value
from ..operation import Operation
from ..registry import Refusal, operation


def _state(op: Operation, *names: str) -> str:
    for name in names:
        if op.has(name) and (state := op.operand(name).state):
            return state
    raise Refusal("no state is given")


@operation("read_state")
def read_state(op: Operation) -> Value:
    """The state's contents at this point of the program."""
    return op.scope.context.states[_state(op, "input")]


@operation("write_state", "coreml_update_state")
def write_state(op: Operation) -> Value:
    """Replaces the state's contents from here on; the contents are also the result, where there is one."""
    state = _state(op, "input", "state")
    value = op.value("data" if op.has("data") else "value")
    if op.scope.outer is not None:
        raise Refusal("a state written inside a branch or loop")
    op.scope.context.states[state] = value
    return value
