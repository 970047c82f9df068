"""Recurrent layers. x is [steps, batch, features]; a reversed layer gives its outputs in the order computed.

Gates lie one after the other in the weights: LSTM in MIL's order i, f, o, z (ONNX: i, o, f, z), GRU in MIL's
order r, o, z (ONNX: z, r, o). A layer in both directions has its second set of weights under names ending in
``_back``.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.mil.kinds import FLOAT32
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

Array = npt.NDArray[Any]

_ACTIVATIONS: Final = {
    "tanh": ("Tanh", 0.0, 0.0),
    "sigmoid": ("Sigmoid", 0.0, 0.0),
    "relu": ("Relu", 0.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 0.2, 0.5),
    "sigmoid_hard": ("HardSigmoid", 0.2, 0.5),
    "linear": ("Affine", 1.0, 0.0),
    "scaled_tanh": ("ScaledTanh", 1.0, 1.0),
}
"""ONNX's name, and alpha and beta for those that have them."""


class Layer:
    """The inputs of a recurrent operation, brought into ONNX's order."""

    def __init__(self, op: Operation, order: list[int]) -> None:
        self.op, self.order = op, order
        self.direction = op.text("direction", "forward")
        if self.direction not in ("forward", "reverse", "bidirectional"):
            raise Refusal(f"the direction {self.direction!r}")
        self.suffixes = ["", "_back"] if self.direction == "bidirectional" else [""]
        self.size = op.array("weight_hh").shape[-1]
        self.x = op.value()
        if self.direction == "reverse":
            self.x = _flipped(op, self.x)

    def reordered(self, array: Array) -> Array:
        """The gates of a weight matrix or bias in ONNX's order."""
        gates = array.astype(np.float32).reshape(len(self.order), -1, *array.shape[1:])
        return np.concatenate([gates[place] for place in self.order])

    def weights(self, name: str) -> Value:
        """A weight [directions, gates * size, ...]."""
        arrays = [self.reordered(self.op.array(name + suffix)) for suffix in self.suffixes]
        return self.op.graph.constant(np.stack(arrays))

    def bias(self, name: str) -> Array:
        """A bias [directions, gates * size], zero if not given."""
        length = len(self.order) * self.size
        given = [self.op.optional_array(name + suffix) for suffix in self.suffixes]
        return np.stack([np.zeros(length, np.float32) if one is None else self.reordered(one) for one in given])

    def initial(self, name: str) -> Value | None:
        """A state [batch, directions * size] as ONNX's [directions, batch, size]; None for nothing but zeros.

        Zeros are left out since coremltools makes them with the rows of steps instead of those of the batch where
        sequences are packed, which Core ML takes and ONNX Runtime does not.
        """
        state = self.op.value(name)
        if _is_zero(self.op, state):
            return None
        if len(self.suffixes) == 1:
            return self.op.emit("Unsqueeze", [state, self.op.graph.int64(0)])
        apart = self.op.emit("Reshape", [state, self.op.graph.int64(0, 2, self.size)])
        return self.op.emit("Transpose", [apart], perm=[1, 0, 2])

    def activations(self, *names: tuple[str, str]) -> dict[str, Any]:
        """The attributes for the activations given by input name and default."""
        chosen = []
        for name, default in names:
            activation = self.op.text(name, default)
            if activation not in _ACTIVATIONS:
                raise Refusal(f"the activation {activation!r}")
            chosen.append(_ACTIVATIONS[activation])
        chosen *= len(self.suffixes)
        needing = [item for item in chosen if item[0] in ("HardSigmoid", "Affine", "ScaledTanh")]
        return {
            "activations": [item[0] for item in chosen],
            "activation_alpha": [item[1] for item in needing] or None,
            "activation_beta": [item[2] for item in needing] or None,
            "hidden_size": self.size,
            "direction": "bidirectional" if len(self.suffixes) == 2 else "forward",
        }

    def results(self, steps: Value, *last: Value) -> list[Value]:
        """Outputs in MIL's form: all steps or the last one [steps, batch, directions * size], then the
        states.
        """
        op, width = self.op, self.size * len(self.suffixes)
        flat = [
            op.emit("Reshape", [op.emit("Transpose", [state], perm=[1, 0, 2]), op.graph.int64(0, width)])
            for state in last
        ]
        if not op.flag("output_sequence", False):
            return [op.emit("Unsqueeze", [flat[0], op.graph.int64(0)]), *flat]
        joined = op.emit("Transpose", [steps], perm=[0, 2, 1, 3])
        return [op.emit("Reshape", [joined, op.graph.int64(0, 0, width)]), *flat]


_REARRANGING: Final = frozenset({"Squeeze", "Unsqueeze", "Reshape", "Transpose", "Expand", "Identity", "Cast"})


def _is_zero(op: Operation, value: Value) -> bool:
    """Whether a value is a constant of zeros, or zeros in a shape that the program computes."""
    if value.array is not None:
        return not value.array.any()
    node = op.graph.producer(value)
    while node is not None and node.op_type in _REARRANGING:
        node = op.graph.producer(node.inputs[0])
    if node is None or node.op_type != "ConstantOfShape":
        return False
    filling = node.attributes["value"]
    return isinstance(filling, np.ndarray) and not filling.any()


def _flipped(op: Operation, value: Value) -> Value:
    """Steps in reverse order."""
    ones, far = op.graph.int64(-1), op.graph.int64(-(2**31))
    return op.emit("Slice", [value, ones, far, op.graph.int64(0), ones])


@operation("rnn")
def rnn(op: Operation) -> list[Value]:
    layer = Layer(op, [0])
    bias = np.concatenate([layer.bias("bias"), np.zeros((1, layer.size), np.float32)], axis=1)
    inputs = [layer.x, layer.weights("weight_ih"), layer.weights("weight_hh"), op.graph.constant(bias), None]
    attributes = layer.activations(("activation", "tanh"))
    steps, last = op.graph.emit_many("RNN", [*inputs, layer.initial("initial_h")], 2, **attributes)
    return layer.results(steps, last)


@operation("gru")
def gru(op: Operation) -> list[Value]:
    """The reset gate comes before the product with the hidden weights, or after it with ``reset_after`` (iOS
    18).
    """
    layer = Layer(op, [2, 0, 1])
    after = op.flag("reset_after", False)
    hidden_bias, input_bias = layer.bias("bias"), layer.bias("input_bias")
    if not op.has("input_bias"):
        hidden_bias, input_bias = input_bias, hidden_bias
    bias = op.graph.constant(np.concatenate([input_bias, hidden_bias], axis=1))
    inputs = [layer.x, layer.weights("weight_ih"), layer.weights("weight_hh"), bias, None]
    attributes = layer.activations(("recurrent_activation", "sigmoid"), ("activation", "tanh"))
    steps, last = op.graph.emit_many(
        "GRU", [*inputs, layer.initial("initial_h")], 2, linear_before_reset=after, **attributes
    )
    return layer.results(steps, last)


@operation("lstm")
def lstm(op: Operation) -> list[Value]:
    layer = Layer(op, [0, 2, 1, 3])
    if op.has("clip"):
        return _clipped_lstm(op, layer)
    bias = np.concatenate([layer.bias("bias"), np.zeros((len(layer.suffixes), 4 * layer.size), np.float32)], axis=1)
    inputs = [layer.x, layer.weights("weight_ih"), layer.weights("weight_hh"), op.graph.constant(bias), None]
    states = [layer.initial("initial_h"), layer.initial("initial_c")]
    peepholes = [op.graph.constant(_peepholes(op, layer))] if op.has("peephole") else []
    attributes = layer.activations(
        ("recurrent_activation", "sigmoid"), ("cell_activation", "tanh"), ("activation", "tanh")
    )
    steps, hidden, cell = op.graph.emit_many("LSTM", [*inputs, *states, *peepholes], 3, **attributes)
    return layer.results(steps, hidden, cell)


def _peepholes(op: Operation, layer: Layer) -> Array:
    """Peephole weights [directions, 3 * size] in ONNX's order i, o, f from MIL's i, f, o."""
    rows = []
    for suffix in layer.suffixes:
        i, f, o = op.array("peephole" + suffix).astype(np.float32).reshape(3, -1)
        rows.append(np.concatenate([i, o, f]))
    return np.stack(rows)


def _clipped_lstm(op: Operation, layer: Layer) -> list[Value]:
    """An LSTM whose cell state is kept within ``clip`` after each step.

    ONNX's clip acts on what goes into the gates instead, so the steps are written out as a Scan.
    """
    graph, parts = op.graph, []
    for place, suffix in enumerate(layer.suffixes):
        x = _flipped(op, layer.x) if suffix else layer.x
        hidden, cell = (_direction(op, layer, op.value(name), place) for name in ("initial_h", "initial_c"))
        body = _lstm_step(op, layer, suffix, x)
        last_h, last_c, steps = graph.emit_many("Scan", [hidden, cell, x], [FLOAT32] * 3, body=body, num_scan_inputs=1)
        parts.append((_flipped(op, steps) if suffix else steps, last_h, last_c))
    steps, hidden, cell = (
        op.emit("Concat", [part[item] for part in parts], axis=2 if item == 0 else 1) for item in range(3)
    )
    if not op.flag("output_sequence", False):
        steps = op.emit("Unsqueeze", [hidden, graph.int64(0)])
    return [steps, hidden, cell]


def _direction(op: Operation, layer: Layer, state: Value, place: int) -> Value:
    """One direction's part [batch, size] of a state."""
    if len(layer.suffixes) == 1:
        return state
    bounds = op.graph.int64(place * layer.size), op.graph.int64((place + 1) * layer.size), op.graph.int64(1)
    return op.emit("Slice", [state, *bounds])


def _lstm_step(op: Operation, layer: Layer, suffix: str, x: Value) -> Any:
    """The body of the Scan: (hidden, cell, input) to (hidden, cell, output)."""
    body = op.graph.subgraph()
    hidden, cell, features = (body.input(name, FLOAT32, None) for name in ("hidden", "cell", "features"))
    weight = {name: op.array(name + suffix).astype(np.float32) for name in ("weight_ih", "weight_hh")}
    bias = op.optional_array("bias" + suffix)
    total = body.emit(
        "Add",
        [
            body.emit("MatMul", [features, body.constant(np.ascontiguousarray(weight["weight_ih"].T))]),
            body.emit("MatMul", [hidden, body.constant(np.ascontiguousarray(weight["weight_hh"].T))]),
        ],
    )
    if bias is not None:
        total = body.emit("Add", [total, body.constant(bias, FLOAT32)])
    i, f, o, z = body.emit_many("Split", [total], 4, axis=-1, num_outputs=4)
    given = op.optional_array("peephole" + suffix)
    peephole = np.zeros((3, layer.size)) if given is None else given.reshape(3, -1)

    def gate(value: Value, weights: Array, state: Value, name: str, default: str) -> Value:
        if weights.any():
            value = body.emit("Add", [value, body.emit("Mul", [state, body.constant(weights, FLOAT32)])])
        return _activate(body, value, op.text(name, default))

    none = np.zeros(1)
    input_gate = gate(i, peephole[0], cell, "recurrent_activation", "sigmoid")
    forget_gate = gate(f, peephole[1], cell, "recurrent_activation", "sigmoid")
    candidate = gate(z, none, cell, "cell_activation", "tanh")
    kept = body.emit("Mul", [forget_gate, cell])
    grown = body.emit("Add", [kept, body.emit("Mul", [input_gate, candidate])])
    bound = op.number("clip")
    clipped = body.emit("Clip", [grown, body.scalar(-bound, FLOAT32), body.scalar(bound, FLOAT32)])
    output_gate = gate(o, peephole[2], clipped, "recurrent_activation", "sigmoid")
    result = body.emit("Mul", [output_gate, gate(clipped, none, clipped, "activation", "tanh")])
    for value in (result, clipped, result):
        body.output(body.emit("Identity", [value]))
    return body


def _activate(body: Any, value: Value, name: str) -> Value:
    if name not in _ACTIVATIONS:
        raise Refusal(f"the activation {name!r}")
    kind, alpha, beta = _ACTIVATIONS[name]
    if kind == "Affine":
        return value
    if kind == "ScaledTanh":  # with both factors 1
        kind = "Tanh"
    attributes = {"alpha": alpha, "beta": beta} if kind == "HardSigmoid" else {}
    result: Value = body.emit(kind, [value], **attributes)
    return result
