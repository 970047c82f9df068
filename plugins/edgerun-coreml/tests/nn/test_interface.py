"""Inputs and outputs: images and their preprocessing, legacy arrays, classifiers, precision."""

from __future__ import annotations

import numpy as np
import pytest
from nn_model import array_feature, floats, image_feature, layer, model, run
from wire_format import encode

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.package import open_model, parse_model
from edgerun_coreml.file.schema import model_schema
from edgerun_coreml.nn import translate
from edgerun_coreml.nn.registry import known
from edgerun_coreml.running.session import open_session

RNG = np.random.default_rng(9)
PIXELS = RNG.integers(0, 256, (1, 3, 4, 6)).astype(np.float32)
SCALER = {"channelScale": 0.5, "redBias": 1.0, "greenBias": 2.0, "blueBias": 3.0, "grayBias": 4.0}


def through(preprocessing, *, color="RGB", exact=True, pixels=PIXELS, name="x", **network):
    """What a network sees of an image."""
    spec = model(
        [layer("copy", ["x"], ["y"])], [image_feature("x", 4, 6, color)], [array_feature("y", [])], exact=exact,
        preprocessing=[{"featureName": name, **item} for item in preprocessing], **network,
    )  # fmt: skip
    translation = translate(spec)
    assert translation.inputs[0].shape == pixels.shape
    return run(translation, {"x": pixels})["y"]


@pytest.mark.parametrize("name", ["x", ""])
@pytest.mark.parametrize(("color", "biases"), [("RGB", (1, 2, 3)), ("BGR", (3, 2, 1))])
def test_biases_follow_the_order_of_channels(color, biases, name):
    found = through([{"scaler": SCALER}], color=color, name=name)
    np.testing.assert_allclose(found, 0.5 * PIXELS + np.array(biases).reshape(3, 1, 1))


def test_grey_images_have_a_bias_of_their_own():
    found = through([{"scaler": SCALER}], color="GRAYSCALE", pixels=PIXELS[:, :1])
    np.testing.assert_allclose(found, 0.5 * PIXELS[:, :1] + 4)


def test_a_scale_of_0_is_1_and_others_names_are_left_alone():
    np.testing.assert_array_equal(through([{"scaler": {}}]), PIXELS)
    np.testing.assert_array_equal(through([{"scaler": SCALER}], name="z"), PIXELS)


def test_mean_images_are_subtracted():
    mean = RNG.uniform(0, 9, (3, 4, 6)).astype(np.float32)
    np.testing.assert_allclose(through([{"meanImage": {"meanImage": mean.reshape(-1)}}]), PIXELS - mean)
    with pytest.raises(ModelDamaged, match="mean image"):
        through([{"meanImage": {"meanImage": [1.0]}}])


def test_images_have_four_axes_or_five():
    assert through([]).shape == (1, 3, 4, 6)
    assert through([], imageInputShapeMapping="RANK5_IMAGE_MAPPING").shape == (1, 1, 3, 4, 6)
    assert through([], exact=False).shape == (1, 1, 3, 4, 6)


def of_three_axes(layers, described=(), **network):
    """What comes of an image in a network that was made for an array of three axes."""
    spec = model(layers, [image_feature("x", 4, 6)], [array_feature("y", described)], **network)
    return run(translate(spec), {"x": PIXELS})["y"]


def test_a_network_made_for_arrays_of_three_axes_is_given_images_so():
    """What make_image_input of coremltools 9.0 leaves: a transpose of three axes; the outputs of an array's shape."""
    turned = layer("transpose", ["x"], ["t"], axes=[1, 2, 0])
    twice = layer("activation", ["t"], ["y"], linear={"alpha": 2.0})
    for described in ((), (4, 6, 3)):
        np.testing.assert_array_equal(of_three_axes([turned, twice], described), 2 * PIXELS[0].transpose(1, 2, 0))
    copied = [layer("copy", ["x"], ["y"])]
    np.testing.assert_array_equal(of_three_axes(copied, (3, 4, 6)), PIXELS[0])
    mean = [layer("reduceMean", ["x"], ["y"], axes=[0], keepDims=True)]
    np.testing.assert_allclose(of_three_axes(mean, (1, 4, 6)), PIXELS[0].mean(0, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(of_three_axes(mean, (1, 3, 4, 6)), PIXELS)
    flat = [layer("flattenTo2D", ["x"], ["y"], axis=1)]
    np.testing.assert_array_equal(of_three_axes(flat, (3, 24)), PIXELS.reshape(3, 24))
    np.testing.assert_array_equal(of_three_axes(flat, (1, 72)), PIXELS.reshape(1, 72))


def test_what_fits_three_axes_no_better_is_read_with_four():
    copied = [layer("copy", ["x"], ["y"])]
    assert of_three_axes(copied).shape == of_three_axes(copied, (1, 3, 4, 6)).shape == PIXELS.shape
    assert of_three_axes(copied, (9, 9)).shape == PIXELS.shape
    with pytest.raises(ModelDamaged, match="the transpose"):
        of_three_axes([layer("transpose", ["x"], ["y"], axes=[0, 1])])


def test_flexible_images():
    feature = image_feature("x", 4, 6)
    feature["type"]["imageType"]["imageSizeRange"] = {
        "widthRange": {"lowerBound": 1, "upperBound": -1},
        "heightRange": {"lowerBound": 1, "upperBound": 64},
    }
    spec = model([layer("flatten", ["x"], ["y"])], [feature], [array_feature("y", [])])
    translation = translate(spec)
    assert translation.inputs[0].shape == (1, 3, None, None)
    for size in ((4, 6), (7, 3)):
        x = RNG.uniform(0, 255, (1, 3, *size)).astype(np.float32)
        np.testing.assert_array_equal(run(translation, {"x": x})["y"], x.reshape(1, -1, 1, 1))


def test_images_as_outputs_have_four_axes():
    spec = model(
        [layer("copy", ["x"], ["y"])], [array_feature("x", [3, 4, 6])], [image_feature("y", 4, 6)], exact=False
    )
    np.testing.assert_array_equal(run(translate(spec), {"x": PIXELS[0]})["y"], PIXELS)


# arrays ---------------------------------------------------------------------------------------------------------------


def test_legacy_arrays_come_and_go_in_their_described_shapes():
    layers = [layer("innerProduct", ["x"], ["y"], inputChannels=8, outputChannels=4, weights=floats(np.ones((4, 8))))]
    x = RNG.uniform(-1, 1, 8).astype(np.float32)
    for described, shape in (([4], (4,)), ([1, 4], (1, 4)), ([], (1, 1, 4, 1, 1)), ([7], (1, 1, 4, 1, 1))):
        spec = model(layers, [array_feature("x", [8])], [array_feature("y", described)], exact=False)
        found = run(translate(spec), {"x": x})["y"]
        np.testing.assert_allclose(found, np.full(shape, x.sum()), rtol=1e-5)


def test_whole_numbers_come_in_and_go_out():
    spec = model(
        [layer("add", ["x"], ["y"], alpha=1.0)], [array_feature("x", [3], "INT32")], [array_feature("y", [3], "INT32")]
    )
    found = run(translate(spec), {"x": np.int32([1, 2, 3])})["y"]
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [2, 3, 4])


def test_other_features_are_refused():
    spec = model([layer("copy", ["x"], ["y"])], [{"name": "x", "type": {"stringType": {}}}], [array_feature("y", [])])
    with pytest.raises(ModelUnsupported, match="'x'"):
        translate(spec)
    with pytest.raises(ModelUnsupported, match="unknown shape"):
        translate(model([layer("copy", ["x"], ["y"])], [array_feature("x", [])], [array_feature("y", [])]))


# classifiers ----------------------------------------------------------------------------------------------------------


def classifier(**network):
    layers = [
        layer("innerProduct", ["x"], ["logits"], inputChannels=3, outputChannels=2, weights=floats([1, 0, 0, 0, 1, 0])),
        layer("softmax", ["logits"], ["odds"]),
    ]
    outputs = [
        {"name": "label", "type": {"stringType": {}}},
        {"name": "odds", "type": {"dictionaryType": {"stringKeyType": {}}}},
    ]
    described = {"predictedFeatureName": "label", "predictedProbabilitiesName": "odds"}
    return model(
        layers, [array_feature("x", [3])], outputs, exact=False, kind="neuralNetworkClassifier",
        description=described, **network,
    )  # fmt: skip


@pytest.mark.parametrize(
    "source", [{}, {"labelProbabilityLayerName": "odds"}, {"labelProbabilityLayerName": "the softmax"}]
)
def test_classifiers_give_labels_and_probabilities(source):
    translation = translate(classifier(stringClassLabels={"vector": ["cat", "dog"]}, **source))
    assert translation.classifier is not None
    assert translation.classifier.labels == ("cat", "dog")
    assert translation.outputs == ()
    odds = run(translation, {"x": np.float32([1, 3, 0])})["probabilities"].reshape(-1)
    np.testing.assert_allclose(odds, np.exp([1, 3]) / np.exp([1, 3]).sum(), rtol=1e-5)


def test_labels_must_fit_the_probabilities():
    with pytest.raises(ModelDamaged, match="3 class labels for 2"):
        translate(classifier(int64ClassLabels={"vector": [1, 2, 3]}))
    with pytest.raises(ModelDamaged, match="made by no layer"):
        translate(classifier(stringClassLabels={"vector": ["a", "b"]}, labelProbabilityLayerName="nowhere"))


def test_regressors_are_networks():
    spec = model(
        [layer("copy", ["x"], ["y"])], [array_feature("x", [2])], [array_feature("y", [2])],
        kind="neuralNetworkRegressor",
    )  # fmt: skip
    np.testing.assert_array_equal(run(translate(spec), {"x": [1, 2]})["y"], [1, 2])


# the whole ------------------------------------------------------------------------------------------------------------


def test_every_layer_of_the_format_is_translated_but_custom_ones():
    fields = model_schema().messages["NeuralNetworkLayer"].by_name.values()
    assert {item.name for item in fields if item.oneof == "layer"} - set(known()) == {"custom"}


def test_everything_unsupported_is_listed_at_once():
    layers = [
        layer("custom", ["x"], ["a"], className="Mine"),
        layer("copy", ["a"], ["b"]),
        {"name": "?", "input": ["x"], "output": ["c"]},
        layer("squeeze", ["c"], ["y"], squeezeAll=True),
    ]
    with pytest.raises(ModelUnsupported) as caught:
        translate(model(layers, [array_feature("x", [2])], [array_feature("y", [2])]))
    first, second = caught.value.problems[:2]
    assert "layer 0 'the custom' (custom)" in first
    assert "'Mine'" in first
    assert "layer 2 '?'" in second


def test_other_models_are_refused():
    spec = parse_model(encode("Model", {"specificationVersion": 4, "mlProgram": {"version": 1}}))
    with pytest.raises(ModelUnsupported, match="mlProgram"):
        translate(spec)


def test_precision_fp16_rounds_results_and_weights_but_no_sizes():
    layers = [
        layer("scale", ["x"], ["a"], shapeScale=[1], scale=floats([0.1])),
        layer("getShape", ["x"], ["s"]),
        layer("add", ["s"], ["t"], alpha=1.0),
    ]
    spec = model(layers, [array_feature("x", [1, 1, 2049])], [array_feature("a", []), array_feature("t", [])])
    x = RNG.uniform(-1, 1, (1, 1, 2049)).astype(np.float32)
    found = run(translate(spec, precision="fp16"), {"x": x})
    half = x.astype(np.float16).astype(np.float32) * np.float32(np.float16(0.1))
    np.testing.assert_array_equal(found["a"], half.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(found["t"], [2, 2, 2050])


def test_a_hard_swish_becomes_one_operator():
    """coremltools writes it as thresholded_relu(x, -3) * sigmoid_hard(x)."""
    layers = [
        layer("activation", ["x"], ["t"], thresholdedReLU={"alpha": -3.0}),
        layer("activation", ["t"], ["g"], sigmoidHard={"alpha": 1 / 6, "beta": 0.5}),
        layer("multiplyBroadcastable", ["t", "g"], ["y"]),
    ]
    translation = translate(model(layers, [array_feature("x", [1, 2, 3, 4])], [array_feature("y", [])]))
    assert "HardSwish" in {node.op_type for node in translation.graph.nodes}
    x = RNG.uniform(-5, 5, (1, 2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(run(translation, {"x": x})["y"], x * np.clip(x / 6 + 0.5, 0, 1), atol=1e-6)


def test_a_legacy_network_has_no_reshapes_between_its_layers():
    weights = floats(np.ones((3, 3, 1, 1)))
    conv = {"outputChannels": 3, "kernelChannels": 3, "kernelSize": [1, 1], "valid": {}, "weights": weights}
    layers = [
        layer("convolution", ["x"], ["a"], **conv),
        layer("activation", ["a"], ["b"], ReLU={}),
        layer("convolution", ["b"], ["c"], **conv),
        layer("add", ["c", "a"], ["y"]),
    ]
    spec = model(layers, [image_feature("x", 4, 6)], [array_feature("y", [3, 4, 6])], exact=False)
    kinds = [node.op_type for node in translate(spec).graph.nodes]
    assert kinds[:4] == ["Conv", "Relu", "Conv", "Add"]


REAL = [
    ("yolox_nano_image", "yolox_nano_kazuhito_sample", 1.0),
    ("FastestDet_image", "FastestDet", 1 / 255),
]


@pytest.mark.parametrize(("network", "sibling", "scale"), REAL)
def test_real_networks_agree_with_their_onnx_siblings(shared, network, sibling, scale):
    ort = pytest.importorskip("onnxruntime")
    files = [shared / "models" / "coreml" / f"{network}.mlmodel", shared / "models" / "onnx" / f"{sibling}.onnx"]
    if not all(file.exists() for file in files):
        pytest.skip("the models are not here")
    translation = translate(open_model(files[0]).spec)
    pixels = RNG.integers(0, 256, translation.inputs[0].shape).astype(np.float32)
    session = open_session(translation.graph, threads=1)
    (found,) = session.run([translation.outputs[0].tensor], {translation.inputs[0].tensor: pixels})
    other = ort.InferenceSession(files[1], providers=["CPUExecutionProvider"])
    expected = other.run(None, {other.get_inputs()[0].name: pixels * np.float32(scale)})[0]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=2e-5 * np.abs(expected).max())
