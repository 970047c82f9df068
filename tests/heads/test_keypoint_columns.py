from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, TensorSpec
from edgerun.heads.keypoint_columns import Keypoints, layout_of

RANDOM = np.random.default_rng(0)
BOXES = RANDOM.uniform(0, 300, (50, 4))


def evidence(**said):
    card = ModelCard(sources=dict.fromkeys(said, "argument"), **said)
    image = TensorSpec("images", (1, 3, 320, 320), "float32")
    return Evidence([image], [], image, card, MappingProxyType({}), lambda kind: {})


def columns(count, dims):
    """[K · D, N]: x and y in pixels, then a visibility."""
    found = RANDOM.uniform(5, 300, (count, dims, 50))
    found[:, 2:] = RANDOM.uniform(0, 1, (count, dims - 2, 50))
    return found.reshape(count * dims, 50)


@pytest.mark.parametrize(("count", "dims"), [(17, 3), (17, 2), (5, 3), (1, 2)])
def test_a_visibility_alone_stays_in_0_to_1(count, dims):
    assert layout_of(columns(count, dims), BOXES, evidence()) == Keypoints(count, dims)


def test_what_is_in_other_units_than_the_boxes_is_not_keypoints():
    assert layout_of(RANDOM.uniform(-1, 1, (32, 50)), BOXES, evidence()) is None
    assert layout_of(columns(5, 3)[:, :0], BOXES, evidence()) is None
    assert layout_of(columns(5, 3)[:0], BOXES, evidence()) is None


def test_what_somebody_says_must_fill_the_columns():
    assert layout_of(columns(6, 2), BOXES, evidence(keypoints=6)) == Keypoints(6, 2)
    assert layout_of(columns(6, 2), BOXES, evidence(keypoints=4)) == Keypoints(4, 3)
    assert layout_of(columns(6, 2), BOXES, evidence(keypoints=5)) is None
    assert layout_of(columns(6, 2), BOXES, evidence(keypoints=4, keypoint_dims=2)) is None
