"""Which keypoints are joined by limbs, for bodies and hands whose points have a known order.

Sources: supervision 0.31.2, key_points/skeletons.py, `Skeleton.COCO` and `HAND`, with which a test compares; mediapipe
1.2.3, tasks/python/vision/pose_landmarker.py, `PoseLandmarksConnections`. (supervision's `GHUM` has elbow and finger,
14 and 18, in place of the left wrist and finger, 15 and 19.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

__all__ = ["Limbs", "limbs"]

Limbs = Sequence[tuple[int, int]]
"""Pairs of keypoints, each by its number from 0."""


def _joined(*chains: Sequence[int]) -> Limbs:
    return tuple(pair for chain in chains for pair in pairwise(chain))


COCO_BODY = _joined(
    (4, 2, 0, 1, 3), (1, 2), (9, 7, 5, 6, 8, 10), (5, 11, 13, 15), (6, 12, 14, 16), (11, 12)
)  # fmt: skip
MEDIAPIPE_BODY = _joined(
    (8, 6, 5, 4, 0, 1, 2, 3, 7), (9, 10), (11, 13, 15, 17), (15, 19, 17), (12, 14, 16, 18, 20, 16), (15, 21),
    (16, 22), (11, 12, 24, 23, 11), (23, 25, 27, 29, 31, 27), (24, 26, 28, 30, 32, 28),
)  # fmt: skip
HAND = _joined(
    (0, 1, 2, 3, 4), (0, 5, 9, 13, 17, 0), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20)
)  # fmt: skip

KNOWN: Mapping[tuple[str, int], Limbs] = {
    ("person", 17): COCO_BODY,
    ("person", 33): MEDIAPIPE_BODY,
    ("hand", 21): HAND,
    ("left", 21): HAND,
    ("right", 21): HAND,
}
"""Label and number of keypoints -> limbs. The number alone tells nothing: animals have 17 in another order."""


def limbs(label: str, count: int) -> Limbs:
    """The limbs of something with so many keypoints; () where their order is not known."""
    return KNOWN.get((label.lower(), count), ())
