"""The order of channels where an exporter writes down only whether it reverses them."""

from __future__ import annotations

from edgerun.contract import Alternative, Unsettled

__all__ = ["color_of"]

ORDERS = (
    Alternative({"color": "bgr"}, "as OpenCV reads images"),
    Alternative({"color": "rgb"}, "as the trainer has fed them"),
)


def color_of(mean: list[float], why: str) -> str | Unsettled:
    """The order of channels by that of ImageNet's means, which are largest for red; unsettled where they are equal.

    Args:
        mean: per channel, in the model's order.
        why: what is written, in half a sentence.
    """
    if mean[0] == mean[-1]:
        return Unsettled(why, ORDERS)
    return "rgb" if mean[0] > mean[-1] else "bgr"
