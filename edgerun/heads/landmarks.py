"""Points of an object that a head gives beside its box, without saying which of them are visible."""

from __future__ import annotations

import numpy as np

from edgerun.tensors import AnyArray, FloatArray

__all__ = ["around", "visible"]


def visible(points: AnyArray) -> FloatArray:
    """Points [N, K, 2] as keypoints, float32 [N, K, 3]: x y and visibility 1."""
    return np.concatenate((points, np.ones_like(points[..., :1])), axis=2).astype(np.float32, copy=False)


def around(offsets: AnyArray, points: AnyArray, sizes: AnyArray) -> FloatArray:
    """Keypoints, float32 [N, K, 3], from their offsets from a point of each row.

    Args:
        offsets: [N, 2 · K], x y x y ….
        points: [N, 2], x y.
        sizes: what offsets are measured in; broadcast to [N, 1].
    """
    pairs = offsets.reshape(len(offsets), offsets.shape[1] // 2, 2)
    return visible(pairs * sizes[..., None] + points[:, None])
