"""Whole programs: control flow, lists, states, recurrent layers, classifiers, functions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from mil_program import Block, Name, Program, apply, no_weights

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.package import parse_model
from edgerun_coreml.mil import translate
from edgerun_coreml.mil.registry import find, known
from edgerun_coreml.running.session import open_session

RNG = np.random.default_rng(5)


def branch(prefix: str, outer: Name, kind: str) -> Block:
    block = Block(prefix=prefix)
    block.outputs = [block.op(kind, ("fp32", (2,)), x=outer, y=np.float32([2, 2])).text]
    return block


@pytest.mark.parametrize("truth", [True, False])
def test_a_branch_sees_the_values_outside_it(truth):
    program = Program()
    x, condition = program.input("x", "fp32", (2,)), program.input("c", "bool", ())
    blocks = [branch("then_", x, "add"), branch("else_", x, "mul")]
    result = program.op("cond", ("fp32", (2,)), blocks=blocks, pred=condition)
    expected = [3, 5] if truth else [2, 6]
    assert program.run(result, x=[1, 3], c=truth).tolist() == expected


def loop(program: Program, x: Name, limit: float) -> list[Name]:
    """Doubles x and counts until the sum reaches ``limit``."""
    condition, body = Block(prefix="c_"), Block(prefix="b_")
    value = condition.input("cx", "fp32", (2,))
    condition.input("cn", "int32", ())
    total = condition.op("reduce_sum", ("fp32", ()), x=value, axes=np.int32([0]), keep_dims=False)
    condition.outputs = [condition.op("less", ("bool", ()), x=total, y=np.float32(limit)).text]
    value, count = body.input("bx", "fp32", (2,)), body.input("bn", "int32", ())
    doubled = body.op("mul", ("fp32", (2,)), x=value, y=np.float32(2))
    body.outputs = [doubled.text, body.op("add", ("int32", ()), x=count, y=np.int32(1)).text]
    start = program.const(np.int32(0))
    return program.op("while_loop", [("fp32", (2,)), ("int32", ())], blocks=[condition, body], loop_vars=[x, start])


@pytest.mark.parametrize(("limit", "rounds"), [(100.0, 5), (1.0, 0)])
def test_a_loop_runs_while_its_condition_holds(limit, rounds):
    program = Program()
    value, count = program.run(loop(program, program.input("x", "fp32", (2,)), limit), x=[1, 3])
    assert count == rounds
    assert value.tolist() == [2**rounds, 3 * 2**rounds]


def test_lists_grow_as_they_are_written():
    program = Program()
    x = program.input("x", "fp32", (2,))
    empty = program.op(
        "make_list", ("list", (2,)), init_length=np.int32(1), dynamic_length=True, dtype="fp32",
        elem_shape=[program.const(np.int32(2))],
    )  # fmt: skip
    written = program.op("list_write", ("list", (2,)), ls=empty, index=np.int32(3), value=x)
    spread = program.op(
        "list_scatter", ("list", (2,)), ls=written, indices=np.int32([0, 4]), value=np.float32([[7, 7], [8, 8]])
    )
    names = [
        program.op("list_length", ("int32", ()), ls=spread),
        program.op("list_read", ("fp32", (2,)), ls=spread, index=np.int32(3)),
        program.op("list_gather", ("fp32", (2, 2)), ls=spread, indices=np.int32([4, 1])),
    ]
    length, third, some = program.run(names, x=[5, 6])
    assert length == 5
    assert third.tolist() == [5, 6]
    assert some.tolist() == [[8, 8], [0, 0]]


def test_a_classifier_tells_labels_and_where_the_probabilities_are():
    program = Program()
    x = program.input("x", "fp32", (1, 3))
    scores = program.op("softmax", ("fp32", (1, 3)), x=x, axis=np.int32(-1))
    label, table = program.op("classify", [("str", ()), ("dict", None)], probabilities=scores, classes=["a", "b", "c"])
    translation = program.translate(label, table)
    assert translation.classifier.labels == ("a", "b", "c")
    assert translation.outputs == ()
    (found,) = open_session(translation.graph).run([translation.classifier.tensor], {"x": np.float32([[0, 2, 1]])})
    assert found.argmax() == 1


def double() -> Program:
    program = Program()
    x = program.input("x", "fp32", (1,))
    program.outputs = [program.op("add", ("fp32", (1,)), x=x, y=x).text]
    return program


def triple() -> Program:
    program = Program()
    x = program.input("x", "fp32", (1,))
    program.outputs = [program.op("mul", ("fp32", (1,)), x=x, y=np.float32([3])).text]
    return program


def test_a_program_of_several_functions_runs_the_one_asked_for():
    spec = parse_model(Program().encoded(main=double(), triple=triple()))
    for function, expected in (("", 8), ("main", 8), ("triple", 12)):
        translation = translate(spec, no_weights, function=function)
        (found,) = open_session(translation.graph).run(None, {"x": np.float32([4])})
        assert found.tolist() == [expected]
    with pytest.raises(ModelUnsupported, match="main, triple"):
        translate(spec, no_weights, function="quadruple")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, h, c, w, r, b, clip=np.inf, p=None):
    """MIL's gates i, f, o, z one after the other."""
    steps, p = [], np.zeros((3, h.shape[1])) if p is None else p
    for row in x:
        i, f, o, z = np.split(row @ w.T + h @ r.T + b, 4, axis=1)
        c = np.clip(sigmoid(f + p[1] * c) * c + sigmoid(i + p[0] * c) * np.tanh(z), -clip, clip)
        h = sigmoid(o + p[2] * c) * np.tanh(c)
        steps.append(h)
    return np.stack(steps), h, c


LSTM = {
    "weight_ih": RNG.normal(size=(16, 3)), "weight_hh": RNG.normal(size=(16, 4)), "bias": RNG.normal(size=16),
}  # fmt: skip


X = RNG.normal(size=(5, 2, 3)).astype(np.float32)
H, C = RNG.normal(size=(2, 2, 4)).astype(np.float32)


def floats(arrays):
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def run_recurrent(kind, outputs, width, **inputs):
    program = Program(18)
    x = program.input("x", "fp32", (None, 2, 3))
    steps = 5 if inputs["output_sequence"] else 1
    makes = [("fp32", (steps, 2, width))] + [("fp32", (2, width))] * (outputs - 1)
    return program.run(program.op(kind, makes, x=x, **inputs), x=X)


@pytest.mark.parametrize("sequence", [True, False])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("extra", [{}, {"clip": 0.3}, {"peephole": 0}, {"clip": 0.3, "peephole": 0}])
def test_lstm(direction, sequence, extra):
    options = {"clip": np.float32(0.3)} if "clip" in extra else {}
    peephole = RNG.normal(size=(3, 4)).astype(np.float32) if "peephole" in extra else None
    if peephole is not None:
        options["peephole"] = peephole.reshape(-1)
    found = run_recurrent(
        "lstm", 3, 4, initial_h=H, initial_c=C, direction=direction, output_sequence=sequence, **floats(LSTM), **options
    )
    given = X[::-1] if direction == "reverse" else X
    steps, h, c = lstm(given, H, C, *LSTM.values(), clip=0.3 if "clip" in extra else np.inf, p=peephole)
    for actual, expected in zip(found, (steps if sequence else h[None], h, c), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_a_first_state_of_zeros_may_have_any_number_of_rows():
    program = Program(18)
    x, rows = program.input("x", "fp32", (5, 2, 3)), program.input("rows", "int32", (1,))
    shape = program.op("concat", ("int32", (2,)), values=[rows, program.const(np.int32([4]))], axis=np.int32(0))
    zeros = program.op("fill", ("fp32", (None, 4)), shape=shape, value=np.float32(0))
    makes = [("fp32", (5, 2, 4)), ("fp32", (2, 4)), ("fp32", (2, 4))]
    names = program.op(
        "lstm", makes, x=x, initial_h=zeros, initial_c=zeros, direction="forward", output_sequence=True, **floats(LSTM)
    )
    found = program.run(names, x=X, rows=[5])  # as many as there are steps, where the batch has two
    still = np.zeros((2, 4), np.float32)
    for actual, expected in zip(found, lstm(X, still, still, *LSTM.values()), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clip", [None, 0.3])
def test_lstm_in_both_directions_has_the_backward_half_second(clip):
    back = {name: RNG.normal(size=array.shape) for name, array in LSTM.items()}
    found = run_recurrent(
        "lstm", 3, 8, initial_h=np.concatenate([H, C], 1), initial_c=np.concatenate([C, H], 1),
        direction="bidirectional", output_sequence=True, clip=None if clip is None else np.float32(clip),
        **floats(LSTM), **{f"{name}_back": array for name, array in floats(back).items()},
    )  # fmt: skip
    limit = np.inf if clip is None else clip
    ahead = lstm(X, H, C, *LSTM.values(), clip=limit)
    behind = lstm(X[::-1], C, H, *back.values(), clip=limit)
    expected = [
        np.concatenate([ahead[0], behind[0][::-1]], 2),
        *(np.concatenate([ahead[i], behind[i]], 1) for i in (1, 2)),
    ]
    for actual, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("after", [True, False])
def test_gru_resets_before_or_after_the_product(after, direction):
    w, r = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 4))
    hidden_bias, input_bias = RNG.normal(size=(2, 12))
    found = run_recurrent(
        "gru", 2, 4, initial_h=H, direction=direction, output_sequence=True, reset_after=after,
        **floats({"weight_ih": w, "weight_hh": r, "bias": hidden_bias, "input_bias": input_bias}),
    )  # fmt: skip
    h, steps = H, []
    for row in X[::-1] if direction == "reverse" else X:
        (xr, xo, xz), (br, bo, bz) = np.split(row @ w.T + input_bias, 3, 1), np.split(hidden_bias, 3)
        rr, ro, rz = np.split(r, 3)
        reset, update = sigmoid(xr + h @ rr.T + br), sigmoid(xz + h @ rz.T + bz)
        inner = reset * (h @ ro.T + bo) if after else (reset * h) @ ro.T + bo
        h = (1 - update) * np.tanh(xo + inner) + update * h
        steps.append(h)
    np.testing.assert_allclose(found[0], np.stack(steps), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], h, rtol=1e-4, atol=1e-5)


def test_rnn():
    w, r, b = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 4)), RNG.normal(size=4)
    found = run_recurrent(
        "rnn", 2, 4, initial_h=H, direction="forward", output_sequence=False, activation="relu",
        **floats({"weight_ih": w, "weight_hh": r, "bias": b}),
    )  # fmt: skip
    h = H
    for row in X:
        h = np.maximum(row @ w.T + h @ r.T + b, 0)
    np.testing.assert_allclose(found[0], h[None], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "parameters", "mean", "spread"),
    [
        ("random_uniform", {"low": np.float32(2), "high": np.float32(4)}, 3, 2 / np.sqrt(12)),
        ("random_normal", {"mean": np.float32(1), "stddev": np.float32(2)}, 1, 2),
        ("random_bernoulli", {"prob": np.float32(0.3)}, 0.3, np.sqrt(0.21)),
    ],
)
def test_random_numbers_have_the_distribution_told(kind, parameters, mean, spread):
    program = Program()
    result = program.op(kind, ("fp32", (200, 100)), shape=np.int32([200, 100]), seed=np.int32(3), **parameters)
    found = program.run(result)
    assert found.mean() == pytest.approx(mean, abs=0.05)
    assert found.std() == pytest.approx(spread, abs=0.05)


def test_random_categories_follow_their_probabilities():
    found = apply(
        "random_categorical", ("fp32", (1, 5000)), x=np.float32([[0.1, 0.9]]), mode="probs", size=np.int32(5000)
    )
    assert found.mean() == pytest.approx(0.9, abs=0.03)


def test_everything_unsupported_is_listed_at_once_with_its_place():
    program = Program()
    x = program.input("x", "fp32", (2,))
    first = program.op("teleport", ("fp32", (2,)), x=x)
    program.op("relu", ("fp32", (2,)), x=first)
    inner = Block(prefix="t_")
    inner.outputs = [inner.op("levitate", ("fp32", (2,)), x=x).text]
    result = program.op("cond", ("fp32", (2,)), blocks=[inner, branch("e_", x, "mul")], pred=True)
    with pytest.raises(ModelUnsupported) as caught:
        program.run(result, x=[1, 2])
    problems = caught.value.problems
    assert len(problems) == 2
    assert "operation 0, teleport 'teleport_0_0': this operation is not known" in problems[0]
    assert "true branch: operation 0, levitate" in problems[1]


def test_an_operation_of_a_later_opset_is_not_known_to_an_earlier_one():
    with pytest.raises(ModelUnsupported, match="resize"):
        apply(
            "resize",
            ("fp32", None),
            16,
            x=np.zeros((1, 1, 2, 2), np.float32),
            shape=np.int32([4, 4]),
            resized_dims=np.uint32(2),
        )
    assert find("non_maximum_suppression", 16) is not find("non_maximum_suppression", 17)
    assert len(known()) > 160


def test_an_unknown_operation_set_is_refused():
    program = double()
    program.opset = "CoreML99"
    with pytest.raises(ModelUnsupported, match="CoreML99"):
        translate(program.spec(), no_weights)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p.op("relu", ("fp32", (2,)), x=Name("nowhere")),
        lambda p: p.op("transpose", ("fp32", (2,)), x=Name("x"), perm="abc"),
        lambda p: p.op("reshape", ("fp32", (2**40,)), x=Name("x"), shape=np.int32([2])),
        lambda p: p.op("split", [("fp32", (1,))] * 2, x=Name("x"), axis=np.float32([])),
        lambda p: p.op("cond", ("fp32", (2,)), pred=True),
    ],
)
def test_programs_that_make_no_sense_are_refused(spoil):
    program = Program()
    program.input("x", "fp32", (2,))
    made = spoil(program)
    with pytest.raises((ModelDamaged, ModelUnsupported)):
        program.translate(made[0] if isinstance(made, list) else made)


def test_unused_operations_are_left_out():
    program = Program()
    x = program.input("x", "fp32", (2,))
    program.op("exp", ("fp32", (2,)), x=x)
    translation = program.translate(program.op("sin", ("fp32", (2,)), x=x))
    assert {node.op_type for node in translation.graph.nodes} == {"Sin", "Identity"}


def test_hard_swish_is_one_node():
    program = Program()
    x = program.input("x", "fp32", (4,))
    above = program.op("thresholded_relu", ("fp32", (4,)), x=x, alpha=np.float32(-3))
    gate = program.op("sigmoid_hard", ("fp32", (4,)), x=above, alpha=np.float32(1 / 6), beta=np.float32(0.5))
    result = program.op("mul", ("fp32", (4,)), x=above, y=gate)
    values = np.float32([-4, -1, 1, 5])
    np.testing.assert_allclose(program.run(result, x=values), values * np.clip(values / 6 + 0.5, 0, 1), atol=1e-6)
    kinds = [node.op_type for node in program.translate(result).graph.nodes]
    assert kinds == ["HardSwish", "Identity"]
