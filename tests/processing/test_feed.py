from __future__ import annotations

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.processing import model_inputs
from edgerun.processing.feed import Feed, follows_image
from edgerun.tensors import TensorSpec

CARD = ModelCard(height=80, width=80, resize="letterbox-topleft", shorter_side=80, longer_side=133, padded=False)


def feed(card=CARD, shape=(1, 3, None, None), batch=1):
    specs = [TensorSpec("pixel_values", shape, "float32"), TensorSpec("pixel_mask", (1, None, None), "int64")]
    return Feed(specs, model_inputs.find(specs[:1], "model"), card, batch=batch, model="model")


def image(height, width):
    return np.full((height, width, 3), 128, np.uint8)


def test_an_input_of_open_size_ends_where_the_image_ends():
    """DETR's processor in transformers 5.23: 640 x 480 goes in as 1066 x 800; here a tenth of both."""
    fed = feed()
    geometry = fed.place(0, image(48, 64))
    assert fed.filled(1).shape == (1, 3, 80, 106)
    assert fed.auxiliary["pixel_mask"].shape == (1, 80, 106)
    assert (fed.card.height, fed.card.width) == (80, 106)
    np.testing.assert_allclose(geometry.to_image(np.array([[0, 0, 106, 80]])), [[0, 0, 64, 48]])
    assert np.ptp(fed.filled(1)) == 0, "no border"


def test_the_next_image_may_have_another_shape():
    fed = feed()
    for shape, size in (((48, 64), (80, 106)), ((64, 48), (106, 80)), ((64, 48), (106, 80)), ((30, 90), (44, 133))):
        fed.place(0, image(*shape))
        assert fed.filled(1).shape == (1, 3, *size)


def test_buffers_stay_where_the_shape_stays():
    fed = feed()
    fed.place(0, image(48, 64))
    first = fed.filled(1)
    fed.place(0, image(96, 128))
    assert np.shares_memory(first, fed.filled(1))


@pytest.mark.parametrize("shape", [(1, 3, 80, 80), (4, 3, None, None), (1, 3, 80, None)])
def test_what_the_file_fixes_is_padded(shape):
    assert not follows_image(CARD, model_inputs.find([TensorSpec("x", shape, "float32")], "model"))


def test_a_padded_card_is_padded_in_an_open_input_too():
    fed = feed(ModelCard(height=80, width=80, resize="letterbox-topleft"))
    fed.place(0, image(48, 64))
    assert fed.filled(1).shape == (1, 3, 80, 80)


def test_images_of_several_shapes_are_not_batched():
    assert feed(shape=(None, 3, None, None), batch=8).batch == 1


def test_a_fresh_one_has_buffers_of_its_own():
    fed = feed()
    fed.place(0, image(48, 64))
    other = fed.fresh(1)
    other.place(0, image(64, 48))
    assert (fed.filled(1).shape[2:], other.filled(1).shape[2:]) == ((80, 106), (106, 80))


def batched(count=3, **card):
    specs = [TensorSpec("images", (None, 3, 40, 60), "float32")]
    made = ModelCard(height=40, width=60, **{"resize": "letterbox", "fill": 114, "scale": 1.0, **card})
    return Feed(specs, model_inputs.find(specs, "model"), made, batch=count, model="model")


def test_each_slot_knows_the_border_of_its_own_image():
    """A wide image and a tall one, then the other way about."""
    fed = batched(2, fill=(7, 7, 7))
    wide, tall = np.full((20, 60, 3), 200, np.uint8), np.full((40, 20, 3), 100, np.uint8)
    for first, second in ((wide, tall), (tall, wide), (tall, tall), (wide, wide)):
        fed.place(0, first)
        fed.place(1, second)
        for slot, shown in enumerate((first, second)):
            alone = batched(1, fill=(7, 7, 7))
            alone.place(0, shown)
            np.testing.assert_array_equal(fed.filled(2)[slot], alone.filled(1)[0])


def test_just_the_slots_that_are_filled_are_fed_where_the_batch_is_open():
    fed = batched(3)
    assert [len(fed.filled(count)) for count in (1, 2, 3)] == [1, 2, 3]


def test_an_open_input_without_a_batch_axis_follows_the_image_too():
    fed = Feed(
        [TensorSpec("x", (3, None, None))], model_inputs.find([TensorSpec("x", (3, None, None))], "m"), CARD,
        batch=1, model="m",
    )  # fmt: skip
    fed.place(0, image(48, 64))
    assert fed.filled(1).shape == (3, 80, 106)


def test_an_image_of_another_width_alone_changes_the_input():
    fed = feed()
    for width, size in ((64, 106), (72, 120), (48, 80)):
        fed.place(0, image(48, width))
        assert fed.filled(1).shape == (1, 3, 80, size)
