"""From an image to a model's input, and from the model's pixels back to the image's."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from edgerun import boxes as box_arithmetic
from edgerun.card import Color, ModelCard, Resize
from edgerun.media.images import Image
from edgerun.processing import quantization
from edgerun.processing.fitting import Fitting
from edgerun.processing.model_inputs import ImageInput
from edgerun.tensors import AnyArray, FloatArray, TensorSpec

__all__ = ["CUT", "Geometry", "Plan"]

CUT = ("center-crop", "stretch")
"""Fits after which an image may be larger than the input, which then takes its middle."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where an image lies in the model's input: model = image * scale + offset, per axis.

    Attributes:
        scale_x, scale_y: model pixels per image pixel.
        left, top: model pixels; where the image's corner lies, negative where it is cut.
        image_height, image_width: pixels of the image.
    """

    scale_x: float
    scale_y: float
    left: float
    top: float
    image_height: int
    image_width: int

    @staticmethod
    def fit(
        image_height: int, image_width: int, height: int, width: int, fitting: Fitting | Resize = "letterbox"
    ) -> Geometry:
        """The place of an image of one size in an input of another.

        Letterbox keeps the aspect and rounds the image's size to whole pixels; the centred one gives an odd
        pixel of border to the right and the bottom, as Ultralytics does.
        """
        if not isinstance(fitting, Fitting):
            fitting = Fitting(fitting)
        fitted_height, fitted_width = fitting.fitted((image_height, image_width), (height, width))
        left = top = 0
        if fitting.resize == "letterbox":
            left, top = round((width - fitted_width) / 2 - 0.1), round((height - fitted_height) / 2 - 0.1)
        elif fitting.resize in CUT:
            left, top = -((fitted_width - width) // 2), -((fitted_height - height) // 2)
        return Geometry(
            fitted_width / image_width, fitted_height / image_height, float(left), float(top), image_height, image_width
        )

    @property
    def fitted(self) -> tuple[int, int]:
        """Height and width of the resized image, model pixels."""
        return round(self.image_height * self.scale_y), round(self.image_width * self.scale_x)

    def to_image(self, boxes: AnyArray) -> FloatArray:
        """Model pixels to image pixels, clipped, float32 [N, 4], x1 y1 x2 y2."""
        moved = self.points_to_image(boxes.reshape(-1, 2)).reshape(-1, 4)
        return box_arithmetic.clip(moved, self.image_height, self.image_width)

    def points_to_image(self, points: AnyArray) -> FloatArray:
        """Model pixels to image pixels, not clipped. float32 [N, 2], x y."""
        offset = np.array([self.left, self.top])
        scale = np.array([self.scale_x, self.scale_y])
        return np.asarray((points - offset) / scale, np.float32)

    def keypoints_to_image(self, keypoints: AnyArray) -> FloatArray:
        """Model pixels to image pixels, not clipped. float32 [N, K, 3], x y and visibility, which stays."""
        rows, count, _ = keypoints.shape
        places = self.points_to_image(keypoints[..., :2].reshape(-1, 2)).reshape(rows, count, 2)
        return np.concatenate((places, keypoints[..., 2:]), axis=2)

    def rotated_to_image(self, rotated: AnyArray) -> FloatArray:
        """Oriented boxes in model pixels to image pixels, not clipped. float32 [N, 5].

        Where x and y are scaled differently (stretch), sides are scaled along their own directions; a box that is not
        parallel to the image then is a parallelogram in truth, and this is the box of the same centre and axes.
        """
        moved = np.array(rotated, np.float32)
        moved[:, :2] = self.points_to_image(rotated[:, :2])
        for side, angle in ((2, rotated[:, 4]), (3, rotated[:, 4] + np.pi / 2)):
            moved[:, side] = rotated[:, side] * np.hypot(np.cos(angle) / self.scale_x, np.sin(angle) / self.scale_y)
        moved[:, 4] = np.arctan2(np.sin(rotated[:, 4]) / self.scale_y, np.cos(rotated[:, 4]) / self.scale_x)
        return moved

    def to_model(self, boxes: AnyArray) -> AnyArray:
        """Image pixels to model pixels. float64 [N, 4], x1 y1 x2 y2."""
        scale = np.array([self.scale_x, self.scale_y] * 2)
        moved: AnyArray = boxes * scale + np.array([self.left, self.top] * 2)
        return moved


@dataclass(frozen=True)
class Plan:
    """How every image becomes the model's input. Made once, applied to each frame.

    Attributes:
        height, width: pixels of the model's input.
        channels_last: [1, h, w, c] rather than [1, c, h, w].
        spec: dtype and quantisation of the input.
        resize, fill, color, scale, mean, std: as in the card.
        fitting: the whole fit; None where `resize` says it all.
    """

    height: int
    width: int
    channels_last: bool
    spec: TensorSpec
    resize: Resize
    fill: tuple[int, ...]
    color: Color
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fitting: Fitting | None = None
    _tables: AnyArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tables", self._make_tables())

    @staticmethod
    def of(card: ModelCard, image: ImageInput) -> Plan:
        """How a model with this card and this input is fed."""
        return Plan(
            height=card.height,
            width=card.width,
            channels_last=image.channels_last,
            spec=image.spec,
            resize=card.resize,
            fill=card.fill,
            color=card.color,
            scale=card.scale,
            mean=card.mean,
            std=card.std,
            fitting=Fitting.of(card),
        )

    @cached_property
    def channels(self) -> int:
        """1 for grey models, else 3."""
        return 1 if self.color == "gray" else 3

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Of one image in the input, without the batch axis."""
        if self.channels_last:
            return self.height, self.width, self.channels
        return self.channels, self.height, self.width

    def _make_tables(self) -> AnyArray:
        """What each of the 256 pixel values becomes: stored dtype [channels, 256].

        An 8-bit image has 256 values, so scaling, normalising and quantising are one exact table, made once.
        """
        channels = 1 if self.color == "gray" else 3
        mean, std = np.array(self.mean[:channels])[:, None], np.array(self.std[:channels])[:, None]
        real = (np.arange(256)[None] * self.scale - mean) / std
        return quantization.store(real, self.spec)

    def new_input(self, batch: int = 1) -> AnyArray:
        """An input of zeros for so many images, stored dtype."""
        return np.zeros((batch, *self.shape), self.spec.dtype)

    def apply(self, image: Image, out: AnyArray, *, border: bool = True) -> Geometry:
        """Write an image into its place of the input.

        Args:
            image: uint8 [H, W, 3], blue-green-red.
            out: stored dtype, [c, h, w] or [h, w, c]; every element is overwritten.
            border: False where `out` holds the border of an image of this very size already.
        """
        fitting = self.fitting or Fitting(self.resize)
        geometry = Geometry.fit(image.shape[0], image.shape[1], self.height, self.width, fitting)
        fitted_height, fitted_width = geometry.fitted
        if (fitted_height, fitted_width) != image.shape[:2]:
            image = np.asarray(cv2.resize(image, (fitted_width, fitted_height)), np.uint8)
        left, top = int(geometry.left), int(geometry.top)
        if self.resize in CUT:
            image = np.ascontiguousarray(image[-top : self.height - top, -left : self.width - left])
            left = top = 0
        bottom, right = top + image.shape[0], left + image.shape[1]
        canvas = out if self.channels_last else out.transpose(1, 2, 0)
        if border and (bottom - top < self.height or right - left < self.width):
            value = self._tables[np.arange(self.channels), self.fill[: self.channels]]
            canvas[:top], canvas[bottom:] = value, value
            canvas[top:bottom, :left], canvas[top:bottom, right:] = value, value
        if self.channels_last:
            self._write_pixels(image, out[top:bottom, left:right])
        else:
            self._write_planes(image, out[:, top:bottom, left:right])
        return geometry

    def _write_planes(self, image: Image, target: AnyArray) -> None:
        planes = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)] if self.color == "gray" else list(cv2.split(image))
        if self.color == "rgb":
            planes.reverse()
        for plane, table, place in zip(planes, self._tables, target, strict=True):
            if self._gain is not None:  # two thirds of the time of a look-up
                np.multiply(plane, self._gain, out=place, casting="unsafe")
            else:
                cv2.LUT(plane, table.view(self._same_width), dst=place.view(self._same_width))

    def _write_pixels(self, image: Image, target: AnyArray) -> None:
        if self.color == "gray":
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)[..., None]
        elif self.color == "rgb":
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
        if self._gain is not None:
            np.multiply(image, self._gain, out=target, casting="unsafe")
        else:
            table = np.ascontiguousarray(self._tables.T[None]).view(self._same_width)
            cv2.LUT(image, table, dst=target.view(self._same_width))

    @cached_property
    def _gain(self) -> np.float32 | None:
        """The one factor, where a float32 pixel needs nothing else."""
        plain = self.spec.dtype == "float32" and self.spec.quantization is None and not any(self.mean[: self.channels])
        return np.float32(self.scale / self.std[0]) if plain and len(set(self.std[: self.channels])) == 1 else None

    @cached_property
    def _same_width(self) -> np.dtype[Any]:
        """A type of the stored width that OpenCV's look-up knows; it only moves the bits."""
        widths: dict[int, Any] = {1: np.uint8, 2: np.int16, 4: np.float32, 8: np.float64}
        width: np.dtype[Any] = np.dtype(widths[np.dtype(self.spec.dtype).itemsize])
        return width
