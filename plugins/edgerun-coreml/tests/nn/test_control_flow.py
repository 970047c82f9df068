"""Branches and loops: what they write, what they carry, and how they end."""

from __future__ import annotations

import numpy as np
import pytest
from nn_model import floats, layer, run_layers

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported


def number(name, value):
    return layer("loadConstantND", [], [name], shape=[1], data=floats([value]))


def added(source, name, value):
    return layer("add", [source], [name], alpha=value)


def copied(source, name):
    return layer("copy", [source], [name])


@pytest.mark.parametrize("flag", [0.0, 1.0, -2.0])
def test_one_side_of_a_branch_is_run(flag):
    layers = [
        layer(
            "branch", ["flag"], [],
            ifBranch={"layers": [added("x", "y", 1.0)]},
            elseBranch={"layers": [layer("multiply", ["x"], ["y"], alpha=3.0)]},
        ),
        added("y", "z", 10.0),
    ]  # fmt: skip
    x = np.float32([1, 2])
    (found,) = run_layers(layers, {"x": x, "flag": [flag]}, ["z"])
    np.testing.assert_allclose(found, (x + 1 if flag else 3 * x) + 10)


def test_a_branch_may_change_a_tensor_from_outside_and_its_shape():
    layers = [
        copied("x", "y"),
        layer("branch", ["flag"], [], ifBranch={"layers": [
            layer("concatND", ["x", "x"], ["w"], axis=0), copied("w", "y"),
        ]}),
        added("y", "z", 1.0),
    ]  # fmt: skip
    x = np.float32([1, 2])
    for flag, expected in ((1.0, [2, 3, 2, 3]), (0.0, [2, 3])):
        (found,) = run_layers(layers, {"x": x, "flag": [flag]}, ["z"])
        np.testing.assert_array_equal(found, expected)


def test_a_loop_runs_so_many_times():
    body = {"layers": [layer("multiply", ["x"], ["twice"], alpha=2.0), copied("twice", "x")]}
    loop = layer("loop", [], [], maxLoopIterations=5, bodyNetwork=body)
    (found,) = run_layers([copied("x0", "x"), loop, copied("x", "y")], {"x0": [1.0, 3.0]}, ["y"])
    np.testing.assert_array_equal(found, [32, 96])
    loop = layer("loop", ["n"], [], maxLoopIterations=99, bodyNetwork=body)
    for count in (0, 3):
        layers = [copied("x0", "x"), loop, copied("x", "y")]
        (found,) = run_layers(layers, {"x0": [1.0, 3.0], "n": [count]}, ["y"])
        np.testing.assert_array_equal(found, np.array([1, 3]) * 2**count)


@pytest.mark.parametrize("limit", [0, 3])
def test_a_loop_runs_while_its_condition_holds(limit):
    """0 is no limit."""
    loop = layer(
        "loop", [], [], maxLoopIterations=limit, conditionVar="going",
        conditionNetwork={"layers": [layer("lessThan", ["x"], ["going"], alpha=20.0)]},
        bodyNetwork={"layers": [added("x", "more", 3.0), copied("more", "x")]},
    )  # fmt: skip
    (found,) = run_layers([copied("x0", "x"), loop, copied("x", "y")], {"x0": [4.0]}, ["y"])
    np.testing.assert_array_equal(found, [13.0 if limit else 22.0])


def test_break_ends_a_loop_and_skips_the_rest_of_its_body():
    body = [
        added("i", "next", 1.0), copied("next", "i"),
        layer("greaterEqual", ["i"], ["enough"], alpha=3.0),
        layer("branch", ["enough"], [], ifBranch={"layers": [layer("loopBreak", [], [])]}),
        layer("addBroadcastable", ["sum", "i"], ["total"]), copied("total", "sum"),
    ]  # fmt: skip
    layers = [number("i0", 0), copied("i0", "i"), number("s0", 0), copied("s0", "sum"),
              layer("loop", [], [], maxLoopIterations=100, bodyNetwork={"layers": body}),
              layer("concatND", ["i", "sum", "x"], ["y"], axis=0)]  # fmt: skip
    (found,) = run_layers(layers, {"x": [7.0]}, ["y"])
    np.testing.assert_array_equal(found, [3, 1 + 2, 7])


def test_continue_skips_the_rest_of_one_turn():
    """Sums the odd numbers up to 9."""
    body = [
        added("i", "next", 1.0), copied("next", "i"),
        layer("modBroadcastable", ["i", "two"], ["odd"]),
        layer("logicalNot", ["odd"], ["even"]),
        layer("branch", ["even"], [], ifBranch={"layers": [layer("loopContinue", [], [])]}),
        layer("addBroadcastable", ["sum", "i"], ["total"]), copied("total", "sum"),
    ]  # fmt: skip
    layers = [number("i0", 0), copied("i0", "i"), number("s0", 0), copied("s0", "sum"), number("two", 2),
              layer("loop", [], [], maxLoopIterations=9, bodyNetwork={"layers": body}),
              layer("concatND", ["sum", "x"], ["y"], axis=0)]  # fmt: skip
    (found,) = run_layers(layers, {"x": [7.0]}, ["y"])
    np.testing.assert_array_equal(found, [25, 7])


def test_a_loop_may_make_its_tensors_grow():
    body = [layer("concatND", ["x", "x"], ["longer"], axis=0), copied("longer", "x")]
    layers = [copied("x0", "x"), layer("loop", [], [], maxLoopIterations=3, bodyNetwork={"layers": body}),
              added("x", "y", 0.0)]  # fmt: skip
    (found,) = run_layers(layers, {"x0": [1.0, 2.0]}, ["y"])
    np.testing.assert_array_equal(found, [1, 2] * 8)


def test_loops_within_loops_and_tensors_first_made_inside():
    inner = [added("i", "more", 1.0), copied("more", "i")]
    body = [layer("loop", [], [], maxLoopIterations=3, bodyNetwork={"layers": inner}),
            layer("multiply", ["i"], ["seen"], alpha=10.0)]  # fmt: skip
    layers = [copied("x", "i"), layer("loop", [], [], maxLoopIterations=2, bodyNetwork={"layers": body}),
              layer("addBroadcastable", ["seen", "i"], ["y"])]  # fmt: skip
    (found,) = run_layers(layers, {"x": [1.0]}, ["y"])
    np.testing.assert_array_equal(found, [77])


def test_nonsense_is_refused():
    with pytest.raises(ModelDamaged, match="outside of any loop"):
        run_layers([layer("loopBreak", [], []), copied("x", "y")], {"x": [1.0]}, ["y"])
    nested = {"layers": [added("x", "y", 1.0)]}
    for _ in range(9):
        nested = {"layers": [layer("loop", [], [], maxLoopIterations=2, bodyNetwork=nested)]}
    with pytest.raises(ModelUnsupported, match="nested"):
        run_layers([*nested["layers"], copied("x", "y")], {"x": [1.0]}, ["y"])


def test_unsupported_layers_inside_are_listed_with_their_place():
    custom = layer("custom", ["x"], ["y"], className="Mine")
    layers = [
        layer("branch", ["x"], [], ifBranch={"layers": [custom]}, elseBranch={"layers": [added("x", "y", 1.0)]}),
        layer("loop", [], [], maxLoopIterations=2, bodyNetwork={"layers": [custom]}),
        copied("y", "z"),
    ]
    with pytest.raises(ModelUnsupported) as caught:
        run_layers(layers, {"x": [1.0]}, ["z"])
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith("layer 0 'the branch' (branch), if: layer 0 'the custom'")
    assert all("Mine" in problem for problem in caught.value.problems)
