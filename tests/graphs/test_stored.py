from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Graph, Node, TensorSpec
from edgerun.graphs.preprocessing import preprocessing
from edgerun.graphs.stored import range_held
from edgerun.graphs.view import GraphView
from edgerun.interpretation.graph_evidence import fed_as
from edgerun.tensors import Quantization

BYTES = {"scale": 1.0, "mean": 0.0, "std": 1.0}
FRACTIONS = {**BYTES, "scale": 1 / 255}


def onnx_graph(*nodes, **constants):
    last = Node("Conv", inputs=(nodes[-1].outputs[0], "w"), outputs=("o",))
    return Graph([*nodes, last], ("images",), ("o",), constants={k: np.asarray(v) for k, v in constants.items()})


def q(value, output, scale="s", zero="z", **attributes):
    return Node("QuantizeLinear", inputs=(value, scale, zero), outputs=(output,), attributes=attributes)


def dq(value, output, scale="s", zero="z", **attributes):
    return Node("DequantizeLinear", inputs=(value, scale, zero), outputs=(output,), attributes=attributes)


def fields(graph, image="images"):
    found = fed_as(preprocessing(graph, image))
    return None if found is None else dict(found.fields)


# ------------------------------------------------------------------------------------------------ constants


@pytest.mark.parametrize("op", ["Mul", "Div"])
def test_a_constant_behind_dequantize_linear_is_read_with_its_scale(op):
    # onnxruntime 1.31.1, quantization.quantize_static with uint8 activations makes this of Mul(images, 1/255)
    real = 1 / 255 if op == "Mul" else 255.0
    graph = onnx_graph(
        dq("k", "kd", "ks", "kz"), Node(op, inputs=("images", "kd"), outputs=("m",)),
        k=np.uint8(255), ks=np.float32(real / 255), kz=np.uint8(0),
    )  # fmt: skip
    assert preprocessing(graph, "images").factor == pytest.approx((1 / 255,), rel=1e-5)
    assert fields(graph) == BYTES


@pytest.mark.parametrize(
    ("stored", "scale", "zero", "real"),
    [
        (np.int8([-128, 0, 127]), 0.5, np.int8(-128), [0, 64, 127.5]),
        (np.int16([-3, 0, 3]), 0.5, np.int16(0), [-1.5, 0, 1.5]),
        (np.int32([1000, 2000, 3000]), 0.001, np.int32(0), [1, 2, 3]),
        (np.uint16([10, 20, 30]), 2.0, np.uint16(10), [0, 20, 40]),
    ],
    ids=("int8", "int16", "int32", "uint16"),
)
def test_every_stored_type_is_restored(stored, scale, zero, real):
    view = GraphView.of(onnx_graph(dq("k", "kd"), k=stored, s=np.float32(scale), z=zero))
    np.testing.assert_allclose(view.constant("kd"), real)


def test_scales_may_differ_along_an_axis_and_those_of_blocks_are_not_guessed():
    constants = {"k": np.uint8([[10, 20, 30]]).T, "s": np.float32([1, 0.5, 0.1]), "z": np.uint8([0, 0, 10])}
    view = GraphView.of(onnx_graph(dq("k", "kd", axis=0), **constants))
    np.testing.assert_allclose(view.constant("kd"), [[10], [10], [2]], rtol=1e-6)
    assert GraphView.of(onnx_graph(dq("k", "kd", axis=1), **constants)).constant("kd") is None
    assert GraphView.of(onnx_graph(dq("k", "kd", axis=0, block_size=3), **constants)).constant("kd") is None


def test_a_constant_that_is_quantised_inside_keeps_its_meaning():
    nodes = (
        Node("Constant", outputs=("c",), attributes={"value": np.array(255, np.float32)}),
        q("c", "cq"),
        dq("cq", "cd"),
    )
    view = GraphView.of(onnx_graph(*nodes, s=np.float32(1), z=np.uint8(0)))
    assert view.constant("cd") == 255


def test_a_quantised_constant_of_tflite_and_one_in_half_precision_are_real_numbers():
    quantised = TensorSpec("k", (1,), "int8", Quantization((1 / 255 / 255,), (-128,)))
    multiply = Node("MUL", inputs=("images", "k"), outputs=("m",))
    nodes = [multiply, Node("CONV_2D", inputs=("m", "w"), outputs=("o",))]
    graph = Graph(nodes, ("images",), ("o",), {"k": quantised}, {"k": np.int8([127])})
    assert preprocessing(graph, "images").factor == pytest.approx((1 / 255,), rel=1e-5)
    half = [Node("DEQUANTIZE", inputs=("h",), outputs=("k",)), *nodes]
    graph = Graph(half, ("images",), ("o",), constants={"h": np.float16([1 / 255])})
    assert fields(graph) == BYTES


# ------------------------------------------------------------------------------------------------ the input


@pytest.mark.parametrize(
    ("scale", "zero", "wanted"),
    [
        (1.0, np.uint8(0), BYTES),
        (1 / 255, np.uint8(0), FRACTIONS),
        (1 / 255, np.int8(-128), FRACTIONS),
        (255 / 127, np.int8(0), BYTES),
        (2 / 255, np.uint8(128), None),  # -1..1, or 0..1 by a tool that wants 0 in the middle
        (1 / 127, np.int8(0), None),
        (0.0187, np.uint8(114), None),
    ],
)
def test_the_range_that_a_graph_quantises_its_input_to_tells_what_goes_in(scale, zero, wanted):
    graph = onnx_graph(q("images", "iq"), dq("iq", "id"), s=np.float32(scale), z=zero)
    assert fields(graph) == wanted
    assert not preprocessing(graph, "images").normalises


def test_the_range_counts_behind_a_factor_too_and_so_does_tflites():
    divide = Node("Div", inputs=("images", "k"), outputs=("d",))
    graph = onnx_graph(divide, q("d", "iq"), dq("iq", "id"), k=255.0, s=np.float32(1 / 255), z=np.uint8(0))
    assert preprocessing(graph, "images").holds == pytest.approx((0, 255), abs=0.01)
    assert fields(graph) == BYTES
    stored = TensorSpec("q", (1, 8, 8, 3), "int8", Quantization((1 / 255,), (-128,)))
    nodes = [Node("QUANTIZE", inputs=("images",), outputs=("q",)), Node("CONV_2D", inputs=("q", "w"), outputs=("o",))]
    assert fields(Graph(nodes, ("images",), ("o",), {"q": stored})) == FRACTIONS


@pytest.mark.parametrize(
    ("scale", "zero", "wanted"),
    [
        (1 / 255, np.uint8(0), BYTES),
        (1.0, np.uint8(0), BYTES),
        (2 / 255, np.uint8(128), BYTES),
        (1 / 255, np.int8(-128), {**BYTES, "mean": 128.0}),
        (0.0187, np.uint8(114), None),  # ImageNet's -2.1..2.6 with one scale: not bytes as they are
    ],
)
def test_an_input_of_whole_numbers_that_is_dequantised_takes_bytes_as_its_type_holds_them(scale, zero, wanted):
    graph = onnx_graph(dq("images", "id"), s=np.float32(scale), z=zero)
    assert fields(graph) == wanted


def test_the_range_of_a_tensor_is_that_of_its_type():
    assert range_held(TensorSpec("x", (1,), "uint8", Quantization((0.5,), (128,)))) == (-64, 63.5)
    assert range_held(TensorSpec("x", (3,), "int8", Quantization((1.0, 2.0, 3.0), (0, 0, 0)))) is None
    assert range_held(TensorSpec("x", (1,), "int32", Quantization((1.0,), (0,)))) is None
    assert range_held(TensorSpec("x", (1,))) is None
