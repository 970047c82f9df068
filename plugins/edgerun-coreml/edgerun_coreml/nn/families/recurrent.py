"""Recurrent layers: a step written out for ONNX's Scan, or ONNX's own operator where that is exactly the same.

Inputs are [sequence, batch, size, 1, 1]; outputs too, of one step unless ``sequenceOutput``. A layer that reverses its
input gives its steps in the order it makes them; the backward half of a bidirectional one gives them in the order of
the input, as the format's example shows. Core ML clips what goes into activations to ±50, which ONNX does not do, so
ONNX's operators serve for sigmoid and tanh alone: those are flat there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn.families.sequences import flipped
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.nodes import emit
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.nn.weights import Array
from edgerun_coreml.onnx.graph import Graph, Value

CLIP: Final = 50.0
"""Bound of what goes into activations, and of an LSTM's cell if the file gives none."""
BEYOND_REACH: Final = 400.0
"""A bound on the cell that is meant never to be met; coremltools writes 500."""

Activation = Callable[[Graph, Value], Value]


def activation(params: Message) -> tuple[str, Activation]:
    """An activation's kind and function. Files leave out the constants that the format fixes."""
    kind = params.which("NonlinearityType")
    if kind in ("sigmoid", "tanh", "ReLU"):
        onnx = {"sigmoid": "Sigmoid", "tanh": "Tanh", "ReLU": "Relu"}[kind]
        return kind, lambda graph, x: emit(graph, onnx, [x])
    inner = getattr(params, kind) if kind in ("linear", "scaledTanh", "sigmoidHard") else None
    if inner is None:
        raise ModelDamaged(f"a recurrent layer with the activation {kind or '?'}")
    alpha, beta = float(inner.alpha), float(inner.beta)
    if not alpha and not beta:
        alpha, beta = {"linear": (1.0, 0.0), "scaledTanh": (1.7159, 2 / 3), "sigmoidHard": (0.2, 0.5)}[kind]
    if kind == "sigmoidHard":
        return kind, lambda graph, x: emit(graph, "HardSigmoid", [x], alpha=alpha, beta=beta)

    def number(graph: Graph, value: float) -> Value:
        return graph.scalar(value, np.float32)

    def linear(graph: Graph, x: Value) -> Value:
        return emit(graph, "Add", [emit(graph, "Mul", [x, number(graph, alpha)]), number(graph, beta)])

    def scaled_tanh(graph: Graph, x: Value) -> Value:
        tanh = emit(graph, "Tanh", [emit(graph, "Mul", [x, number(graph, beta)])])
        return emit(graph, "Mul", [tanh, number(graph, alpha)])

    return kind, linear if kind == "linear" else scaled_tanh


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the vectors that go in and come out at each step."""

    inputs: int
    outputs: int


def read_sizes(op: Layer) -> Sizes:
    sizes = Sizes(op.size("inputVectorSize"), op.size("outputVectorSize"))
    if min(sizes.inputs, sizes.outputs) < 1:
        raise ModelDamaged(f"vectors of {sizes.inputs} and {sizes.outputs}")
    return sizes


def steps_of(op: Layer, sizes: Sizes) -> Value:
    """The input as [sequence, batch, size]."""
    if op.rank() != 5:
        raise ModelDamaged(f"a sequence with {op.rank()} axes, where five are needed")
    if op.shape()[3:] == (1, 1):
        steps = op.squeeze(op.x, [3, 4])
        if steps.shape is not None and steps.shape[2] in (sizes.inputs, None):
            return steps
    return op.reshape(op.x, [0, 0, sizes.inputs])


def initial_state(op: Layer, steps: Value, place: int, size: int) -> Value:
    """An initial state as [batch, size]; zeros if it is not an input."""
    if op.has_input(place):
        return op.reshape(op.input(place), [-1, size])
    shape = op.emit("Concat", [op.sizes_of(steps, 1, 2), op.int64s(size)], axis=0)
    return op.emit("ConstantOfShape", [shape], dtype=np.float32, value=np.zeros(1, np.float32))


def column(op: Layer, value: Value) -> Value:
    """[…, batch, size] as [sequence or 1, batch, size, 1, 1]."""
    return op.unsqueeze(value, [0, 3, 4] if value.rank == 2 else [3, 4])


def matrix(op: Layer, names: Sequence[str], columns: int, rows: int, params: Message) -> Array:
    """Weights of several gates one below the other, [gates * rows, columns]."""
    return np.concatenate([op.weights(name, [rows, columns], params=params) for name in names])


def project(op: Layer, steps: Value, weights: Array, bias: Array | None) -> Value:
    """The part of the gates that depends on the input alone, for all steps at once."""
    result = op.emit("MatMul", [steps, op.constant(np.ascontiguousarray(weights.T))])
    return result if bias is None else op.emit("Add", [result, op.constant(bias)])


def scan(
    op: Layer, states: Sequence[Value], steps: Value, step: Callable[[Graph, list[Value]], list[Value]]
) -> list[Value]:
    """Run ``step(body, [*states, input]) -> states`` over the first axis; gives last states and all of the first."""
    body = op.graph.subgraph()
    inputs = [body.input(body.fresh("state"), np.float32, state.shape) for state in states]
    shape = None if steps.shape is None else steps.shape[1:]
    inputs.append(body.input(body.fresh("step"), np.float32, shape))
    made = step(body, inputs)
    for value in (*made, made[0]):
        body.output(value, body.fresh("out"))
    dtypes = [np.float32] * (len(states) + 1)
    results = op.graph.emit_many("Scan", [*states, steps], dtypes, body=body, num_scan_inputs=1)
    length = None if steps.shape is None else steps.shape[0]
    first = states[0].shape
    shapes = [state.shape for state in states] + [None if first is None else (length, *first)]
    return [_with_shape(value, shape) for value, shape in zip(results, shapes, strict=True)]


def _with_shape(value: Value, shape: tuple[int | str | None, ...] | None) -> Value:
    return Value(value.name, value.dtype, shape)


def clipped(body: Graph, x: Value, bound: float = CLIP) -> Value:
    return emit(body, "Clip", [x, body.scalar(-bound, np.float32), body.scalar(bound, np.float32)])


def onnx_operator(
    op: Layer, onnx: str, inputs: Sequence[Value | None], sizes: Sizes, steps: Value, count: int
) -> list[Value]:
    """ONNX's recurrent operator: all outputs [sequence, batch, size], then last states [batch, size]."""
    results = op.graph.emit_many(onnx, inputs, [np.float32] * count, hidden_size=sizes.outputs)
    length, batch = (steps.shape or (None, None, None))[:2]
    everything = _with_shape(results[0], (length, 1, batch, sizes.outputs))
    states = [_with_shape(value, (1, batch, sizes.outputs)) for value in results[1:]]
    return [op.squeeze(everything, [1]), *(op.squeeze(state, [0]) for state in states)]


def _outputs(op: Layer, everything: Value, states: Sequence[Value], sequence: bool) -> list[Value]:
    return [column(op, everything if sequence else states[0]), *(column(op, state) for state in states)]


@layer("simpleRecurrent")
def simple_recurrent(op: Layer) -> list[Value]:
    """``y = f(clip(W x + R y + b))``."""
    p, sizes = op.params, read_sizes(op)
    steps = steps_of(op, sizes)
    steps = flipped(op, steps, [0]) if p.reverseInput else steps
    weights = op.weights("weightMatrix", [sizes.outputs, sizes.inputs])
    recursion = op.weights("recursionMatrix", [sizes.outputs, sizes.outputs])
    bias = op.weights("biasVector", [sizes.outputs]) if p.hasBiasVector else np.zeros(sizes.outputs, np.float32)
    state = initial_state(op, steps, 1, sizes.outputs)
    kind, function = activation(p.activation)
    if kind == "tanh":
        both = np.concatenate([bias, np.zeros_like(bias)])
        constants = [op.constant(array[None]) for array in (weights, recursion, both)]
        everything, last = onnx_operator(
            op, "RNN", [steps, *constants, None, op.unsqueeze(state, [0])], sizes, steps, 2
        )
        return _outputs(op, everything, [last], p.sequenceOutput)
    matrix = op.constant(np.ascontiguousarray(recursion.T))

    def step(body: Graph, values: list[Value]) -> list[Value]:
        previous, projected = values
        total = emit(body, "Add", [projected, emit(body, "MatMul", [previous, matrix])])
        return [function(body, clipped(body, total))]

    last, everything = scan(op, [state], project(op, steps, weights, bias), step)
    return _outputs(op, everything, [last], p.sequenceOutput)


_GRU: Final = ("updateGate", "resetGate", "outputGate")


@layer("gru")
def gru(op: Layer) -> list[Value]:
    """Gates z, r and o: ``o`` sees ``r * y``, and ``y = (1 - z) * o + z * y``, as in ONNX."""
    p, sizes = op.params, read_sizes(op)
    steps = steps_of(op, sizes)
    steps = flipped(op, steps, [0]) if p.reverseInput else steps
    weights = matrix(op, [f"{gate}WeightMatrix" for gate in _GRU], sizes.inputs, sizes.outputs, p)
    recursion = matrix(op, [f"{gate}RecursionMatrix" for gate in _GRU], sizes.outputs, sizes.outputs, p)
    bias = np.zeros(3 * sizes.outputs, np.float32)
    if p.hasBiasVectors:
        bias = np.concatenate([op.weights(f"{gate}BiasVector", [sizes.outputs]) for gate in _GRU])
    if len(p.activations) != 2:
        raise ModelDamaged(f"{len(p.activations)} activations, where two are needed")
    (inner_kind, inner), (outer_kind, outer) = map(activation, p.activations)
    state = initial_state(op, steps, 1, sizes.outputs)
    if (inner_kind, outer_kind) == ("sigmoid", "tanh"):
        both = np.concatenate([bias, np.zeros_like(bias)])
        constants = [op.constant(array[None]) for array in (weights, recursion, both)]
        everything, last = onnx_operator(
            op, "GRU", [steps, *constants, None, op.unsqueeze(state, [0])], sizes, steps, 2
        )
        return _outputs(op, everything, [last], p.sequenceOutput)
    size = sizes.outputs
    gates, candidate = (
        op.constant(np.ascontiguousarray(part.T)) for part in (recursion[: 2 * size], recursion[2 * size :])
    )
    parts = op.int64s(2 * size, size)

    def step(body: Graph, values: list[Value]) -> list[Value]:
        previous, projected = values
        both, own = body.emit_many("Split", [projected, parts], 2, axis=1)
        total = emit(body, "Add", [both, emit(body, "MatMul", [previous, gates])])
        update, reset = body.emit_many("Split", [inner(body, clipped(body, total))], 2, axis=1, num_outputs=2)
        memory = emit(body, "MatMul", [emit(body, "Mul", [previous, reset]), candidate])
        output = outer(body, clipped(body, emit(body, "Add", [own, memory])))
        change = emit(body, "Mul", [update, emit(body, "Sub", [previous, output])])
        return [emit(body, "Add", [output, change])]

    last, everything = scan(op, [state], project(op, steps, weights, bias), step)
    return _outputs(op, everything, [last], p.sequenceOutput)
