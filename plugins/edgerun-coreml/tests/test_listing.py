"""The operators of a file, as edgerun's graph."""

from __future__ import annotations

import numpy as np
import pytest
from mil_program import Block, Program
from model_files import array, colours, doubling, image, model, named, package, pipeline, write
from nn_model import floats, layer

from edgerun.contract import Graph, ReadsGraphs
from edgerun.errors import ModelUnreadable
from edgerun.tensors import TensorSpec
from edgerun_coreml.backend import CoreMLBackend

TOOLS = {
    "com.github.apple.coremltools.version": "9.0",
    "com.github.apple.coremltools.source": "torch==2.13.0",
}


def graph(tmp_path, content) -> Graph:
    return CoreMLBackend().graph(write(tmp_path / "m.mlmodel", content))


def scaled() -> Program:
    """out = conv((255 - x) * 2), with a branch that goes either way."""
    program = Program(17)
    x = program.input("x", "fp32", (1, 3, None, 4))
    turned = program.op("sub", ("fp32", (1, 3, None, 4)), x=np.float32(255), y=x)
    weight = np.ones((2, 3, 1, 1), np.float32)
    y = program.op(
        "conv", ("fp32", (1, 2, None, 4)), x=turned, weight=weight, strides=np.int32([1, 1]), pad_type="valid"
    )
    return named(program, (y, "out", "fp32", (1, 2, None, 4)))


def network(**more):
    return {
        "specificationVersion": 4,
        "description": {"input": [image("p", 4, 2)], "output": [array("out", 1, 2, 2, 4)]},
        "neuralNetwork": {"layers": more.pop("layers"), **more},
    }


def test_the_backend_offers_graphs():
    assert isinstance(CoreMLBackend(), ReadsGraphs)


def test_a_program_lists_its_operations_with_operands_before_parameters(tmp_path):
    found = graph(tmp_path, model(scaled(), [array("x", 1, 3, 8, 4)], [array("out")], metadata={"userDefined": TOOLS}))
    assert (found.producer, found.opset) == ("coremltools 9.0 (torch==2.13.0)", "iOS17")
    assert (found.inputs, found.outputs) == (("x",), ("out",))
    subtraction, convolution, _ = found.nodes
    assert subtraction.op == "sub"
    constant, operand = subtraction.inputs
    assert operand == "x"
    assert found.constants[constant] == 255
    assert subtraction.attributes == {"x": 255.0}
    assert convolution.op == "conv"
    assert convolution.inputs[0] == subtraction.outputs[0]
    assert convolution.attributes == {"strides": (1, 1), "pad_type": "valid"}
    assert found.values[convolution.inputs[1]].shape == (2, 3, 1, 1)
    assert found.values[convolution.outputs[0]] == TensorSpec(convolution.outputs[0], (1, 2, None, 4))


def test_large_constants_are_told_and_not_held(tmp_path):
    program, size = Program(), Graph.LARGEST_CONSTANT + 1
    x = program.input("x", "fp32", (1, size))
    named(program, (program.op("add", ("fp32", (1, size)), x=x, y=np.zeros(size, np.float32)), "y", "fp32", (1, size)))
    found = graph(tmp_path, model(program, [array("x", 1, size)], [array("y", 1, size)]))
    name = found.nodes[0].inputs[1]
    assert name not in found.constants
    assert found.values[name].shape == (size,)


def test_branches_stand_where_they_are(tmp_path):
    program = Program()
    x = program.input("x", "fp32", (1,))
    flag = program.op("greater", ("bool", (1,)), x=x, y=np.float32(0))
    flag = program.op("squeeze", ("bool", ()), x=flag, axes=np.int32([0]))
    sides = [Block(prefix="a_"), Block(prefix="b_")]
    for side, kind in zip(sides, ("exp", "tanh"), strict=True):
        side.outputs = [side.op(kind, ("fp32", (1,)), x=x).text]
    y = program.op("cond", ("fp32", (1,)), sides, pred=flag)
    named(program, (y, "y", "fp32", (1,)))
    found = graph(tmp_path, model(program, [array("x", 1)], [array("y", 1)]))
    assert [node.op for node in found.nodes] == ["greater", "squeeze", "cond", "exp", "tanh", "identity"]


def test_a_pipeline_names_its_members_and_joins_them_by_their_features(tmp_path):
    found = graph(tmp_path, colours())
    suppression = found.nodes[-1]
    assert (suppression.op, suppression.name) == ("nonMaximumSuppression", "1/nonMaximumSuppression")
    assert suppression.inputs[:2] == ("scores", "boxes")
    assert suppression.attributes["pickTop.perClass"] is True
    assert all(node.name.startswith("0/") for node in found.nodes[:-1])
    assert {"scores", "boxes"} <= {name for node in found.nodes[:-1] for name in node.outputs}
    assert "specification 5" in found.opset
    assert found.inputs[0] == "picture"


def test_a_network_lists_layers_and_what_is_done_to_images(tmp_path):
    conv = layer(
        "convolution", ["p"], ["c"], outputChannels=2, kernelChannels=3, kernelSize=[1, 1], weights=floats(np.ones(6))
    )
    activation = layer("activation", ["c"], ["out"], leakyReLU={"alpha": 0.5})
    scaler = {"featureName": "p", "scaler": {"channelScale": 0.5, "redBias": -1.0}}
    first, second, third = graph(tmp_path, network(layers=[conv, activation], preprocessing=[scaler])).nodes
    assert (first.op, first.inputs) == ("scaler", ("p",))
    assert first.attributes["channelScale"] == 0.5
    assert first.attributes["redBias"] == -1
    assert second.op == "convolution"
    assert second.inputs[0] == first.outputs[0]
    assert second.attributes["kernelSize"] == (1, 1)
    assert (third.op, third.attributes) == (
        "activation.leakyReLU",
        {"NonlinearityType": "leakyReLU", "leakyReLU.alpha": 0.5},
    )


def test_weights_of_a_network_are_inputs(tmp_path):
    scale = layer("scale", ["p"], ["out"], shapeScale=[3], scale=floats([1, 2, 3]))
    found = graph(tmp_path, network(layers=[scale]))
    (node,) = found.nodes
    assert found.constants[node.inputs[1]].tolist() == [1, 2, 3]
    assert found.values["p"].shape == (1, 3, 2, 4)


def test_custom_layers_and_other_kinds_of_models_are_listed_too(tmp_path):
    custom = layer("custom", ["p"], ["out"], className="Mine")
    (node,) = graph(tmp_path, network(layers=[custom])).nodes
    assert (node.op, node.attributes["className"]) == ("custom", "Mine")
    tree = {"specificationVersion": 1, "description": {"output": [array("y", 1)]}, "treeEnsembleRegressor": {}}
    (node,) = graph(tmp_path, tree).nodes
    assert (node.op, node.outputs) == ("treeEnsembleRegressor", ("y",))


def test_a_damaged_file_is_unreadable(tmp_path):
    with pytest.raises(ModelUnreadable, match=r"cut.mlpackage is damaged"):
        CoreMLBackend().graph(package(tmp_path / "cut.mlpackage", b"\x08\x07"))
    with pytest.raises(ModelUnreadable, match="member '0' of the pipeline holds no model"):
        graph(tmp_path, pipeline([{"specificationVersion": 5}], [], []))


def test_shapes_agree_with_what_a_run_gives(tmp_path):
    found = graph(tmp_path, model(doubling((1, 4)), [array("x", 1, 4)], [array("y", 1, 4)]))
    assert found.values["x"].shape == found.values["y"].shape == (1, 4)
