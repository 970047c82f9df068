"""Files made to do harm: each is refused with an error of ours, or gives a session that ONNX Runtime refuses."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from nn_model import apply, array_feature, floats, layer, model
from wire_format import encode

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.package import parse_model
from edgerun_coreml.file.schema import model_schema
from edgerun_coreml.nn import translate

SCHEMA = model_schema()
LAYERS = {item.name: item for item in SCHEMA.messages["NeuralNetworkLayer"].by_name.values() if item.oneof == "layer"}
HUGE = 2**63 - 1
VALUES = [0, 1, -1, 2**31, HUGE]


def filled(message, number, depth=0):
    """A message with every number set to the same one, and every oneof's first member."""
    content, chosen = {}, set()
    for item in message.by_name.values():
        if item.oneof:
            if item.oneof in chosen or (item.kind == "message" and depth > 3):
                continue
            chosen.add(item.oneof)
        if item.kind in ("int32", "int64", "uint32", "uint64"):
            content[item.name] = [number] * 2 if item.repeated else number
        elif item.kind in ("float", "double"):
            content[item.name] = [float(number)] * 4 if item.repeated else float(number)
        elif item.kind == "bool":
            content[item.name] = [True] * 2 if item.repeated else True
        elif item.kind == "message" and depth < 3 and item.message is not None and item.message.by_name:
            inner = filled(item.message, number, depth + 1)
            content[item.name] = [inner] if item.repeated else inner
    return content


def attempt(layers, shape=(1, 3, 4, 5)):
    """Translate; whatever goes wrong must be an error of ours."""
    names = [name for entry in layers for name in entry.get("output", [])] or ["x"]
    spec = model(layers, [array_feature("x", shape), array_feature("z", shape)], [array_feature(names[-1], [])])
    with contextlib.suppress(ModelDamaged, ModelUnsupported):
        translate(spec)


@pytest.mark.parametrize("kind", LAYERS)
def test_absurd_parameters_are_refused(kind):
    message = LAYERS[kind].message
    outputs = ["y", "w"] if kind in ("topK", "split", "splitND") else ["y"]
    for number in VALUES:
        params = filled(message, number)
        for inputs in ([], ["x"], ["x", "z", "z"]):
            for shape in ((1, 3, 4, 5), (2,)):
                attempt([layer(kind, inputs, outputs, **params)], shape)
    attempt([layer(kind, ["x"], outputs)])


@pytest.mark.parametrize(
    "entry",
    [
        layer("fillStatic", [], ["y"], value=1.0, targetShape=[2**31 - 1, 2**31 - 1]),
        layer("rangeStatic", [], ["y"], startValue=0.0, endValue=1e30, stepSizeValue=1e-30),
        layer("rangeStatic", [], ["y"], startValue=0.0, endValue=float("inf"), stepSizeValue=1.0),
        layer("tile", ["x"], ["y"], reps=[2**30, 2**30]),
        layer("padding", ["x"], ["y"], paddingAmounts={"borderAmounts": [{"startEdgeSize": 2**31}] * 2}),
        layer("loadConstantND", [], ["y"], shape=[2**20, 2**20], data=floats([1.0])),
        layer("upsample", ["x"], ["y"], fractionalScalingFactor=[float("nan"), 1.0]),
        layer("upsample", ["x"], ["y"], scalingFactor=[60000, 60000]),
        layer("slidingWindows", ["x"], ["y"], axis=0, windowSize=2**31),
        layer("sliceStatic", ["x"], ["y"], beginIds=[0] * 4, endIds=[1] * 4, strides=[0] * 4),
        layer("reshapeStatic", ["x"], ["y"], targetShape=[-1, -1]),
        layer("reshapeStatic", ["x"], ["y"], targetShape=[7, -2]),
        layer("transpose", ["x"], ["y"], axes=[0, 0, 1, 2]),
        layer("batchedMatmul", ["x"], ["y"], weightMatrixFirstDimension=4, weightMatrixSecondDimension=4),
        layer("convolution", ["x"], ["y"], outputChannels=3, kernelChannels=3, nGroups=2, weights=floats(np.ones(81))),
        layer("activation", ["x"], ["y"]),
        layer("copy", ["nowhere"], ["y"]),
        layer("softmaxND", ["x"], ["y"], axis=4),
    ],
    ids=lambda entry: next(key for key in entry if key in LAYERS),
)
def test_what_makes_no_sense_is_damaged_and_its_place_named(entry):
    spec = model([entry], [array_feature("x", (1, 3, 4, 5))], [array_feature("y", [])])
    with pytest.raises(ModelDamaged, match="layer 0"):
        translate(spec)


@pytest.mark.parametrize("width", [2.0, 0.0, -1.0, float("nan")])
def test_a_random_layer_of_any_width_is_computed(width):
    """Scaled by nodes of their own."""
    apply("randomNormalLike", np.zeros(3), mean=1.0, stdDev=width)
    apply("randomUniformLike", np.zeros(3), minVal=1.0, maxVal=1.0 + width)


def test_networks_nested_without_end_are_refused():
    network = {"layers": [layer("copy", ["x"], ["y"])]}
    for _ in range(40):
        network = {"layers": [layer("branch", ["x"], [], ifBranch=network, elseBranch={})]}
    content = {"specificationVersion": 4, "neuralNetwork": network}
    with pytest.raises(ModelDamaged, match="nested"):
        parse_model(encode("Model", content))


def test_outputs_that_nothing_makes_are_damaged():
    spec = model([layer("copy", ["x"], ["y"])], [array_feature("x", [1])], [array_feature("z", [])])
    with pytest.raises(ModelDamaged, match="'z'"):
        translate(spec)


def test_impossible_inputs_are_damaged():
    for shape in ([-1, 3], [2**40, 2**40]):
        spec = model([layer("copy", ["x"], ["y"])], [array_feature("x", shape)], [array_feature("y", [])])
        with pytest.raises(ModelDamaged):
            translate(spec)


def test_a_name_twice_among_the_inputs_is_damaged():
    spec = model([layer("copy", ["x"], ["y"])], [array_feature("x", [1])] * 2, [array_feature("y", [])])
    with pytest.raises(ModelDamaged):
        translate(spec)
