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


def test_run_lengths_begin_with_what_is_outside_even_where_that_is_nothing():
    """The whole input is the mask, and so the image's first pixel: 0 outside, then all 32 x 64."""
    assert masks_of((0, 0, 64, 64)).rle(0) == {"size": [32, 64], "counts": [0, 32 * 64]}


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


# ------------------------------------------------------------------------------------------- edges and parts


def whole(box, picture=(40, 60), **changes):
    """A mask that is 1 all over the input, which is the picture."""
    geometry = Geometry.fit(*picture, *picture, "stretch")
    shares = np.ones((1, picture[0] // 4, picture[1] // 4), np.float32)
    return Masks(shares, np.float32([box]), geometry, *picture, **changes)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((10, 5, 30, 20), (5, 19), (10, 29)),
        ((10.2, 5.7, 30.1, 20.4), (5, 20), (10, 30)),  # a pixel that the box only touches belongs to it
        ((10.9, 5.5, 30.9, 20.5), (5, 20), (10, 30)),
        ((10.4, 5.1, 10.6, 20), (5, 19), (10, 10)),  # thinner than a pixel
        ((0, 0, 60, 40), (0, 39), (0, 59)),
    ],
)
def test_a_mask_reaches_to_every_pixel_that_its_box_touches(box, rows, columns):
    bitmap = whole(box).bitmap(0)
    filled = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    assert [(int(each[0]), int(each[-1])) for each in filled] == [rows, columns]
    assert bitmap.sum() == (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1)


def test_a_mask_of_the_whole_input_lies_where_it_does_in_the_picture():
    """An input of 64 x 32, a mask a quarter as fine, a picture of 128 x 16 in its middle: columns halve, rows do not.

    Mask columns 4..7 are input columns 16..31, so picture columns 32..63; mask rows 3 and 4 are input rows 12..19, of
    which the picture has row 12 as its row 0 after a border of 12.
    """
    shares = np.zeros((1, 8, 16), np.float32)
    shares[0, 3:5, 4:8] = 1
    geometry = Geometry(scale_x=0.5, scale_y=0.5, left=0.0, top=12.0, image_height=16, image_width=128)
    masks = Masks(shares, np.float32([[0, 0, 128, 16]]), geometry, 32, 64)
    bitmap = masks.bitmap(0)
    assert bitmap[4, 24:72].tolist() == [False] * 8 + [True] * 32 + [False] * 8
    assert bitmap[:, 48].tolist() == [True] * 16


def test_a_mask_beside_a_border_on_the_left_is_not_moved():
    """A tall picture of 32 x 64 in an input of 64 x 64 lies 16 to the right; the mask is one pixel of it each."""
    shares = np.zeros((1, 64, 64), np.float32)
    shares[0, 10:20, 20:30] = 1
    masks = Masks(shares, np.float32([[0, 0, 32, 64]]), Geometry.fit(64, 32, 64, 64), 64, 64)
    bitmap = masks.bitmap(0)
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (10, 19, 4, 13)


def test_a_mask_that_reaches_the_edge_of_the_input_reaches_that_of_the_picture():
    """The outermost pixels of a coarse mask go on beyond their centres."""
    masks = whole((0, 0, 60, 40))
    assert masks.bitmap(0).all()
    half = np.full((1, 10, 15), 0.5, np.float32)
    even = Masks(half, masks.boxes, masks.geometry, 40, 60)
    assert not even.bitmap(0).any()
    assert not Masks(half, masks.boxes, masks.geometry, 40, 60, cut=False).bitmap(0).any()


def test_a_mask_over_its_box_has_the_shape_of_the_box():
    """The lower half of a box of 40 x 8, and its right half."""
    geometry = Geometry.fit(60, 80, 60, 80, "stretch")
    boxes = np.float32([[20, 10, 60, 18]])
    lower, right = np.zeros((1, 8, 8), np.float32), np.zeros((1, 8, 8), np.float32)
    lower[0, 4:], right[0, :, 4:] = 1, 1
    found = Masks(lower, boxes, geometry, 60, 80, in_boxes=True).bitmap(0)
    rows = np.flatnonzero(found[:, 40])
    assert rows.tolist() == [14, 15, 16, 17]
    found = Masks(right, boxes, geometry, 60, 80, in_boxes=True).bitmap(0)
    assert np.flatnonzero(found[14]).tolist()[0] == 40
    assert not found[:, :40].any()


def of_bitmap(bits, box=None):
    """A mask as fine as the picture itself."""
    tall, wide = bits.shape
    box = box or (0, 0, wide, tall)
    return Masks(bits[None].astype(np.float32), np.float32([box]), Geometry.fit(tall, wide, tall, wide), tall, wide)


def two_parts():
    """3 x 4 pixels at the top left, 10 x 6 further down with a hole of 2 x 2."""
    bits = np.zeros((20, 30), np.bool_)
    bits[2:5, 1:5] = True
    bits[10:16, 8:18] = True
    bits[12:14, 11:13] = False
    return bits


@pytest.mark.parametrize("mirrored", [False, True])
def test_of_several_outlines_the_largest_comes_first_and_holes_are_none(mirrored):
    bits = two_parts()
    large, small = of_bitmap(bits[::-1] if mirrored else bits).polygons(0)
    assert (np.ptp(large, axis=0).tolist(), np.ptp(small, axis=0).tolist()) == ([9, 5], [3, 2])
    assert large[:, 0].min() == 8
    assert small[:, 0].min() == 1


def test_run_lengths_go_down_the_columns_and_begin_with_zeros():
    bits = np.array([[1, 0, 0], [1, 1, 0]], np.bool_)
    assert of_bitmap(bits).rle(0) == {"size": [2, 3], "counts": [0, 2, 1, 1, 2]}
    assert of_bitmap(~bits).rle(0) == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert of_bitmap(np.zeros((2, 3), np.bool_)).rle(0) == {"size": [2, 3], "counts": [6]}
    assert of_bitmap(np.ones((2, 3), np.bool_)).rle(0) == {"size": [2, 3], "counts": [0, 6]}
