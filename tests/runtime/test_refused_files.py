"""A whole file that asks for an operator is never called damaged: the operator is named, and who has it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from edgerun import Detector
from edgerun.contract import Graph, Node
from edgerun.errors import EdgerunError, ModelUnreadable
from edgerun.runtime.refused_files import refused

MODEL = Path("model.mine")


def refusal(*operators, words="it failed", unreadable=False):
    def graph(path):
        if unreadable:
            raise ModelUnreadable("the file ends early")
        return Graph(tuple(map(Node, operators)), (), ())

    return refused(SimpleNamespace(name="mine", graph=graph), MODEL, RuntimeError(words))


@pytest.mark.parametrize(
    ("operator", "named", "who"),
    [
        # NVIDIA/TensorRT, plugin/efficientNMSPlugin; exporters write it with the domain TRT or with none
        ("TRT.EfficientNMS_TRT", "EfficientNMS_TRT (domain TRT)", "TensorRT"),
        ("BatchedNMSDynamic_TRT", "BatchedNMSDynamic_TRT", "TensorRT"),
        # onnxruntime-extensions 0.15.2: both names stand in its library
        ("com.microsoft.extensions.DecodeImage", "DecodeImage (domain com.microsoft.extensions)", "onnxruntime-ext"),
        ("ai.onnx.contrib.NormalizeBox", "NormalizeBox (domain ai.onnx.contrib)", "onnxruntime-extensions"),
        ("mmdeploy.NMSRotated", "NMSRotated (domain mmdeploy)", "MMDeploy"),
        ("torchvision.roi_align", "roi_align (domain torchvision)", "torchvision"),
        ("torchvision::nms", "torchvision::nms", "torchvision"),
        # ethos-u-vela 5.2.0, tflite_writer.py
        ("ethos-u", "ethos-u", "Vela"),
        ("edgetpu-custom-op", "edgetpu-custom-op", "Edge TPU"),
        # mediapipe 1.2.3, in tasks/c/libmediapipe.so
        ("Convolution2DTransposeBias", "Convolution2DTransposeBias", "MediaPipe"),
        ("FlexResizeBicubic", "FlexResizeBicubic", "Flex"),
    ],
)
def test_an_operator_of_another_library_is_named_with_its_owner(operator, named, who):
    error = refusal("Conv", operator, operator)
    assert isinstance(error, ModelUnreadable)
    assert f"asks for {named}: " in error.message
    assert who in error.message
    assert "whole" not in error.hint


def test_many_operators_of_another_library_are_counted():
    error = refusal(*(f"mmdeploy.Op{number}" for number in range(6)))
    assert "Op3 (domain mmdeploy) and 2 more" in error.message


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        ("STABLEHLO_IOTA", "Didn't find op for builtin opcode 'STABLEHLO_IOTA' version '1'"),
        ("aten::sort.values", "[method.cpp:822] Missing operator: [2] aten::sort.values"),
        ("com.acme.Fancy", "com.acme:Fancy(-1) is not a registered function/op"),
        ("ConvTranspose", "Could not find an implementation for ConvTranspose(11) node with name ''"),
    ],
)
def test_an_operator_that_the_runtime_names_is_what_it_lacks(operator, words):
    error = refusal("Conv", operator, words=words)
    assert "whose operator" in error.message
    assert operator.rpartition(".")[2] in error.message
    assert "CONV" not in error.message.upper().replace("CONVTRANSPOSE", "")
    assert "update mine" in error.hint


def test_a_file_whose_operators_can_be_read_is_not_called_damaged():
    error = refusal("Conv", words="Opset 99 is under development")
    assert error.message == "mine cannot open model.mine: Opset 99 is under development"
    assert "seems whole" in error.hint


def test_a_file_that_cannot_be_read_is():
    for error in (refusal(unreadable=True), refused(SimpleNamespace(name="mine"), MODEL, RuntimeError("it failed"))):
        assert error.message == "mine cannot open model.mine: it failed"
        assert error.hint == "check that the file is whole; export it again"


def test_a_runtime_that_says_nothing_is_named_by_its_error():
    assert refused(SimpleNamespace(name="mine"), MODEL, KeyError()).message == "mine cannot open model.mine: KeyError"


def test_a_real_runtime_that_lacks_an_operator(tmp_path):
    from onnx import TensorProto, helper, save

    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])
    boxes = helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 100, 4])
    for domain, names in (("TRT", "TensorRT alone has that"), ("com.acme", "whose operator EfficientNMS")):
        operator = "EfficientNMS_TRT" if domain == "TRT" else "EfficientNMS"
        node = helper.make_node(operator, ["images"], ["boxes"], domain=domain)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
        model = helper.make_model(helper.make_graph([node], "g", [image], [boxes]), opset_imports=opsets)
        model.ir_version = 8
        save(model, tmp_path / "model.onnx")
        with pytest.raises(EdgerunError) as refusal:
            Detector.load(tmp_path / "model.onnx")
        assert names in refusal.value.message
        assert domain in refusal.value.message
        assert "whole" not in refusal.value.hint
