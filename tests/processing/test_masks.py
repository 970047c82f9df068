from __future__ import annotations

import numpy as np
import pytest

from edgerun.processing.masks import Masks, from_prototypes
from edgerun.processing.preprocess import Geometry


def masks_of(square, height=64, width=64, picture=(32, 64), resize="letterbox", coarse=4):
    """One mask: a square of model pixels x1 y1 x2 y2, over an input of 64 x 64, a quarter as fine."""
    shares = np.zeros((1, height // coarse, width // coarse), np.float32)
    x1, y1, x2, y2 = (side // coarse for side in square)
    shares[0, y1:y2, x1:x2] = 1
    geometry = Geometry.fit(*picture, height, width, resize)
    boxes = geometry.to_image(np.array([square], np.float32))
    return Masks(shares, boxes, geometry, height, width)


def test_a_mask_lies_where_its_square_lies_in_the_picture():
    """The picture is 64 wide and 32 high: letterboxed by 16 rows above, so row 16 of the input is row 0."""
    bitmap = masks_of((8, 24, 24, 40)).bitmap(0)
    assert bitmap.shape == (32, 64)
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (8, 23, 8, 23)
    assert bitmap[8:24, 8:24].mean() > 0.98


@pytest.mark.parametrize("resize", ["letterbox", "stretch", "letterbox-topleft"])
def test_a_mask_grows_with_its_picture(resize):
    masks = masks_of((16, 16, 48, 32), picture=(128, 256), resize=resize)
    x1, y1, x2, y2 = masks.boxes[0].round().astype(int)
    bitmap = masks.bitmap(0)
    assert bitmap[(y1 + y2) // 2 - 4 : (y1 + y2) // 2 + 4, x1 + 8 : x2 - 8].all()
    assert bitmap[y1:y2, x1:x2].mean() > 0.9  # a coarse mask's corners are round
    assert not bitmap[:y1].any()
    assert not bitmap[:, x2:].any()


def test_run_lengths_unpack_to_the_bitmap():
    masks = masks_of((8, 24, 24, 40))
    packed = masks.rle(0)
    values = np.arange(len(packed["counts"])) % 2
    unpacked = np.repeat(values, packed["counts"]).reshape(packed["size"][::-1]).T
    np.testing.assert_array_equal(unpacked.astype(bool), masks.bitmap(0))


def test_outlines_enclose_the_mask():
    (outline,) = masks_of((8, 24, 24, 40)).polygons(0)
    assert outline.min(axis=0).tolist() == [8, 8]
    assert outline.max(axis=0).tolist() == [23, 23]


def test_masks_are_taken_by_rows():
    masks = masks_of((8, 24, 24, 40))
    assert len(masks[[0, 0]]) == 2
    assert len(masks[np.array([False])]) == 0
    assert masks[np.array([False])].bitmaps.shape == (0, 32, 64)


def test_prototypes_are_mixed_by_their_coefficients():
    prototypes = np.stack((np.ones((2, 3)), np.zeros((2, 3)))).astype(np.float32)
    shares = from_prototypes(np.array([[2.0, 5.0], [-2.0, 5.0]]), prototypes)
    np.testing.assert_allclose(shares[:, 0, 0], [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))], rtol=1e-6)


def test_a_mask_of_a_box_is_stretched_over_it():
    shares = np.zeros((1, 4, 4), np.float32)
    shares[0, :, 2:] = 1  # the right half
    geometry = Geometry.fit(60, 80, 60, 80, "stretch")
    masks = Masks(shares, np.float32([[20, 10, 60, 50]]), geometry, 60, 80, in_boxes=True)
    bitmap = masks.bitmap(0)
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    assert (columns[0], columns[-1]) == (40, 59)
    assert abs(rows[0] - 10) <= 5 and abs(rows[-1] - 49) <= 5  # half a mask's pixel fades at the edge


def test_a_whole_mask_goes_beyond_its_box_where_it_is_not_cut():
    shares = np.ones((1, 4, 4), np.float32)
    geometry = Geometry.fit(60, 80, 60, 80, "stretch")
    boxes = np.float32([[20, 10, 60, 50]])
    assert Masks(shares, boxes, geometry, 60, 80).bitmap(0).sum() == 40 * 40
    assert Masks(shares, boxes, geometry, 60, 80, cut=False).bitmap(0).all()


def test_probabilities_are_there_under_their_earlier_name_too():
    masks = masks_of((8, 24, 24, 40))
    assert masks.shares is masks.probabilities
