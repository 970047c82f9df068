"""Recurrent layers against the equations of the format's description, step by step."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from nn_model import apply, array_feature, floats, layer, model, run

from edgerun_coreml.nn import translate

RNG = np.random.default_rng(6)
STEPS, BATCH, INPUTS, SIZE = 5, 2, 4, 3
X = RNG.uniform(-2, 2, (STEPS, BATCH, INPUTS)).astype(np.float32)
FIVE = X[..., None, None]
CLOSE = {"rtol": 1e-4, "atol": 1e-5}

FUNCTIONS = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
    "scaledTanh": lambda x: 1.7159 * np.tanh(2 / 3 * x),
    "sigmoidHard": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
}


def clip(x, bound=50.0):
    return np.clip(x, -bound, bound)


def uniform(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def five(array):
    return array[..., None, None]


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("reverse", [False, True])
def test_simple_recurrence(kind, reverse):
    w, r, b, start = uniform(SIZE, INPUTS), uniform(SIZE, SIZE), uniform(SIZE), uniform(BATCH, SIZE)
    y, everything = start, []
    for x in X[::-1] if reverse else X:
        y = FUNCTIONS[kind](clip(x @ w.T + y @ r.T + b))
        everything.append(y)
    params = {
        "inputVectorSize": INPUTS, "outputVectorSize": SIZE, "activation": {kind: {}}, "hasBiasVector": True,
        "weightMatrix": floats(w), "recursionMatrix": floats(r), "biasVector": floats(b), "reverseInput": reverse,
    }  # fmt: skip
    state = five(start[None])
    found, last = apply("simpleRecurrent", FIVE, state, outputs=2, sequenceOutput=True, **params)
    np.testing.assert_allclose(found, five(np.stack(everything)), **CLOSE)
    np.testing.assert_allclose(last, five(y[None]), **CLOSE)
    np.testing.assert_allclose(apply("simpleRecurrent", FIVE, state, **params), five(y[None]), **CLOSE)


@pytest.mark.parametrize("kinds", [("sigmoid", "tanh"), ("sigmoidHard", "tanh"), ("sigmoid", "ReLU")])
@pytest.mark.parametrize(("biased", "reverse"), [(False, True), (True, False)])
def test_gated_unit(kinds, biased, reverse):
    f, g = (FUNCTIONS[kind] for kind in kinds)
    gates = ("update", "reset", "output")
    w, r = {k: uniform(SIZE, INPUTS) for k in gates}, {k: uniform(SIZE, SIZE) for k in gates}
    b = {k: uniform(SIZE) if biased else np.zeros(SIZE) for k in gates}
    y, everything = np.zeros((BATCH, SIZE)), []
    for x in X[::-1] if reverse else X:

        def gate(k, seen, x=x):
            return clip(x @ w[k].T + seen @ r[k].T + b[k])

        z, reset = f(gate("update", y)), f(gate("reset", y))
        y = (1 - z) * g(gate("output", y * reset)) + z * y
        everything.append(y)
    params = {
        "inputVectorSize": INPUTS, "outputVectorSize": SIZE, "activations": [{kind: {}} for kind in kinds],
        "sequenceOutput": True, "hasBiasVectors": biased, "reverseInput": reverse,
    }  # fmt: skip
    for k in gates:
        params |= {f"{k}GateWeightMatrix": floats(w[k]), f"{k}GateRecursionMatrix": floats(r[k])}
        params |= {f"{k}GateBiasVector": floats(b[k])} if biased else {}
    found, last = apply("gru", FIVE, outputs=2, **params)
    np.testing.assert_allclose(found, five(np.stack(everything)), **CLOSE)
    np.testing.assert_allclose(last, five(y[None]), **CLOSE)


GATES = ("inputGate", "forgetGate", "blockInput", "outputGate")


def lstm_weights(peepholes):
    names = {"WeightMatrix": (SIZE, INPUTS), "RecursionMatrix": (SIZE, SIZE), "BiasVector": (SIZE,)}
    weights = {f"{gate}{name}": 2 * uniform(*shape) for gate in GATES for name, shape in names.items()}
    if peepholes:
        weights |= {f"{gate}PeepholeVector": uniform(SIZE) for gate in GATES if gate != "blockInput"}
    return weights


def lstm(steps, weights, kinds, y, c, *, bound=50.0, forget=False, coupled=False):
    f, g, h = (FUNCTIONS[kind] for kind in kinds)
    everything = []
    for x in steps:

        def gate(name, seen=None, x=x, y=y):
            total = x @ weights[f"{name}WeightMatrix"].T + y @ weights[f"{name}RecursionMatrix"].T
            total = total + weights[f"{name}BiasVector"] + (1 if forget and name == "forgetGate" else 0)
            if seen is not None and f"{name}PeepholeVector" in weights:
                total = total + seen * weights[f"{name}PeepholeVector"]
            return clip(total)

        i, z = f(gate("inputGate", c)), g(gate("blockInput"))
        c = clip(c * (1 - i if coupled else f(gate("forgetGate", c))) + i * z, bound)
        y = h(c) * f(gate("outputGate", c))
        everything.append(y)
    return np.stack(everything), y, c


CELLS = {
    "plain": {},
    "peepholes": {"peepholes": True},
    "clipped": {"bound": 0.4},
    "coupled": {"coupled": True, "peepholes": True},
    "forget bias": {"forget": True},
    "unbounded": {"kinds": ("sigmoidHard", "ReLU", "linear")},
}


def shared(peepholes=False, bound=0.0, coupled=False, forget=False, sequence=True):
    return {
        "sequenceOutput": sequence, "hasBiasVectors": True, "forgetBias": forget, "hasPeepholeVectors": peepholes,
        "coupledInputAndForgetGate": coupled, "cellClipThreshold": bound,
    }  # fmt: skip


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_long_short_term_memory(cell, reverse):
    options = dict(CELLS[cell])
    kinds = options.pop("kinds", ("sigmoid", "tanh", "tanh"))
    weights = lstm_weights(options.get("peepholes", False))
    y, c = uniform(BATCH, SIZE), uniform(BATCH, SIZE)
    stated = {key: value for key, value in options.items() if key != "peepholes"}
    expected = lstm(X[::-1] if reverse else X, weights, kinds, y, c, **stated)
    params = {
        "inputVectorSize": INPUTS, "outputVectorSize": SIZE, "activations": [{kind: {}} for kind in kinds],
        "weightParams": {name: floats(value) for name, value in weights.items()}, "reverseInput": reverse,
    }  # fmt: skip
    states = (five(y[None]), five(c[None]))
    found = apply("uniDirectionalLSTM", FIVE, *states, outputs=3, params=shared(**options), **params)
    for have, want in zip(found, (expected[0], expected[1][None], expected[2][None]), strict=True):
        np.testing.assert_allclose(have, five(want), **CLOSE)
    last = apply("uniDirectionalLSTM", FIVE, *states, params=shared(sequence=False, **options), **params)
    np.testing.assert_allclose(last, five(expected[1][None]), **CLOSE)


def test_without_states_a_memory_begins_empty():
    weights = lstm_weights(False)
    expected = lstm(X, weights, ("sigmoid", "tanh", "tanh"), np.zeros((BATCH, SIZE)), np.zeros((BATCH, SIZE)))
    params = {
        "inputVectorSize": INPUTS, "outputVectorSize": SIZE, "params": shared(),
        "activations": [{"sigmoid": {}}, {"tanh": {}}, {"tanh": {}}],
        "weightParams": {name: floats(value) for name, value in weights.items()},
    }  # fmt: skip
    np.testing.assert_allclose(apply("uniDirectionalLSTM", FIVE, **params), five(expected[0]), **CLOSE)


@pytest.mark.parametrize(("sequence", "peepholes"), list(itertools.product([True, False], [True, False])))
def test_both_directions_side_by_side(sequence, peepholes):
    """The backward outputs are in the order of the input: { [yf_1, yb_3], [yf_2, yb_2], [yf_3, yb_1] }."""
    kinds = ("sigmoid", "tanh", "tanh")
    weights = [lstm_weights(peepholes) for _ in range(2)]
    states = [uniform(BATCH, SIZE) for _ in range(4)]
    forward = lstm(X, weights[0], kinds, *states[:2])
    backward = lstm(X[::-1], weights[1], kinds, *states[2:])
    found = apply(
        "biDirectionalLSTM", FIVE, *(five(state[None]) for state in states), outputs=5,
        inputVectorSize=INPUTS, outputVectorSize=SIZE, params=shared(peepholes, sequence=sequence),
        activationsForwardLSTM=[{kind: {}} for kind in kinds], activationsBackwardLSTM=[{kind: {}} for kind in kinds],
        weightParams=[{name: floats(value) for name, value in side.items()} for side in weights],
    )  # fmt: skip
    if sequence:
        expected = np.concatenate([forward[0], backward[0][::-1]], 2)
    else:
        expected = np.concatenate([forward[1], backward[1]], 1)[None]
    np.testing.assert_allclose(found[0], five(expected), **CLOSE)
    for have, want in zip(found[1:], (*forward[1:], *backward[1:]), strict=True):
        np.testing.assert_allclose(have, five(want[None]), **CLOSE)


def test_a_legacy_network_takes_a_sequence_of_any_length():
    w, r = uniform(SIZE, INPUTS), uniform(SIZE, SIZE)
    params = {
        "inputVectorSize": INPUTS, "outputVectorSize": SIZE, "activation": {"tanh": {}}, "sequenceOutput": True,
        "weightMatrix": floats(w), "recursionMatrix": floats(r),
    }  # fmt: skip
    spec = model(
        [layer("simpleRecurrent", ["x"], ["y"], **params)],
        [array_feature("x", [INPUTS])], [array_feature("y", [SIZE])], exact=False,
    )  # fmt: skip
    translation = translate(spec)
    assert translation.inputs[0].shape == (None, None, INPUTS, 1, 1)
    for steps in (1, 4):
        y, everything = np.zeros((BATCH, SIZE)), []
        for x in X[:steps]:
            y = np.tanh(x @ w.T + y @ r.T)
            everything.append(y)
        found = run(translation, {"x": FIVE[:steps]})["y"]
        np.testing.assert_allclose(found, five(np.stack(everything)), **CLOSE)
