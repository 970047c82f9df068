from __future__ import annotations

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.errors import ModelUnreadable
from edgerun.processing import model_inputs
from edgerun.tensors import TensorSpec


def found(*shapes, dtype="float32"):
    specs = [TensorSpec(f"input{number}", shape, dtype) for number, shape in enumerate(shapes)]
    return model_inputs.find(specs, "model.x")


@pytest.mark.parametrize(
    ("shape", "channels_last", "channels", "height", "width", "batch"),
    [
        ((1, 3, 64, 96), False, 3, 64, 96, 1),
        ((1, 64, 96, 3), True, 3, 64, 96, 1),
        ((None, 1, 64, 96), False, 1, 64, 96, None),
        ((3, 64, 96), False, 3, 64, 96, 0),
        ((64, 96, 1), True, 1, 64, 96, 0),
        ((4, None, None, 3), True, 3, None, None, 4),
        ((None, None, None, None), False, None, None, None, None),
        ((1, 3, 64, 3), False, 3, 64, 3, 1),
    ],
)
def test_where_the_channels_are_is_read_from_the_sizes(shape, channels_last, channels, height, width, batch):
    image = found(shape)
    assert (image.channels_last, image.channels, image.height, image.width) == (channels_last, channels, height, width)
    assert image.batch == batch


@pytest.mark.parametrize("shapes", [(), ((1, 7),), ((1, 64, 96, 4),), ((1, None, 64, 4),)])
def test_a_model_without_an_image_among_its_inputs_is_refused(shapes):
    with pytest.raises(ModelUnreadable, match=r"model\.x has no input that takes an image"):
        found(*shapes)
    with pytest.raises(ModelUnreadable, match="has no input that takes an image"):
        found((1, 3, 64, 96), dtype="bool")


def test_two_inputs_for_images_are_refused():
    with pytest.raises(ModelUnreadable, match="several inputs that could take the image"):
        found((1, 3, 64, 96), (1, 3, 64, 96))
    assert found((1, 2), (1, 3, 64, 96)).spec.name == "input1"


def test_other_inputs_are_fed_what_is_said_else_what_their_name_means():
    image = TensorSpec("images", (1, 3, 64, 96))
    size, factor = TensorSpec("orig_target_sizes", (1, 2), "int64"), TensorSpec("factor", (1,))
    limit = TensorSpec("confidenceThreshold", (1,))
    inputs = [image, size, factor, limit]
    card = ModelCard(height=64, width=96, inputs={"factor": [2.0]})
    feeds = model_inputs.auxiliary(inputs, model_inputs.find([image], "m"), card, "m")
    assert {name: array.tolist() for name, array in feeds.items()} == {
        "orig_target_sizes": [[96, 64]],
        "factor": [2.0],
    }
    assert feeds["orig_target_sizes"].dtype == np.int64
    assert model_inputs.thresholds(inputs, 0.5, 0.7) == {"confidenceThreshold": [0.5]}
    with pytest.raises(ModelUnreadable, match="wants an input factor") as refusal:
        model_inputs.auxiliary(inputs, model_inputs.find([image], "m"), ModelCard(height=64, width=96), "m")
    assert 'inputs={"factor": …}' in refusal.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("orig_target_sizes", [[320, 160]]),  # width first: RT-DETR, D-FINE, DEIM
        ("orig_size", [[320, 160]]),
        ("target_sizes", [[160, 320]]),  # height first: transformers
        ("im_shape", [[160, 320]]),  # Paddle
        ("image_shape", [[160, 320]]),  # keras-yolo3
        ("scale_factor", [[1.0, 1.0]]),
    ],
)
def test_an_input_twice_as_wide_as_high_is_told_in_the_order_of_each_exporter(name, value):
    """And what the user says goes before that."""
    image = model_inputs.find([TensorSpec("images", (1, 3, 160, 320))], "model")
    specs = [image.spec, TensorSpec(name, (1, 2))]
    card = ModelCard(height=160, width=320)
    assert model_inputs.auxiliary(specs, image, card, "model")[name].tolist() == value
    said = ModelCard(height=160, width=320, inputs={name: [[7, 8]]})
    assert model_inputs.auxiliary(specs, image, said, "model")[name].tolist() == [[7, 8]]


def test_a_mask_of_pixels_has_the_shape_of_the_input():
    image = model_inputs.find([TensorSpec("images", (1, 3, 160, 320))], "model")
    fed = model_inputs.auxiliary(
        [image.spec, TensorSpec("pixel_mask", (1, 160, 320), "int64")], image, ModelCard(height=160, width=320), "model"
    )
    assert (fed["pixel_mask"].shape, fed["pixel_mask"].dtype, fed["pixel_mask"].all()) == (
        (1, 160, 320),
        np.int64,
        True,
    )


def test_thresholds_go_to_the_inputs_of_their_names():
    specs = [
        TensorSpec("iouThreshold", (1,)),
        TensorSpec("images", (1, 3, 8, 8)),
        TensorSpec("confidenceThreshold", (1,)),
    ]
    fed = model_inputs.thresholds(specs, conf=0.25, iou=0.5)
    assert {name: value.tolist() for name, value in fed.items()} == {
        "confidenceThreshold": [0.25],
        "iouThreshold": [0.5],
    }
