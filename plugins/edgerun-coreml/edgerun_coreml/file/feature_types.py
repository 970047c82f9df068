"""The features of a model, as frozen values: arrays, images, numbers, texts, dictionaries, sequences, states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Color = Literal["grayscale", "rgb", "bgr", "grayscale_float16"]


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Sizes from ``lower`` to ``upper``, both allowed; ``upper`` None means no bound."""

    lower: int
    upper: int | None

    def __contains__(self, size: object) -> bool:
        return isinstance(size, int) and self.lower <= size and (self.upper is None or size <= self.upper)


@dataclass(frozen=True, slots=True)
class ArrayType:
    """A multi-array. Fixed to ``shape`` unless ``shapes`` (enumerated) or ``ranges`` (one per axis) are
    given.
    """

    dtype: str
    """``float16``, ``float32``, ``float64``, ``int8`` or ``int32``."""
    shape: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...] = ()
    ranges: tuple[SizeRange, ...] = ()
    default: float | int | None = None
    """What fills the array when the optional input is left out; None: no default is given."""

    def allows(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape may be given; a description without a shape allows any."""
        if self.shapes:
            return shape in self.shapes or shape == self.shape
        if self.ranges:
            return len(shape) == len(self.ranges) and all(n in r for n, r in zip(shape, self.ranges, strict=True))
        return not self.shape or shape == self.shape


@dataclass(frozen=True, slots=True)
class ImageType:
    """An image, in pixels. Fixed to ``width`` x ``height`` unless ``sizes`` (width, height) or ranges are
    given.
    """

    width: int
    height: int
    color: Color
    sizes: tuple[tuple[int, int], ...] = ()
    width_range: SizeRange | None = None
    height_range: SizeRange | None = None

    def allows(self, width: int, height: int) -> bool:
        """Whether an image of this size in pixels may be given."""
        if self.sizes:
            return (width, height) in self.sizes or (width, height) == (self.width, self.height)
        if self.width_range is not None and self.height_range is not None:
            return width in self.width_range and height in self.height_range
        return (width, height) == (self.width, self.height)

    @property
    def channels(self) -> int:
        """3 for colours, 1 for shades of grey."""
        return 3 if self.color in ("rgb", "bgr") else 1


@dataclass(frozen=True, slots=True)
class ScalarType:
    """A single number or text."""

    kind: Literal["int64", "double", "string"]


@dataclass(frozen=True, slots=True)
class DictionaryType:
    """A dictionary to doubles, such as a classifier's probabilities."""

    key: Literal["int64", "string"]


@dataclass(frozen=True, slots=True)
class SequenceType:
    """A sequence of numbers or texts, of any length unless ``size`` is given."""

    element: Literal["int64", "string"]
    size: SizeRange | None = None


@dataclass(frozen=True, slots=True)
class StateType:
    """A buffer that lives from one prediction to the next."""

    array: ArrayType


FeatureType = ArrayType | ImageType | ScalarType | DictionaryType | SequenceType | StateType


@dataclass(frozen=True, slots=True)
class Feature:
    """An input or output of a model, or a state."""

    name: str
    type: FeatureType
    optional: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """The features of one function of a model, or of a model with one function."""

    inputs: tuple[Feature, ...] = ()
    outputs: tuple[Feature, ...] = ()
    states: tuple[Feature, ...] = ()
    predicted_feature: str = ""
    predicted_probabilities: str = ""
