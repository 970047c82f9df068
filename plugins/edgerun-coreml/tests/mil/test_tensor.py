"""Reshaping, slicing, gathering, sorting and rearranging against numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from mil_program import FED, Program, apply

from edgerun_coreml.errors import ModelUnsupported

RNG = np.random.default_rng(3)
X = RNG.normal(size=(2, 3, 4, 6)).astype(np.float32)


def ints(*values):
    return np.int32(values)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)
    assert found.shape == expected.shape


def test_reshape_infers_and_copies_sizes():
    same(apply("reshape", ("fp32", (6, 24)), x=X, shape=ints(6, -1)), X.reshape(6, 24))
    same(apply("reshape", ("fp32", None), x=X, shape=ints(0, -1, 6)), X.reshape(3, 8, 6))


def test_reshape_to_a_computed_shape():
    program = Program()
    x, shape = program.input("x", "fp32", (None, 4)), program.input("s", "int32", (2,))
    found = program.run(program.op("reshape", ("fp32", (None, None)), x=x, shape=shape), x=X[0, 0, :, :4], s=ints(2, 8))
    assert found.shape == (2, 8)


def test_reshape_like_takes_parts_of_several_shapes():
    program = Program()
    x = program.input("x", "fp32", (2, 3, 4, 6))
    first, second = program.input("a", "fp32", (3, None)), program.input("b", "fp32", (6, 4, 2))
    result = program.op(
        "reshape_like", ("fp32", (None, None, None)), x=x, ref_tensors=[first, second],
        begins=[program.const(np.int32(0)), program.const(np.int32(1))],
        ends=[program.const(np.int32(2)), program.const(np.int32(0))],
        end_masks=[program.const(False), program.const(True)],
    )  # fmt: skip
    found = program.run(result, x=X[:, :, :, :], a=np.zeros((3, 6)), b=np.zeros((6, 4, 2)))
    same(found, X.reshape(3, 6, 4, 2))


def test_axes_come_and_go():
    same(apply("expand_dims", ("fp32", (1, 2, 3, 4, 6, 1)), x=X, axes=ints(0, -1)), X[None, ..., None])
    same(apply("squeeze", ("fp32", (3, 4)), x=X[:1, :, :, :1], axes=ints(0, -1)), X[0, :, :, 0])
    same(apply("squeeze", ("fp32", (3, 4)), x=X[:1, :, :, :1]), X[0, :, :, 0])
    same(apply("transpose", ("fp32", (6, 2, 3, 4)), x=X, perm=ints(-1, 0, 1, 2)), X.transpose(3, 0, 1, 2))
    same(apply("flatten2d", ("fp32", (6, 24)), x=X, axis=np.int32(2)), X.reshape(6, 24))


def test_reversal():
    same(apply("reverse", ("fp32", X.shape), x=X, axes=ints(1, 3)), X[:, ::-1, :, ::-1])
    same(apply("reverse", ("fp32", X.shape), x=X), X[::-1, ::-1, ::-1, ::-1])
    found = apply(
        "reverse_sequence", ("fp32", X.shape), x=X, lengths=ints(2, 3, 6), seq_axis=np.int32(3), batch_axis=np.int32(1)
    )
    expected = X.copy()
    for batch, length in enumerate((2, 3, 6)):
        expected[:, batch, :, :length] = X[:, batch, :, :length][..., ::-1]
    same(found, expected)


SLICES = [
    ({"begin": (0, 1, -3, 0), "end": (2, 3, -1, 6)}, np.s_[0:2, 1:3, -3:-1, 0:6]),
    ({"begin": (1, 0, 3, 5), "end": (0, 0, 0, 0), "stride": (1, 1, -1, -2), "begin_mask": (0, 1, 0, 0),
     "end_mask": (1, 1, 1, 1)},
     np.s_[1:, :, 3::-1, 5::-2]),
    ({"begin": (-1, 0, 2, 0), "end": (0, 9, 3, 9), "squeeze_mask": (1, 0, 1, 0)}, np.s_[-1, 0:9, 2, 0:9]),
    ({"begin": (0, 0, 0, 5), "end": (2, 3, 4, 0), "stride": (1, 2, 3, -2), "end_mask": (0, 0, 0, 1),
     "begin_mask": (0, 0, 0, 1)},
     np.s_[0:2, 0:3:2, 0:4:3, ::-2]),
]  # fmt: skip


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize(("parameters", "index"), SLICES)
def test_slice_by_index_with_bounds_known_or_computed(parameters, index, fixed):
    inputs = {k: np.array(v, bool) if k.endswith("mask") else np.int32(v) for k, v in parameters.items()}
    shape = X[index].shape
    if fixed:
        same(apply("slice_by_index", ("fp32", shape), x=X, **inputs), X[index])
        return
    program = Program()
    x, begin, end = (program.input(name, kind, size) for name, kind, size in
                     (("x", "fp32", X.shape), ("b", "int32", (4,)), ("e", "int32", (4,))))  # fmt: skip
    bounds = {"b": inputs.pop("begin"), "e": inputs.pop("end")}
    result = program.op("slice_by_index", ("fp32", (None,) * len(shape)), x=x, begin=begin, end=end, **inputs)
    same(program.run(result, x=X, **bounds), X[index])


def test_slice_by_size():
    same(
        apply("slice_by_size", ("fp32", (1, 3, 2, 4)), x=X, begin=ints(1, 0, -2, 2), size=ints(1, -1, 2, 4)),
        X[1:, :, -2:, 2:],
    )


UPDATES = [
    ({"begin": (0, 1, 0, 1), "end": (2, 3, 4, 6)}, np.s_[0:2, 1:3, 0:4, 1:6]),
    ({"begin": (0, -2, 0, 0), "end": (0, 0, -1, 5), "begin_mask": (1, 0, 0, 0), "end_mask": (1, 1, 0, 0),
     "stride": (1, 1, 2, 2)},
     np.s_[:, -2:, 0:-1:2, 0:5:2]),
    ({"begin": (-1, 0, 0, 0), "end": (0, 3, 4, 6), "squeeze_mask": (1, 0, 0, 0)}, np.s_[-1]),
    ({"begin": (1, 2, 0, 4), "end": (0, 0, 0, 1), "stride": (-1, -2, 1, -1), "end_mask": (1, 1, 1, 0)},
     np.s_[1::-1, 2::-2, :, 4:1:-1]),
]  # fmt: skip


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize(("parameters", "index"), UPDATES)
def test_slice_update_with_bounds_known_or_computed(parameters, index, fixed):
    inputs = {k: np.array(v, bool) if k.endswith("mask") else np.int32(v) for k, v in parameters.items()}
    expected = X.copy()
    new = RNG.normal(size=X[index].shape).astype(np.float32)
    expected[index] = new
    program = Program(18)
    x, feeds = program.input("x", "fp32", X.shape), {}
    if not fixed:
        feeds = {"b": inputs["begin"], "e": inputs["end"]}
        inputs |= {"begin": program.input("b", "int32", (4,)), "end": program.input("e", "int32", (4,))}
    result = program.op("slice_update", ("fp32", X.shape), x=x, update=new, **inputs)
    same(program.run(result, x=X, **feeds), expected)


@pytest.mark.parametrize("length", [6, None])
def test_sliding_windows_of_known_and_flexible_length(length):
    program = Program()
    x = program.input("x", "fp32", (2, length))
    result = program.op(
        "sliding_windows", ("fp32", (2, None, 3)), x=x, axis=np.int32(1), size=np.int32(3), stride=np.int32(2)
    )
    same(program.run(result, x=X[0, :2, 0]), X[0, :2, 0][:, [[0, 1, 2], [2, 3, 4]]])


def test_joining_and_splitting():
    program = Program()
    x = program.input("x", "fp32", X.shape)
    parts = program.op(
        "split", [("fp32", (2, 1, 4, 6)), ("fp32", (2, 2, 4, 6))], x=x, axis=np.int32(1), split_sizes=ints(1, 2)
    )
    halves = program.op("split", [("fp32", (2, 3, 4, 3))] * 2, x=x, axis=np.int32(-1), num_splits=np.int32(2))
    joined = program.op("concat", ("fp32", (2, 5, 4, 6)), values=[parts[1], x], axis=np.int32(1))
    woven = program.op("concat", ("fp32", (2, 3, 4, 6)), values=halves, axis=np.int32(3), interleave=True)
    stacked = program.op("stack", ("fp32", (2, 3, 4, 3, 2)), values=halves, axis=np.int32(-1))
    found = program.run([*parts, joined, woven, stacked], x=X)
    same(found[0], X[:, :1])
    same(found[1], X[:, 1:])
    same(found[2], np.concatenate([X[:, 1:], X], 1))
    same(found[3], np.stack([X[..., :3], X[..., 3:]], -1).reshape(X.shape))
    same(found[4], np.stack([X[..., :3], X[..., 3:]], -1))


def test_tile_and_pad():
    same(apply("tile", ("fp32", (2, 6, 4, 18)), x=X, reps=ints(1, 2, 1, 3)), np.tile(X, (1, 2, 1, 3)))
    for mode, name in (("constant", "constant"), ("reflect", "reflect"), ("replicate", "edge")):
        found = apply("pad", ("fp32", (2, 3, 5, 9)), x=X, pad=ints(0, 1, 2, 1), mode=mode, constant_val=np.float32(0.5))
        options = {"constant_values": 0.5} if mode == "constant" else {}
        same(found, np.pad(X, [(0, 0), (0, 0), (0, 1), (2, 1)], name, **options).astype(np.float32))


def test_making_tensors():
    program = Program()
    size = program.input("n", "int32", (2,))
    filled = program.op("fill", ("int32", (None, None)), shape=size, value=np.int32(7))
    like = program.op("fill_like", ("fp32", (None, None)), ref_tensor=filled, value=np.float32(0.5))
    counted = program.op("range_1d", ("int32", (None,)), start=np.int32(1), end=np.int32(8), step=np.int32(3))
    measured = program.op("shape", ("int32", (2,)), x=filled)
    found = program.run([filled, like, counted, measured], n=ints(2, 3))
    same(found[0], np.full((2, 3), 7))
    same(found[1], np.full((2, 3), 0.5))
    assert found[2].tolist() == [1, 4, 7]
    assert found[3].tolist() == [2, 3]


@pytest.mark.parametrize(("exclusive", "reverse"), list(itertools.product([False, True], repeat=2)))
def test_cumsum(exclusive, reverse):
    found = apply("cumsum", ("fp32", X.shape), x=X, axis=np.int32(1), exclusive=exclusive, reverse=reverse)
    x = X[:, ::-1] if reverse else X
    expected = np.cumsum(x, 1) - (x if exclusive else 0)
    np.testing.assert_allclose(found, expected[:, ::-1] if reverse else expected, rtol=1e-4, atol=1e-5)


def test_band_part():
    x = np.arange(20, dtype=np.float32).reshape(4, 5) + 1
    i, j = np.mgrid[:4, :5]
    for lower, upper in ((1, 2), (0, -1), (-1, 0)):
        inside = ((lower < 0) | (i - j <= lower)) & ((upper < 0) | (j - i <= upper))
        same(apply("band_part", ("fp32", x.shape), x=x, lower=np.int32(lower), upper=np.int32(upper)), x * inside)


def test_non_zero_lists_indices():
    x = np.float32([[0, 1], [2, 0]])
    same(apply("non_zero", ("int32", (None, 2)), x=x), np.int32([[0, 1], [1, 0]]))


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.bool_])
def test_one_hot_of_every_type(dtype):
    kind = {"float32": "fp32", "int32": "int32", "bool": "bool"}[np.dtype(dtype).name]
    found = apply(
        "one_hot", (kind, (3, 4)), x=ints(0, 3, 1), indices=FED, one_hot_vector_size=np.int32(4),
        on_value=dtype(1), off_value=dtype(0),
    )  # fmt: skip
    same(found, np.eye(4)[[0, 3, 1]].astype(found.dtype))


@pytest.mark.parametrize("ascending", [True, False])
def test_sorting(ascending):
    order = np.argsort(X if ascending else -X, 1, kind="stable")
    same(apply("argsort", ("int32", X.shape), x=X, axis=np.int32(1), ascending=ascending), order.astype(np.int32))
    program = Program()
    x = program.input("x", "fp32", X.shape)
    makes = [("fp32", (2, 2, 4, 6)), ("int32", (2, 2, 4, 6))]
    values, indices = program.run(
        program.op("topk", makes, x=x, k=np.int32(2), axis=np.int32(1), ascending=ascending), x=X
    )
    same(indices, order[:, :2].astype(np.int32))
    same(values, np.take_along_axis(X, order[:, :2], 1))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_along_each_axis(axis):
    indices = ints(1, 0, -1)
    same(apply("gather", ("fp32", None), x=X, indices=indices, axis=np.int32(axis)), np.take(X, indices, axis))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_gather_within_batches(axis):
    indices = np.int32([[0, 1, -1], [2, 0, 1]])
    expected = np.stack([np.take(X[b], indices[b], axis - 1) for b in range(2)])
    found = apply("gather", ("fp32", expected.shape), x=X, indices=indices, axis=np.int32(axis), batch_dims=np.int32(1))
    same(found, expected)


def test_gather_nd_and_along_axis():
    pairs = np.int32([[0, 2], [1, 0]])
    same(apply("gather_nd", ("fp32", (2, 4, 6)), x=X, indices=pairs), X[[0, 1], [2, 0]])
    within = np.int32([[2], [0]])
    same(apply("gather_nd", ("fp32", (2, 4, 6)), x=X, indices=within, batch_dims=np.int32(1)), X[[0, 1], [2, 0]])
    order = np.argsort(X, 2).astype(np.int32)
    same(apply("gather_along_axis", ("fp32", X.shape), x=X, indices=order, axis=np.int32(2)), np.sort(X, 2))


MODES = {"update": None, "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
         "max": np.maximum, "min": np.minimum}  # fmt: skip


def scattered(target, index, updates, mode):
    if MODES[mode] is None:
        target[index] = updates
    else:
        target[index] = MODES[mode](target[index], updates)
    return target


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axis", [0, 2])
def test_scatter_in_every_mode(mode, axis):
    indices = ints(1, 0)
    updates = RNG.uniform(1, 2, np.take(X, indices, axis).shape).astype(np.float32)
    index = (np.s_[:],) * axis + (indices,)
    found = apply(
        "scatter", ("fp32", X.shape), x=X, data=FED, indices=indices, updates=updates, axis=np.int32(axis), mode=mode
    )
    np.testing.assert_allclose(found, scattered(X.copy(), index, updates, mode), rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_scatter_nd_and_along_axis_in_every_mode(mode):
    indices, updates = np.int32([[0, 2], [1, 0]]), RNG.uniform(1, 2, (2, 4, 6)).astype(np.float32)
    found = apply("scatter_nd", ("fp32", X.shape), x=X, data=FED, indices=indices, updates=updates, mode=mode)
    np.testing.assert_allclose(found, scattered(X.copy(), ([0, 1], [2, 0]), updates, mode), rtol=1e-6)
    x, places = X[0, 0], np.int32([[3, 2, 1, 0, 1, 2]])
    updates = RNG.uniform(1, 2, (1, 6)).astype(np.float32)
    found = apply(
        "scatter_along_axis",
        ("fp32", x.shape),
        x=x,
        data=FED,
        indices=places,
        updates=updates,
        axis=np.int32(0),
        mode=mode,
    )
    expected = scattered(x.copy(), (places, np.arange(6)[None]), updates, mode)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["scatter", "scatter_nd", "scatter_along_axis"])
@pytest.mark.parametrize("wrong", [-1, 2])
def test_scatter_that_validates_raises_for_an_index_out_of_bounds(kind, wrong):
    shape = {"scatter": (2,), "scatter_nd": (2, 1), "scatter_along_axis": (2, 3)}[kind]
    options = {} if kind == "scatter_nd" else {"axis": np.int32(0)}
    data, updates = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)

    def run(indices):
        return apply(
            kind,
            ("fp32", (2, 3)),
            x=indices,
            data=data,
            indices=FED,
            updates=updates,
            mode="update",
            validate_indices=np.bool_(True),
            **options,
        )

    same(run(np.ones(shape, np.int32)), np.float32([[0, 0, 0], [1, 1, 1]]))
    with pytest.raises(Exception, match=r"indic|bounds"):
        run(np.full(shape, wrong, np.int32))


def test_pixels_move_between_space_and_channels_and_back():
    x = RNG.normal(size=(2, 8, 4, 6)).astype(np.float32)
    shuffled = apply("pixel_shuffle", ("fp32", (2, 2, 8, 12)), x=x, upscale_factor=np.int32(2))
    same(shuffled, x.reshape(2, 2, 2, 2, 4, 6).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 8, 12))
    same(apply("pixel_unshuffle", ("fp32", x.shape), x=shuffled, downscale_factor=np.int32(2)), x)
    spread = apply("depth_to_space", ("fp32", (2, 2, 8, 12)), x=x, block_size=np.int32(2))
    same(spread, x.reshape(2, 2, 2, 2, 4, 6).transpose(0, 3, 4, 1, 5, 2).reshape(2, 2, 8, 12))
    same(apply("space_to_depth", ("fp32", x.shape), x=spread, block_size=np.int32(2)), x)


def test_pixels_move_between_space_and_batch_and_back():
    apart = apply(
        "space_to_batch", ("fp32", (8, 3, 3, 4)), x=X, block_shape=ints(2, 2), paddings=np.int32([[1, 1], [0, 2]])
    )
    padded = np.pad(X, [(0, 0), (0, 0), (1, 1), (0, 2)])
    same(apart, padded.reshape(2, 3, 3, 2, 4, 2).transpose(3, 5, 0, 1, 2, 4).reshape(8, 3, 3, 4))
    back = apply("batch_to_space", ("fp32", X.shape), x=apart, block_shape=ints(2, 2), crops=np.int32([[1, 1], [0, 2]]))
    same(back, X)


def test_shapes_of_flexible_inputs_are_computed():
    program = Program()
    x = program.input("x", "fp32", (1, None, None))
    size = program.op("shape", ("int32", (3,)), x=x)
    height = program.op("gather", ("int32", ()), x=size, indices=np.int32(1), axis=np.int32(0))
    flat = program.op(
        "concat",
        ("int32", (2,)),
        values=[program.op("expand_dims", ("int32", (1,)), x=height, axes=ints(0)), program.const(ints(-1))],
        axis=np.int32(0),
    )
    result = program.op("reshape", ("fp32", (None, None)), x=x, shape=flat)
    assert program.run(result, x=np.zeros((1, 4, 6))).shape == (4, 6)


def test_an_axis_that_is_not_there_is_refused():
    with pytest.raises(ModelUnsupported, match="axis 7"):
        apply("gather", ("fp32", None), x=X, indices=ints(0), axis=np.int32(7))
