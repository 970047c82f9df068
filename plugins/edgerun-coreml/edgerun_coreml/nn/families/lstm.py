"""Long short-term memory in one or both directions; :mod:`recurrent` has the ground they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn.families.recurrent import (
    BEYOND_REACH,
    CLIP,
    Activation,
    Sizes,
    activation,
    clipped,
    column,
    initial_state,
    matrix,
    onnx_operator,
    project,
    read_sizes,
    scan,
    steps_of,
)
from edgerun_coreml.nn.families.sequences import flipped
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.nodes import emit
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.nn.weights import Array
from edgerun_coreml.onnx.graph import Graph, Value

_GATES: Final = ("inputGate", "outputGate", "forgetGate", "blockInput")
"""In ONNX's order; the last is the cell's candidate."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One direction's weights: [4 * size, inputs], [4 * size, size], [4 * size], and three peepholes [size]."""

    weights: Array
    recursion: Array
    bias: Array
    peepholes: list[Array] | None
    kinds: list[str]
    functions: list[Activation]
    clip: float
    coupled: bool


def _cell(op: Layer, sizes: Sizes, params: Message, activations: Sequence[Message]) -> Cell:
    shared = op.params.params
    if len(activations) != 3:
        raise ModelDamaged(f"{len(activations)} activations, where three are needed")
    known = [activation(item) for item in activations]
    bias = np.zeros(4 * sizes.outputs, np.float32)
    if shared.hasBiasVectors:
        parts = [op.weights(f"{gate}BiasVector", [sizes.outputs], params=params) for gate in _GATES]
        bias = np.concatenate(parts)
    if shared.forgetBias:
        bias[2 * sizes.outputs : 3 * sizes.outputs] += 1
    peepholes = None
    if shared.hasPeepholeVectors:
        peepholes = [op.weights(f"{gate}PeepholeVector", [sizes.outputs], params=params) for gate in _GATES[:3]]
    return Cell(
        matrix(op, [f"{gate}WeightMatrix" for gate in _GATES], sizes.inputs, sizes.outputs, params),
        matrix(op, [f"{gate}RecursionMatrix" for gate in _GATES], sizes.outputs, sizes.outputs, params),
        bias,
        peepholes,
        [kind for kind, _ in known],
        [function for _, function in known],
        float(shared.cellClipThreshold) or CLIP,
        bool(shared.coupledInputAndForgetGate),
    )


def _run(op: Layer, cell: Cell, sizes: Sizes, steps: Value, hidden: Value, memory: Value) -> list[Value]:
    """All outputs [sequence, batch, size], then the last output and cell [batch, size]."""
    plain = cell.kinds == ["sigmoid", "tanh", "tanh"] and cell.peepholes is None and not cell.coupled
    if plain and _clip_is_idle(cell.clip, steps, memory):
        both = np.concatenate([cell.bias, np.zeros_like(cell.bias)])
        constants = [op.constant(array[None]) for array in (cell.weights, cell.recursion, both)]
        states = [op.unsqueeze(hidden, [0]), op.unsqueeze(memory, [0])]
        return onnx_operator(op, "LSTM", [steps, *constants, None, *states], sizes, steps, 3)
    recursion = op.constant(np.ascontiguousarray(cell.recursion.T))
    peepholes = None if cell.peepholes is None else [op.constant(array) for array in cell.peepholes]
    inner, block, outer = cell.functions

    def step(body: Graph, values: list[Value]) -> list[Value]:
        previous, content, projected = values
        total = emit(body, "Add", [projected, emit(body, "MatMul", [previous, recursion])])
        gates = body.emit_many("Split", [total], 4, axis=1, num_outputs=4)

        def gate(place: int, seen: Value) -> Value:
            value = gates[place]
            if peepholes is not None:
                value = emit(body, "Add", [value, emit(body, "Mul", [seen, peepholes[place]])])
            return inner(body, clipped(body, value))

        entry = gate(0, content)
        keep = emit(body, "Sub", [body.scalar(1.0, np.float32), entry]) if cell.coupled else gate(2, content)
        fresh = block(body, clipped(body, gates[3]))
        content = emit(body, "Add", [emit(body, "Mul", [content, keep]), emit(body, "Mul", [entry, fresh])])
        content = clipped(body, content, cell.clip)
        return [emit(body, "Mul", [outer(body, content), gate(1, content)]), content]

    last, content, everything = scan(op, [hidden, memory], project(op, steps, cell.weights, cell.bias), step)
    return [everything, last, content]


def _clip_is_idle(clip: float, steps: Value, memory: Value) -> bool:
    """Whether the cell cannot reach its bound: it grows by one each step at most."""
    if clip >= BEYOND_REACH:
        return True
    length = None if steps.shape is None else steps.shape[0]
    start = 0.0 if memory.array is None else float(np.abs(memory.array).max(initial=0.0))
    known = memory.array is not None
    return known and isinstance(length, int) and start + length <= clip


@layer("uniDirectionalLSTM")
def uni_directional_lstm(op: Layer) -> list[Value]:
    p, sizes = op.params, read_sizes(op)
    steps = steps_of(op, sizes)
    steps = flipped(op, steps, [0]) if p.reverseInput else steps
    cell = _cell(op, sizes, p.weightParams, p.activations)
    hidden, memory = (initial_state(op, steps, place, sizes.outputs) for place in (1, 2))
    everything, last, content = _run(op, cell, sizes, steps, hidden, memory)
    return [column(op, value) for value in (everything if p.params.sequenceOutput else last, last, content)]


@layer("biDirectionalLSTM")
def bi_directional_lstm(op: Layer) -> list[Value]:
    """Outputs: both directions side by side; then output and cell of the forward one, and of the backward one."""
    p, sizes = op.params, read_sizes(op)
    if len(p.weightParams) != 2:
        raise ModelDamaged(f"weights of {len(p.weightParams)} directions, where two are needed")
    steps = steps_of(op, sizes)
    backward = p.activationsBackwardLSTM or p.activationsForwardLSTM
    sides, states = [], []
    for side, activations in enumerate((p.activationsForwardLSTM, backward)):
        cell = _cell(op, sizes, p.weightParams[side], activations)
        own = flipped(op, steps, [0]) if side else steps
        hidden, memory = (initial_state(op, steps, 1 + 2 * side + k, sizes.outputs) for k in (0, 1))
        everything, last, content = _run(op, cell, sizes, own, hidden, memory)
        if p.params.sequenceOutput:
            sides.append(flipped(op, everything, [0]) if side else everything)
        else:
            sides.append(op.unsqueeze(last, [0]))
        states += [last, content]
    joined = op.emit("Concat", sides, axis=2)
    return [column(op, value) for value in (joined, *states)]
