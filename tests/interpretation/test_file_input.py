from __future__ import annotations

import re

import pytest

from edgerun.contract import Quantization, TensorSpec
from edgerun.errors import CardInvalid, ModelUnreadable
from edgerun.interpretation import file_input
from edgerun.interpretation.card_fields import fold
from edgerun.interpretation.claims import Claim, Standing, said
from edgerun.processing import model_inputs

DESCRIBED = Standing.DESCRIBED


def folded(*claims, shape=(1, 3, 64, 96), dtype="float32"):
    """The card of what is said and of what an input of this shape and type fixes."""
    image = model_inputs.find([TensorSpec("images", shape, dtype)], "model.onnx")
    return fold(
        [
            *claims,
            file_input.fixed(image, "model.onnx"),
            file_input.open_sizes(),
            file_input.steps(image, "model.onnx"),
        ]
    )


@pytest.mark.parametrize("mean", [(104.0, 117.0, 123.0), (2.0, 2.0, 2.0)])
def test_a_mean_that_takes_bytes_below_what_the_input_stores_is_refused(mean):
    with pytest.raises(
        CardInvalid, match=r"uint8, which begins at 0; with mean = .* \(argument\) pixels would go down"
    ):
        folded(said("argument", {"scale": 1.0, "mean": mean}), dtype="uint8")


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_a_mean_is_taken_off_where_the_input_stores_what_is_below(dtype):
    folded(said("argument", {"scale": 1.0, "mean": (128.0, 128.0, 128.0)}), dtype=dtype)


def test_pixels_beyond_what_the_input_stores_are_refused():
    with pytest.raises(CardInvalid, match="int8, which ends at 127; pixels would go beyond it"):
        folded(said("argument", {"scale": 1.0}), dtype="int8")


def test_an_image_in_too_few_steps_is_refused():
    with pytest.raises(CardInvalid, match=r"scale = 0\.00392157 \(sidecar\) all pixels .* at most 2 of the whole"):
        folded(said("sidecar", {"scale": 1 / 255}), dtype="uint8")


def test_a_size_that_the_user_gives_must_be_the_files():
    for source in ("argument", "sidecar"):
        with pytest.raises(CardInvalid, match=rf"^The {source} gives width = 32, but .* model\.onnx is fixed at 96\."):
            folded(said(source, {"width": 32}))
    assert folded(said("argument", {"width": 96})).source("width") == "the file's input"


def test_metadata_yield_to_the_file_and_are_shown():
    card = folded(Claim("one metadata", {"height": 640, "width": 96}, DESCRIBED))
    assert (card.height, card.source("height")) == (64, "the file's input; one metadata says 640")
    assert card.source("width") == "the file's input"


def test_where_the_file_takes_any_size_what_is_said_counts_then_640():
    card = folded(said("argument", {"width": 320}), shape=(1, 3, None, None))
    assert (card.height, card.width) == (640, 320)
    assert (card.source("height"), card.source("width")) == ("default: the file takes any size", "argument")


def test_one_channel_is_gray_and_three_are_not():
    assert folded(shape=(1, 1, 64, 96)).color == "gray"
    assert folded(Claim("one metadata", {"color": "rgb"}, DESCRIBED), shape=(1, 1, 64, 96)).color == "gray"
    with pytest.raises(CardInvalid, match=r"The argument gives color = bgr, but model\.onnx takes one channel"):
        folded(said("argument", {"color": "bgr"}), shape=(1, 1, 64, 96))
    with pytest.raises(CardInvalid, match="takes three channels") as refusal:
        folded(Claim("one metadata", {"color": "gray"}, DESCRIBED))
    assert refusal.value.hint == 'say color="rgb" or "bgr"'


def test_outputs_that_are_not_there_are_named():
    claims = [
        said("argument", {"outputs": {"b": "boxes"}}),
        file_input.names_of_outputs([TensorSpec("a", (1,))], "m.onnx"),
    ]
    with pytest.raises(CardInvalid, match=r"speaks of an output b, but m\.onnx has none of that name") as refusal:
        fold(claims)
    assert refusal.value.hint == "its outputs are a"


# ------------------------------------------------------------------------------------- what cannot be fed


@pytest.mark.parametrize("dtype", ["bfloat16", "float8e4m3fn", "string", "seq(tensor(float)", "complex64"])
def test_elements_that_numpy_lacks_are_one_sentence(dtype):
    with pytest.raises(ModelUnreadable, match=rf"m\.onnx takes an input images {re.escape(dtype)} \[1, 3, 4, 4\]"):
        file_input.refuse_what_cannot_run([TensorSpec("images", (1, 3, 4, 4), dtype)], [], (), "m.onnx")


@pytest.mark.parametrize("dtype", ["bfloat16", "float8e4m3fn", "int4"])
def test_an_output_whose_elements_numpy_lacks_is_one_sentence(dtype):
    """ONNX Runtime 1.31.1 hands out float8 as bare bytes, which would be read as numbers."""
    with pytest.raises(ModelUnreadable, match=f"gives an output y {dtype}") as refusal:
        file_input.refuse_what_cannot_run([TensorSpec("x", (1,))], [TensorSpec("y", (1,), dtype)], (), "m.onnx")
    assert "float32" in refusal.value.hint


def test_texts_as_outputs_pass():
    file_input.refuse_what_cannot_run([TensorSpec("x", (1,))], [TensorSpec("label", (1,), "string")], (), "m.mlmodel")


LSTM = TensorSpec("raw_inputs/init_lstm_c", (1, 8, 8, 320))
LSTM_AFTER = TensorSpec("raw_outputs/lstm_c", (1, 8, 8, 320))


def test_a_state_that_is_carried_from_frame_to_frame_is_one_sentence():
    """Names of tensorflow/models, research/lstm_object_detection."""
    image = TensorSpec("normalized_input_image_tensor", (1, 256, 256, 3))
    with pytest.raises(ModelUnreadable, match=r"from its output raw_outputs/lstm_c to its input raw_inputs/init_lst"):
        file_input.refuse_what_cannot_run([image, LSTM], [LSTM_AFTER], (), "m.tflite")


@pytest.mark.parametrize(
    ("inputs", "outputs", "given"),
    [
        ([LSTM], [LSTM_AFTER], ["raw_inputs/init_lstm_c"]),
        ([LSTM], [TensorSpec("raw_outputs/lstm_c", (1, 4, 4, 320))], ()),
        ([LSTM], [TensorSpec("boxes", (1, 8, 8, 320))], ()),
        ([TensorSpec("orig_target_sizes", (1, 2), "int64")], [TensorSpec("state", (1, 2), "int64")], ()),
    ],
)
def test_an_input_that_is_given_or_is_no_state_passes(inputs, outputs, given):
    file_input.refuse_what_cannot_run(inputs, outputs, given, "m.tflite")


BYTES = {"scale": 1.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


@pytest.mark.parametrize(
    ("dtype", "quantization"), [("uint8", None), ("int8", None), ("float32", None), ("uint8", True)]
)
def test_an_input_of_bytes_without_a_scale_takes_bytes_whatever_the_family_is_trained_on(dtype, quantization):
    stored = Quantization((1 / 255,), (0,), 0) if quantization else None
    image = model_inputs.find([TensorSpec("images", (1, 3, 64, 96), dtype, stored)], "model.onnx")
    trained = Claim("convention: trained so", {"scale": 1 / 255, "mean": 0.5, "std": 0.5}, Standing.CONVENTION)
    claims = [file_input.fixed(image, "m"), file_input.open_sizes(), file_input.bytes_as_they_are(image), trained]
    card = fold(claims)
    holds_bytes = dtype == "uint8" and not quantization
    assert ({name: getattr(card, name) for name in BYTES} == BYTES) == holds_bytes
    assert (card.source("scale") == "the file's input, which holds bytes") == holds_bytes
    assert fold([said("argument", {"scale": 0.5}), *claims]).scale == 0.5, "the user knows better"


@pytest.mark.parametrize(("white", "refused"), [(15, True), (16, False), (255, False)])
def test_sixteen_steps_between_black_and_white_are_enough(white, refused):
    claim = said("argument", {"scale": white / 255})
    if refused:
        with pytest.raises(CardInvalid, match=f"at most {white + 1} of the whole numbers"):
            folded(claim, dtype="uint8")
    else:
        folded(claim, dtype="uint8")


def test_one_channel_that_differs_enough_is_enough():
    folded(said("argument", {"scale": 1.0, "mean": 0.0, "std": (255.0, 255.0, 1.0)}), dtype="uint8")


@pytest.mark.parametrize(
    ("dtype", "card", "refused"),
    [
        ("uint8", {"scale": 1.0}, False),  # 0..255 just fit
        ("uint8", {"scale": 1.01}, True),
        ("int8", {"scale": 1.0, "mean": 128.0}, False),
        ("int8", {"scale": 1.0, "mean": 127.0}, True),  # 255 would be 128
        ("uint8", {"scale": 1.0, "mean": 1.0}, False),  # less by rounding alone
        ("uint8", {"scale": 1.0, "mean": 1.5}, True),
    ],
)
def test_pixels_go_to_the_ends_of_what_the_input_stores_and_no_further(dtype, card, refused):
    if refused:
        with pytest.raises(CardInvalid, match=f"The input of .* is {dtype}"):
            folded(said("argument", card), dtype=dtype)
    else:
        folded(said("argument", card), dtype=dtype)
