"""Which system a file needs, and what keeps it off the Neural Engine."""

from __future__ import annotations

import numpy as np
import pytest
from mil_program import Program
from model_files import array, doubling, image, model, named, pipeline, suppression, write
from nn_model import floats, layer

from edgerun.contract import TellsNeeds
from edgerun.errors import ModelUnreadable
from edgerun_coreml.backend import CoreMLBackend


@pytest.fixture
def needs(tmp_path):
    """(what, why) of each need of a model, and those of the Neural Engine."""

    def read(content, version=None):
        if version is not None:
            content["specificationVersion"] = version
        told = CoreMLBackend().needs(write(tmp_path / "m.mlmodel", content))
        return [(need.what, need.why) for need in told if need.must], [need.why for need in told if not need.must]

    return read


def program(opset=15, kind="fp16", op="relu", **parameters):
    made = Program(opset)
    x = made.input("x", kind, (1, 4))
    return named(made, (made.op(op, (kind, (1, 4)), x=x, **parameters), "y", kind, (1, 4)))


def network(*layers, version=4, exact=False, inputs=()):
    mapping = {"arrayInputShapeMapping": "EXACT_ARRAY_MAPPING"} if exact else {}
    return {
        "specificationVersion": version,
        "description": {"input": [*inputs] or [image("p", 4, 2)], "output": [array("out", 3, 2, 4)]},
        "neuralNetwork": {"layers": list(layers), **mapping},
    }


IN, OUT = [array("x", 1, 4)], [array("y", 1, 4)]


def test_the_backend_tells_needs():
    assert isinstance(CoreMLBackend(), TellsNeeds)


def test_a_program_needs_what_its_version_says(needs):
    assert needs(model(program(), IN, OUT), 6) == ([("iOS 15, macOS 12", "specification version 6: an ML Program")], [])


def test_the_operations_that_raise_the_version_are_named(needs):
    (told,), _ = needs(model(program(17), IN, OUT), 8)
    assert told == ("iOS 17, macOS 14", "specification version 8: operations of the opset CoreML7")
    made = Program(18)
    x = made.input("x", "fp16", (1, 1, 4))
    y = made.op("scaled_dot_product_attention", ("fp16", (1, 1, 4)), query=x, key=x, value=x)
    features = [array("x", 1, 1, 4)], [array("y", 1, 1, 4)]
    (told,), _ = needs(model(named(made, (y, "y", "fp16", (1, 1, 4))), *features), 9)
    assert told[0] == "iOS 18, macOS 15"
    assert told[1].endswith("operations of the opset CoreML8; 1 × scaled_dot_product_attention")


@pytest.mark.parametrize(
    ("feature", "version", "system"),
    [
        (array("x", 1, 4, dtype="FLOAT16"), 7, "iOS 16, macOS 13"),
        (array("x", 1, 4, dtype="INT8"), 10, "iOS 26, macOS 26"),
        (image("x", 4, 1, "GRAYSCALE_FLOAT16"), 7, "iOS 16, macOS 13"),
    ],
)
def test_types_of_inputs_that_raise_the_version_are_named(needs, feature, version, system):
    (told,), _ = needs(model(program(), [feature], OUT), version)
    assert told[0] == system
    assert told[1].startswith(f"specification version {version}: x")


def test_a_version_beyond_what_is_in_the_file_is_its_exporters_choice(needs):
    (told,), _ = needs(model(program(), IN, OUT), 9)
    assert told[0] == "iOS 18, macOS 15"
    assert "chosen by its exporter" in told[1]
    assert "iOS 15, macOS 12 (an ML Program)" in told[1]


def test_a_version_below_what_is_in_the_file_is_not_believed(needs):
    declared, real = needs(model(program(17), IN, OUT), 6)[0]
    assert declared[0] == "iOS 15, macOS 12"
    assert real[0] == "iOS 17, macOS 14"
    assert "the file says 6" in real[1]


@pytest.mark.parametrize(
    ("made", "version", "why"),
    [
        (layer("activation", ["p"], ["out"], ReLU={}), 1, "nothing in it is newer"),
        (layer("custom", ["p"], ["out"], className="Mine"), 2, "1 × custom"),
        (layer("resizeBilinear", ["p"], ["out"]), 3, "1 × resizeBilinear"),
        (layer("softmaxND", ["p"], ["out"]), 4, "1 × softmaxND"),
        (layer("convolution", ["p", "w"], ["out"]), 4, "1 × convolution with weights that are computed"),
        (layer("upsample", ["p"], ["out"], fractionalScalingFactor=[1.5, 1.5]), 5, "1 × upsample by a fraction"),
        (layer("concatND", ["p", "p"], ["out"], interleave=True), 5, "1 × concatND interleaved"),
    ],
)
def test_layers_of_a_network_that_raise_the_version_are_named(needs, made, version, why):
    told = needs(network(made, version=version))[0][0]
    assert told[1] == f"specification version {version}: {why}"


def test_suppression_and_values_of_any_rank_raise_the_version(needs):
    (told,), _ = needs(network(layer("activation", ["p"], ["out"], ReLU={}), exact=True))
    assert told[1].endswith("values of any number of axes")
    (told,), _ = needs(pipeline([suppression(3)], [array("scores", 8, 3), array("boxes", 8, 4)], OUT), 5)
    assert told[0] == "iOS 14, macOS 11"
    assert "scores of type float32" in told[1]


def test_a_range_of_sizes_keeps_a_model_off_the_neural_engine_and_a_list_does_not(needs):
    _, against = needs(model(program(), [array("x", 1, 4, ranges=((1, 1), (1, 9)))], OUT))
    assert "the input x takes a range of sizes" in against[0]
    assert "enumerate" in against[0]
    assert needs(model(program(), [array("x", 1, 4, shapes=((1, 4), (1, 8)))], OUT))[1] == []
    assert needs(model(program(), [array("x", 1, 4, ranges=((1, 1), (4, 4)))], OUT))[1] == []
    many = [(1, size) for size in range(1, 130)]
    assert "129 sizes" in needs(model(program(), [array("x", 1, 4, shapes=many)], OUT))[1][0]


def test_custom_layers_keep_a_model_off_the_neural_engine(needs):
    must, against = needs(network(layer("custom", ["p"], ["out"], className="Mine")))
    assert must[1] == ("the app's class Mine", "1 custom layer")
    assert against == ["1 custom layer, which the app computes on the CPU or the GPU"]


def test_products_in_float32_keep_a_program_off_the_neural_engine(needs):
    weight = np.ones((2, 4), np.float32)
    made = Program(15)
    x = made.input("x", "fp32", (1, 4))
    y = made.op("linear", ("fp32", (1, 2)), x=x, weight=weight, bias=np.zeros(2, np.float32))
    _, against = needs(model(named(made, (y, "y", "fp32", (1, 2))), IN, [array("y", 1, 2)]))
    assert against == ["1 of 1 convolutions and products are float32, and it computes in float16"]
    dense = layer("innerProduct", ["p"], ["out"], inputChannels=4, outputChannels=2, weights=floats(np.ones(8)))
    assert needs(network(dense))[1] == []


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "m.mlmodel"
    path.write_bytes(write(tmp_path / "whole.mlmodel", model(doubling(), IN, OUT)).read_bytes()[:-5])
    with pytest.raises(ModelUnreadable):
        CoreMLBackend().needs(path)


def test_real_models_say_what_they_need(shared):
    systems = {
        path.name: CoreMLBackend().needs(path)[0].what for path in sorted((shared / "models" / "coreml").iterdir())
    }
    assert systems["yolov8n_fp16.mlpackage"] == "iOS 15, macOS 12"
    assert systems["yolov8n_nms_int8.mlpackage"] == "iOS 16, macOS 13"
    assert systems["yolox_nano_image.mlmodel"] == "iOS 13, macOS 10.15"
