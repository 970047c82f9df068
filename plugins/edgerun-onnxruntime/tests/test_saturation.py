"""Sums of products of eight bits: which files and processors cut them off, and how they are computed whole.

Which processor this is, `processor_saturates` finds out by trying; a test that says otherwise patches that alone.
The two that compute hold on every processor.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Delegate, KnowsMachine, SaysInexact
from edgerun.errors import DelegateUnavailable
from edgerun_onnxruntime import OnnxRuntimeBackend, saturation
from edgerun_onnxruntime.saturation import Found, found, processor_saturates

onnx = pytest.importorskip("onnx")
helper, TYPES = onnx.helper, onnx.TensorProto

CHANNELS, SIDE = 8, 4


def number(name, value, kind):
    return helper.make_tensor(name, kind, [], [value])


def weights(top, shape, kind=TYPES.INT8, raw=True):
    """All of one size."""
    data = np.full(shape, top, np.int8 if kind == TYPES.INT8 else np.uint8)
    return helper.make_tensor("w", kind, shape, data.tobytes() if raw else data.ravel().tolist(), raw=raw)


def written(path, nodes, constants, kind, result, shape=(1, CHANNELS, SIDE, SIDE)):
    x, y = helper.make_tensor_value_info("x", kind, shape), helper.make_tensor_value_info("y", result, None)
    graph = helper.make_graph(nodes, "products", [x], [y], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def scales(kind=TYPES.UINT8):
    """Of the image, of the weights, of the result; and their zero points."""
    zero = 0 if kind == TYPES.UINT8 else -128
    return [
        number("xs", 1.0, TYPES.FLOAT), number("ws", 1.0, TYPES.FLOAT), number("ys", 2000.0, TYPES.FLOAT),
        number("xz", zero, kind), number("wz", 0, TYPES.INT8), number("yz", zero, kind),
    ]  # fmt: skip


def convolution(path, top=127, kind=TYPES.UINT8, *, group=1, shape=(CHANNELS, CHANNELS, 1, 1), raw=True):
    """QLinearConv."""
    inputs = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    node = helper.make_node("QLinearConv", inputs, ["y"], group=group)
    return written(path, [node], [*scales(kind), weights(top, shape, raw=raw)], kind, kind)


def dequantized(path, top=127, op="Conv", shape=(CHANNELS, CHANNELS, 1, 1), given=(1, CHANNELS, SIDE, SIDE)):
    """A real operator between what was quantised and what will be."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wf"]),
        helper.make_node(op, ["xf", "wf"], ["yf"]),
        helper.make_node("QuantizeLinear", ["yf", "ys", "yz"], ["y"]),
    ]
    return written(path, nodes, [*scales(), weights(top, shape)], TYPES.UINT8, TYPES.UINT8, given)


def product(path, top=127, kind=TYPES.UINT8):
    """MatMulInteger; the zero point, which tells the type, is left out."""
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    return written(path, [node], [weights(top, (CHANNELS, 4))], kind, TYPES.INT32, (1, CHANNELS))


CASES = {
    "whole numbers": (convolution, {}, Found(whole=1)),
    "whole numbers, not as raw bytes": (convolution, {"raw": False}, Found(whole=1)),
    "the least weight that is too large": (convolution, {"top": 65}, Found(whole=1)),
    "below zero": (convolution, {"top": -65}, Found(whole=1)),
    "pairs that fit 16 bits": (convolution, {"top": 64}, Found()),
    "pairs that fit 16 bits, not as raw bytes": (convolution, {"top": -64, "raw": False}, Found()),
    "int8 with int8": (convolution, {"kind": TYPES.INT8}, Found()),
    "each channel by itself": (convolution, {"group": 8, "shape": (8, 1, 3, 3)}, Found()),
    "two of each channel": (convolution, {"group": 8, "shape": (16, 1, 3, 3)}, Found(whole=1)),
    "a product": (product, {}, Found(whole=1)),
    "a product of int8": (product, {"kind": TYPES.INT8}, Found()),
    "real": (dequantized, {}, Found(real=1)),
    "real, pairs that fit": (dequantized, {"top": 64}, Found()),
    "real product": (dequantized, {"op": "MatMul", "shape": (8, 4), "given": (1, 8)}, Found(real=1)),
    "real, each by itself": (dequantized, {"op": "Add", "shape": (1, 8, 1, 1)}, Found()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_file_tells_which_sums_may_be_cut_off(tmp_path, case):
    write, keywords, right = CASES[case]
    assert found(write(tmp_path / "model.onnx", **keywords)) == right


def test_weights_in_another_file_are_taken_for_full_range(tmp_path):
    path = convolution(tmp_path / "model.onnx", top=1)
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=16)
    assert found(path) == Found(whole=1)


def test_a_file_that_is_not_readable_says_nothing(tmp_path):
    damaged = tmp_path / "model.onnx"
    damaged.write_bytes(b"\x08\x08\x3a\xff")
    assert found(damaged) == Found()


def opened(path, **options):
    return OnnxRuntimeBackend().open(path, Delegate("cpu", options=options), 1)


def answer(session):
    """To bytes of 255."""
    (spec,) = session.inputs
    (result,) = session.run({"x": np.full(spec.shape, 255, spec.dtype)}).values()
    return int(result.flat[0])


RIGHT = {product: 255 * 127 * CHANNELS, convolution: 130, dequantized: 130}
"""255 x 127 x 8, of which the others give the 2000th."""


@pytest.mark.parametrize("write", RIGHT)
def test_exact_is_exact_on_this_processor(tmp_path, write):
    assert answer(opened(write(tmp_path / "model.onnx"), quantised="exact")) == RIGHT[write]


@pytest.mark.parametrize("write", RIGHT)
def test_what_is_said_of_this_processor_is_what_it_computes(tmp_path, write):
    session = opened(write(tmp_path / "model.onnx"))
    assert bool(session.inexact) == (answer(session) != RIGHT[write])


# ----------------------------------------------------------------------------------------- elsewhere


@pytest.fixture
def old(monkeypatch):
    """A processor without VNNI, as far as the backend knows."""
    monkeypatch.setattr(saturation, "processor_saturates", lambda: True)


def configured(session):
    """Which of the two entries are set."""
    options = session._opened.get_session_options()
    return [entry for entry in (saturation.IN_FLOATS, saturation.UNSIGNED) if _is_set(options, *entry)]


def _is_set(options, name, value):
    try:
        return options.get_session_config_entry(name) == value
    except RuntimeError:  # nobody set it
        return False


def test_on_such_a_processor_the_session_says_so(tmp_path, old):
    session = opened(convolution(tmp_path / "model.onnx"))
    assert isinstance(session, SaysInexact)
    assert "1 quantised operator of model.onnx" in session.inexact
    assert "cpu:quantised=exact" in session.inexact
    assert not opened(convolution(tmp_path / "narrow.onnx", top=64)).inexact


@pytest.mark.parametrize(("write", "remedy"), [(dequantized, saturation.IN_FLOATS), (convolution, saturation.UNSIGNED)])
def test_each_kind_has_its_own_remedy(tmp_path, old, write, remedy):
    session = opened(write(tmp_path / "model.onnx"), quantised="exact")
    assert not session.inexact
    assert configured(session) == [remedy]
    assert not configured(opened(write(tmp_path / "plain.onnx")))
    assert not configured(opened(write(tmp_path / "narrow.onnx", top=64), quantised="exact"))


def test_elsewhere_exact_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(saturation, "processor_saturates", lambda: False)
    session = opened(convolution(tmp_path / "model.onnx"), quantised="exact")
    assert not configured(session)
    assert not session.inexact


def test_ort_files_are_named_and_cannot_be_exact(tmp_path, old):
    import onnxruntime

    options, path = onnxruntime.SessionOptions(), tmp_path / "model.ort"
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(convolution(tmp_path / "model.onnx"), options)
    assert "cuts off sums in quantised operators of model.ort" in opened(path).inexact
    with pytest.raises(DelegateUnavailable, match=r"ONNX Runtime does that to \.onnx files alone"):
        opened(path, quantised="exact")


def test_where_the_switch_fails_the_sentence_names_it(tmp_path, old):
    """Two operators share a zero point, which ONNX Runtime 1.31.1 does not take."""
    inputs = [["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["m", "xs", "xz", "w", "ws", "wz", "ys", "yz"]]
    nodes = [helper.make_node("QLinearConv", names, [out]) for names, out in zip(inputs, "my", strict=True)]
    constants = [*scales(), weights(127, (CHANNELS, CHANNELS, 1, 1))]
    path = written(tmp_path / "model.onnx", nodes, constants, TYPES.UINT8, TYPES.UINT8)
    with pytest.raises(DelegateUnavailable, match="cannot be computed with cpu:quantised=exact on this processor"):
        opened(path, quantised="exact")


@pytest.mark.parametrize("saturates", [False, True])
def test_the_doctor_and_tune_know_the_processor(monkeypatch, saturates):
    monkeypatch.setattr(saturation, "processor_saturates", lambda: saturates)
    backend = OnnxRuntimeBackend()
    assert isinstance(backend, KnowsMachine)
    assert bool(backend.machine_notes()) == saturates
    (cpu,) = [offer for offer in backend.delegates() if offer.name == "cpu"]
    assert dict(cpu.usual) == ({} if saturates else {"quantised": "exact"})


def test_a_processor_of_another_kind_is_not_asked(monkeypatch):
    monkeypatch.setattr(saturation.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(saturation, "SPECIMEN", None)
    assert not processor_saturates.__wrapped__()
