"""Which input of a model takes the image, in which layout, and what the other inputs are fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgerun.card import ModelCard
from edgerun.errors import ModelUnreadable
from edgerun.processing import quantization
from edgerun.tensors import AnyArray, Arrays, TensorSpec

__all__ = ["ImageInput", "auxiliary", "find", "thresholds"]


CHANNELS = (1, 3)
"""How many an image may have."""


class ImageInput(NamedTuple):
    """The input that takes the image.

    Attributes:
        spec: as the session gives it.
        channels_last: [.., h, w, c] rather than [.., c, h, w].
        channels: 1, 3, or None where the file leaves it open.
        height, width: pixels, or None where the file leaves them open.
        batch: images at a time; None where any number goes; 0 where there is no batch axis.
    """

    spec: TensorSpec
    channels_last: bool
    channels: int | None
    height: int | None
    width: int | None
    batch: int | None


def _hypothesis(spec: TensorSpec) -> ImageInput | None:
    """How an input would take an image; None where it cannot."""
    if np.dtype(spec.dtype).kind not in "fiu" or len(spec.shape) not in (3, 4):
        return None
    *batches, first, second, third = spec.shape
    batch = batches[0] if batches else 0
    channels_last = _is_channels_last(first, third)
    if channels_last is None:
        return None
    if channels_last:
        return ImageInput(spec, True, third, first, second, batch)
    return ImageInput(spec, False, first, second, third, batch)


def _is_channels_last(first: int | None, third: int | None) -> bool | None:
    """Where the channels are, by the sizes of the first and the last axis; None where neither can be channels."""
    if first in CHANNELS:  # also where both are: an image of one or three columns is unheard of
        return False
    if third in CHANNELS:
        return True
    if first is None and third is None:  # all sizes open: the exporters that do so put channels first
        return False
    return None


def find(inputs: Sequence[TensorSpec], name: str) -> ImageInput:
    """The one input that can take an image.

    Args:
        inputs: of the session.
        name: of the model, for the message.

    Raises:
        ModelUnreadable: none can, or several could.
    """
    found = list(filter(None, map(_hypothesis, inputs)))
    seen = "; ".join(map(str, inputs)) or "none"
    if not found:
        raise ModelUnreadable(
            f"{name} has no input that takes an image; its inputs are: {seen}.",
            hint="a detector takes [1, 3, height, width] or [1, height, width, 3]",
        )
    if len(found) > 1:
        raise ModelUnreadable(
            f"{name} has several inputs that could take the image: {seen}.",
            hint="export it with one image as its input",
        )
    return found[0]


def _by_convention(spec: TensorSpec, card: ModelCard) -> AnyArray | None:
    """Values of inputs that several exporters add, chosen such that boxes come out in model pixels."""
    height, width = card.height, card.width
    known: Mapping[str, AnyArray] = {
        "orig_target_sizes": np.array([[width, height]]),  # RT-DETR, D-FINE, DEIM: width first
        "orig_size": np.array([[width, height]]),
        "target_sizes": np.array([[height, width]]),  # transformers: height first
        "im_shape": np.array([[height, width]]),  # Paddle
        "scale_factor": np.array([[1.0, 1.0]]),  # Paddle
        "image_shape": np.array([[height, width]]),  # keras-yolo3 and the ONNX model zoo: height first
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
    """What the inputs beside the image are fed, for a batch of one.

    Raises:
        ModelUnreadable: an input that nothing gives a value for.
    """
    feeds: Arrays = {}
    for spec in inputs:
        if spec.name != image.spec.name and spec.name not in THRESHOLDS:
            feeds[spec.name] = quantization.store(_value_of(spec, card, name), spec)
    return feeds


def _value_of(spec: TensorSpec, card: ModelCard, model: str) -> AnyArray:
    """What is said of an input, else what is usual for its name."""
    if spec.name in card.inputs:
        return np.asarray(card.inputs[spec.name])
    usual = _by_convention(spec, card)
    if usual is None:
        raise ModelUnreadable(
            f"{model} wants an input {spec} besides the image, and nothing says what.",
            hint=f'give its value: inputs={{"{spec.name}": …}}, as argument or in the sidecar',
        )
    return usual
