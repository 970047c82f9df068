from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edgerun_coreml.file.feature_types import ImageType, SizeRange
from edgerun_coreml.running import images

RGB = ImageType(3, 2, "rgb")
PIXELS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10


def test_a_picture_becomes_channels_first_in_0_to_255():
    array = images.to_array(Image.fromarray(PIXELS), "image", RGB)
    assert array.dtype == np.float32
    assert array.shape == (1, 3, 2, 3)
    np.testing.assert_array_equal(array[0], PIXELS.transpose(2, 0, 1))


def test_bgr_models_take_rgb_pictures_and_see_blue_first():
    array = images.to_array(Image.fromarray(PIXELS), "image", ImageType(3, 2, "bgr"))
    np.testing.assert_array_equal(array[0, 0], PIXELS[..., 2])
    np.testing.assert_array_equal(array[0, 2], PIXELS[..., 0])


def test_grey_pictures_have_one_channel():
    array = images.to_array(Image.fromarray(PIXELS[..., 0]), "image", ImageType(3, 2, "grayscale"))
    np.testing.assert_array_equal(array[0, 0], PIXELS[..., 0])


def test_fp16_pictures_keep_what_fp16_can_hold():
    values = np.array([[0.1, 2049.0]], np.float32)
    array = images.to_array(Image.fromarray(values), "image", ImageType(2, 1, "grayscale_float16"))
    np.testing.assert_array_equal(array[0, 0], values.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("value", [None, PIXELS, "image.png"])
def test_anything_but_a_pil_image_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"'image' must be of type PIL.Image.Image"):
        images.to_array(value, "image", RGB)


@pytest.mark.parametrize(
    ("color", "mode", "wanted"),
    [("rgb", "L", "RGB"), ("bgr", "RGBA", "RGB"), ("grayscale", "RGB", "L"), ("grayscale_float16", "L", "F")],
)
def test_the_wrong_mode_is_a_type_error_that_names_the_right_one(color, mode, wanted):
    with pytest.raises(TypeError, match=f"mode=='{wanted}', not '{mode}'"):
        images.to_array(Image.new(mode, (3, 2)), "image", ImageType(3, 2, color))


def test_nothing_is_resized():
    with pytest.raises(RuntimeError, match="is 4 x 2, the model takes 3 x 2"):
        images.check_size(np.zeros((1, 3, 2, 4)), "image", RGB)
    images.check_size(np.zeros((1, 3, 2, 3)), "image", RGB)


def test_enumerated_sizes_and_ranges_are_named_in_the_refusal():
    several = ImageType(3, 2, "rgb", sizes=((3, 2), (6, 4)))
    images.check_size(np.zeros((1, 3, 4, 6)), "image", several)
    with pytest.raises(RuntimeError, match="one of 3 x 2, 6 x 4"):
        images.check_size(np.zeros((1, 3, 6, 4)), "image", several)
    ranged = ImageType(3, 2, "rgb", width_range=SizeRange(3, 9), height_range=SizeRange(2, None))
    images.check_size(np.zeros((1, 3, 99, 9)), "image", ranged)
    with pytest.raises(RuntimeError, match=r"3\.\.9 x 2\.\.any"):
        images.check_size(np.zeros((1, 3, 2, 10)), "image", ranged)


def test_pictures_come_back_as_opaque_rgba():
    for color in ("rgb", "bgr"):
        kind = ImageType(3, 2, color)
        picture = images.to_image(images.to_array(Image.fromarray(PIXELS), "image", kind), "image", kind)
        assert picture.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(picture)[..., :3], PIXELS)
        assert (np.asarray(picture)[..., 3] == 255).all()


def test_grey_pictures_come_back_as_l_or_f():
    values = np.array([[[[-3.0, 0.4, 0.6, 300.0, np.nan]]]], np.float32)
    grey = images.to_image(values, "image", ImageType(5, 1, "grayscale"))
    assert grey.mode == "L"
    assert np.asarray(grey).tolist() == [[0, 0, 1, 255, 0]]
    real = images.to_image(values[..., :4], "image", ImageType(4, 1, "grayscale_float16"))
    assert real.mode == "F"
    np.testing.assert_allclose(np.asarray(real), values[0, 0, :, :4], rtol=1e-3)


def test_an_array_that_is_no_picture_is_refused():
    with pytest.raises(RuntimeError, match="not an image of 3 channels"):
        images.to_image(np.zeros((1, 2, 4, 4), np.float32), "out", RGB)
