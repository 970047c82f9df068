"""Which channel is blue, by the means of photos that a graph takes off its input."""

from __future__ import annotations

import numpy as np

from edgerun.graphs.preprocessing import InGraphPreprocessing
from edgerun.interpretation.claims import Claim, Standing
from edgerun.interpretation.graph_evidence import OTHER_ORDER
from edgerun.tensors import AnyArray

__all__ = ["color_claim"]


def color_claim(found: InGraphPreprocessing) -> Claim:
    """The order of channels of a graph that takes the mean of photos off; it holds where nothing is said."""
    behind = _order_of_means(found)
    if not behind:
        return Claim("the graph", {}, Standing.CONVENTION)
    color = OTHER_ORDER[behind] if found.channels_swapped else behind
    means = ", ".join(f"{value:.4g}" for value in _means(found))
    reason = f"inferred: the graph takes the means {means} off, which are those of {WORDS[behind]}"
    return Claim(reason, {"color": color}, Standing.CONVENTION)


def _means(found: InGraphPreprocessing) -> AnyArray:
    """What becomes 0, for each channel in the order in which they leave."""
    return np.asarray(-np.array(found.offset) / np.array(found.factor))


def _order_of_means(found: InGraphPreprocessing) -> str:
    """The order behind the preprocessing, "rgb" or "bgr"; "" where no means of photos are taken off."""
    means = np.atleast_1d(_means(found))
    if means.size != 3:
        return ""
    of_bytes = means if means.max() > 1 else means * 255
    orders = {"rgb": of_bytes, "bgr": of_bytes[::-1]}
    return next((order for order, read in orders.items() if _is_photos_mean(read)), "")


def _is_photos_mean(red_green_blue: AnyArray) -> bool:
    return any(np.allclose(red_green_blue, known, atol=MEAN_ERROR) for known in PHOTOS_MEANS)


PHOTOS_MEANS = ((123.675, 116.28, 103.53), (124.0, 117.0, 104.0), (119.85, 113.985, 104.04))
"""Means of red, green and blue in bytes: ImageNet's, 0.485, 0.456 and 0.406 of 255 (torchvision 0.28.0,
transforms/_presets.py); the same as Caffe has them (timm 1.0.31, data/constants.py, IMAGENET_DPN_MEAN); COCO's, as
CenterNet takes them (see `edgerun.decoders.centernet`).
"""

MEAN_ERROR = 1.0
"""Of a byte; half precision and rounding leave less, and the means of red and blue differ by 16."""

WORDS = {"rgb": "red, green and blue in this order", "bgr": "blue, green and red in this order"}
