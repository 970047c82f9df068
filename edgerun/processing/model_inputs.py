"""Which input of a model takes the picture, in which layout, and what the other inputs are fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.card import ModelCard
from edgerun.errors import ModelUnreadable
from edgerun.processing import quantization
from edgerun.tensors import AnyArray, Arrays, TensorSpec

__all__ = ["ImageInput", "auxiliary", "find", "thresholds"]


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The input that takes the picture.

    Attributes:
        spec: as the session gives it.
        channels_last: [.., h, w, c] rather than [.., c, h, w].
        channels: 1, 3, or None where the file leaves it open.
        height, width: pixels, or None where the file leaves them open.
        batch: pictures at a time; None where any number goes; 0 where there is no batch axis.
    """

    spec: TensorSpec
    channels_last: bool
    channels: int | None
    height: int | None
    width: int | None
    batch: int | None


def _reading(spec: TensorSpec) -> ImageInput | None:
    shape = spec.shape
    if len(shape) == 3:
        shape, batched = (0, *shape), False
    else:
        batched = True
    if len(shape) != 4 or np.dtype(spec.dtype).kind not in "fiu":
        return None
    batch, *rest = shape
    first, second, third = rest
    if first in (1, 3) and third not in (1, 3):
        channels_last = False
    elif third in (1, 3) and first not in (1, 3):
        channels_last = True
    elif first in (1, 3) and third in (1, 3):
        channels_last = False  # a picture of one or three columns is not a thing
    elif first is None and third is None:
        channels_last = False  # all sizes open: the exporters that do so put channels first
    else:
        return None
    if channels_last:
        return ImageInput(spec, True, third, first, second, batch if batched else 0)
    return ImageInput(spec, False, first, second, third, batch if batched else 0)


def find(inputs: Sequence[TensorSpec], name: str) -> ImageInput:
    """The one input that can take a picture.

    Args:
        inputs: of the session.
        name: of the model, for the message.

    Raises:
        ModelUnreadable: none can, or several could.
    """
    readings = [reading for spec in inputs if (reading := _reading(spec)) is not None]
    seen = "; ".join(map(str, inputs)) or "none"
    if not readings:
        raise ModelUnreadable(
            f"{name} has no input that takes a picture; its inputs are: {seen}.",
            hint="a detector takes [1, 3, height, width] or [1, height, width, 3]",
        )
    if len(readings) > 1:
        raise ModelUnreadable(
            f"{name} has several inputs that could take the picture: {seen}.",
            hint="export it with one picture as its input",
        )
    return readings[0]


def _by_convention(spec: TensorSpec, card: ModelCard) -> AnyArray | None:
    """Values of inputs that several exporters add, chosen such that boxes come out in model pixels."""
    height, width = card.height, card.width
    known: Mapping[str, AnyArray] = {
        "orig_target_sizes": np.array([[width, height]]),  # RT-DETR, D-FINE, DEIM: width first
        "orig_size": np.array([[width, height]]),
        "target_sizes": np.array([[height, width]]),  # transformers: height first
        "im_shape": np.array([[height, width]]),  # Paddle
        "scale_factor": np.array([[1.0, 1.0]]),  # Paddle
    }
    value = known.get(spec.name)
    if value is None and spec.name == "pixel_mask":
        value = np.ones((1, height, width))
    return value


THRESHOLDS = {"confidenceThreshold": "conf", "iouThreshold": "iou"}
"""Inputs of Core ML's own suppression -> what they are fed, anew for each call."""


def thresholds(inputs: Sequence[TensorSpec], conf: float, iou: float) -> Arrays:
    """What a suppression inside the model is fed for one call; {} for models without such inputs."""
    values = {"conf": conf, "iou": iou}
    return {
        spec.name: quantization.store(np.array([values[THRESHOLDS[spec.name]]]), spec)
        for spec in inputs
        if spec.name in THRESHOLDS
    }


def auxiliary(inputs: Sequence[TensorSpec], image: ImageInput, card: ModelCard, name: str) -> Arrays:
    """What the inputs beside the picture are fed, for a batch of one.

    Raises:
        ModelUnreadable: an input that nobody gives a value for.
    """
    feeds: Arrays = {}
    for spec in inputs:
        if spec.name == image.spec.name or spec.name in THRESHOLDS:
            continue
        if spec.name in card.inputs:
            value = np.asarray(card.inputs[spec.name])
        else:
            conventional = _by_convention(spec, card)
            if conventional is None:
                raise ModelUnreadable(
                    f"{name} wants an input {spec} besides the picture, and nothing says what.",
                    hint=f'give its value: inputs={{"{spec.name}": …}}, as argument or in the sidecar',
                )
            value = conventional
        feeds[spec.name] = quantization.store(value, spec)
    return feeds
