"""Rendered pictures tell the truth about their codes, and the same seed gives the same pictures."""

import numpy as np
import pytest

pytest.importorskip("zxingcpp", reason="the training pictures are drawn by zxing-cpp's writer")
cv2 = pytest.importorskip("cv2", reason="the training pictures are warped by OpenCV")

from camera import paste, random_quad  # noqa: E402
from card import LABELS, SIDE  # noqa: E402
from render import scene, training_sample  # noqa: E402
from symbols import Patch, code, modules  # noqa: E402

SEED = 3


def test_the_same_seed_and_number_give_the_same_picture() -> None:
    first, first_truth = training_sample(SEED, 11)
    again, again_truth = training_sample(SEED, 11)
    assert np.array_equal(first, again)
    assert np.array_equal(first_truth, again_truth)


def test_another_seed_gives_another_picture() -> None:
    assert not np.array_equal(training_sample(SEED, 11)[0], training_sample(SEED + 1, 11)[0])


def test_boxes_lie_within_the_picture() -> None:
    for index in range(40):
        picture, truth = training_sample(SEED, index)
        boxes = truth[truth[:, 4] >= 0]
        assert picture.shape == (SIDE, SIDE)
        assert (boxes[:, :4] >= 0).all() and (boxes[:, :4] <= SIDE).all()
        assert (boxes[:, 2:4] - boxes[:, :2] > 4).all()
        assert set(boxes[:, 4].astype(int)) <= set(range(len(LABELS)))


def test_every_code_that_is_kept_can_still_be_seen() -> None:
    for index in range(40):
        sample = scene(240, 320, np.random.default_rng((SEED, index)))
        assert len(sample.boxes) == len(sample.labels)
        for x0, y0, x1, y1 in sample.boxes.astype(int):
            assert sample.picture[y0 : y1 + 1, x0 : x1 + 1].std() > 5


@pytest.mark.parametrize("curve", [0.0, 0.05, -0.05])
@pytest.mark.parametrize("turn", range(6))
def test_the_box_fits_the_dark_pixels_tightly(turn: int, curve: float) -> None:
    rng = np.random.default_rng((SEED, turn))
    core = np.zeros((80, 120), np.uint8)
    page = cv2.copyMakeBorder(core, 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=255)
    patch = Patch(page, np.full_like(page, 255), (30, 30, 150, 110))
    picture = np.full((SIDE, SIDE), 200, np.uint8)
    quad = random_quad(120 / 80, 120, rng) + (160, 160)
    box = paste(picture, patch, quad, 0, 200, curve)
    rows, columns = np.nonzero(picture < 100)
    assert box is not None
    assert box == pytest.approx((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), abs=1.5)


@pytest.mark.parametrize("label", range(len(LABELS)))
def test_a_code_keeps_its_modules_within_its_core(label: int) -> None:
    patch = code(label, 60, np.random.default_rng(SEED))
    x0, y0, x1, y1 = patch.core
    assert patch.ink.shape == patch.cover.shape
    assert 0 <= x0 < x1 <= patch.ink.shape[1] and 0 <= y0 < y1 <= patch.ink.shape[0]
    assert patch.ink[y0:y1, x0:x1].std() + patch.cover[y0:y1, x0:x1].std() > 50


def test_data_matrix_is_mostly_square() -> None:
    """The writer passes over options it does not know; a misspelt one would make most of them oblong."""
    grids = [modules(LABELS.index("data_matrix"), 60, np.random.default_rng((SEED, i))) for i in range(60)]
    assert sum(grid.shape[0] == grid.shape[1] for grid in grids) > 40
