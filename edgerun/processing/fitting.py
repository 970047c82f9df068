"""The size that an image is resized to before it goes into a model's input."""

from __future__ import annotations

from typing import NamedTuple

from edgerun.card import ModelCard, Resize, Rounding

__all__ = ["Fitting", "Size"]

Size = tuple[int, int]
"""Height and width, pixels."""

HALF_A_MILLIONTH = 5e-7
"""Pixels; what a division such as 192 / (192 / 220) may lack of a whole number."""


class Fitting(NamedTuple):
    """How an image of another shape is fitted: see the fields of the card.

    Two sides by `shorter_side` and `longer_side` are rounded as transformers 5.23 rounds them (image_transforms.py,
    get_size_with_aspect_ratio; its YOLOS for multiples), the longer side of a crop as torchvision 0.28 does
    (transforms/functional.py, _compute_resized_output_size): both cut off what is behind the point.
    """

    resize: Resize = "letterbox"
    crop: float = 1.0
    shorter_side: int = 0
    longer_side: int = 0
    side_multiple: int = 1
    side_rounding: Rounding = "down"

    @staticmethod
    def of(card: ModelCard) -> Fitting:
        """What a card says of it."""
        return Fitting(
            card.resize, card.crop, card.shorter_side, card.longer_side, card.side_multiple, card.side_rounding
        )

    def fitted(self, image: Size, canvas: Size) -> Size:
        """The size of a resized image that goes into an input of the size `canvas`; larger than it where it is cut."""
        if self.resize == "stretch":
            return self._before_crop(canvas)
        if self.resize == "center-crop":
            return _covering(image, self._before_crop(canvas))
        if not self.shorter_side:
            longest = self.longer_side or max(canvas)
            return _inside(image, (min(longest, canvas[0]), min(longest, canvas[1])))
        fitted = self._by_sides(image)
        goes_in = fitted[0] <= canvas[0] and fitted[1] <= canvas[1]
        return fitted if goes_in else _inside(image, canvas)

    def open_size(self, image: Size, most: Size) -> Size:
        """The size of an input that ends where the resized image ends.

        Args:
            image: of the image.
            most: what it must lie in where the card gives no sides. Cut off after the point, as transformers does
                (image_utils.py, get_image_size_for_max_height_width).
        """
        if self.shorter_side:
            return self._by_sides(image)
        ratio = min(most[0] / image[0], most[1] / image[1])
        return self._in_multiples((int(image[0] * ratio), int(image[1] * ratio)))

    def _before_crop(self, canvas: Size) -> Size:
        """The size of which `crop` is the canvas."""
        if self.crop == 1:
            return canvas
        height, width = canvas
        return int(height / self.crop + HALF_A_MILLIONTH), int(width / self.crop + HALF_A_MILLIONTH)

    def _by_sides(self, image: Size) -> Size:
        """The shorter side as it is given, or less where the longer one would be too long."""
        height, width = image
        exact = float(self.shorter_side)
        if self.longer_side and max(image) / min(image) * exact > self.longer_side:
            exact = self.longer_side * min(image) / max(image)
        shorter = round(exact)
        if min(image) == shorter:
            return self._in_multiples(image)
        if width < height:
            return self._in_multiples((int(exact * height / width), shorter))
        return self._in_multiples((shorter, int(exact * width / height)))

    def _in_multiples(self, size: Size) -> Size:
        return self._in_multiple(size[0]), self._in_multiple(size[1])

    def _in_multiple(self, side: int) -> int:
        multiple = self.side_multiple
        rest = side % multiple
        if rest and self.side_rounding == "up":
            return side - rest + multiple
        return max(multiple, side - rest)


def _inside(image: Size, canvas: Size) -> Size:
    """The largest size of the image's aspect that lies in the canvas, at least a pixel, rounded."""
    ratio = min(canvas[0] / image[0], canvas[1] / image[1])
    return max(1, round(image[0] * ratio)), max(1, round(image[1] * ratio))


def _covering(image: Size, canvas: Size) -> Size:
    """The smallest size of the image's aspect that covers the canvas; the side that is longer is cut off."""
    (height, width), (least_height, least_width) = image, canvas
    if least_height * width >= least_width * height:
        return least_height, max(least_width, int(least_height * width / height))
    return max(least_height, int(least_width * height / width)), least_width
