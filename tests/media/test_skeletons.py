"""Limbs, against the packages that say them."""

from __future__ import annotations

import pytest

from edgerun.media import skeletons


def pairs(limbs, first=0):
    return {tuple(sorted((one - first, other - first))) for one, other in limbs}


@pytest.mark.parametrize(("ours", "theirs"), [("COCO_BODY", "COCO"), ("HAND", "HAND"), ("MEDIAPIPE_BODY", "GHUM")])
def test_limbs_are_those_of_supervision(ours, theirs):
    module = pytest.importorskip("supervision.key_points.skeletons", reason="supervision is not installed")
    own, others = pairs(getattr(skeletons, ours)), pairs(module.Skeleton[theirs].value, first=1)
    # MediaPipe joins left wrist and finger, 15 and 19
    expected = (others - {(14, 18)}) | {(15, 19)} if theirs == "GHUM" else others
    assert own == expected


def test_the_number_of_points_alone_tells_nothing():
    assert skeletons.limbs("person", 17)
    assert skeletons.limbs("Left", 21)
    assert not skeletons.limbs("horse", 17)
    assert not skeletons.limbs("person", 16)
