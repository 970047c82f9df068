"""Bilinear resizing of images, with the same bytes on every machine.

OpenCV's INTER_LINEAR rounds as its kernels for the processor do: in 5.0.0 up to a third of the bytes differ by one
level between x86-64 and ARM (Carotene, KleidiCV), also at exactly half the size, and 8-bit detectors turn that into
boxes that are tens of pixels apart. INTER_LINEAR_EXACT is equal everywhere, but its bytes are those of no machine's
INTER_LINEAR, with which models are trained and tested: with it, 7 of 8 real models, float and 8-bit, moved a box or
lost a weak one against the results of their own authors' scripts. So the arithmetic of x86-64 is what counts: there
OpenCV computes it and nothing is paid; elsewhere `in_integers` does, for 3 to 12 ms a frame (benchmarks/resize.py).
"""

from __future__ import annotations

import platform

import cv2
import numpy as np
from numpy.typing import NDArray

from edgerun.media.images import Image

__all__ = ["bilinear", "in_integers"]

X86 = frozenset(("x86_64", "amd64", "i386", "i686", "x86"))
"""What `platform.machine` calls the processors whose OpenCV computes what `in_integers` does, in lower case."""

Integers = NDArray[np.int32]

ROWS = 32
"""Rows of the result that are made at a time, so that all of it stays in the processor's cache."""

WEIGHT_BITS = 11
"""Of a weight, as OpenCV's INTER_RESIZE_COEF_BITS."""


def bilinear(image: Image, height: int, width: int) -> Image:
    """An image in another size, uint8 [height, width, 3]."""
    if platform.machine().lower() in X86:
        return np.asarray(cv2.resize(image, (width, height)), np.uint8)
    return in_integers(image, height, width)


def in_integers(image: Image, height: int, width: int) -> Image:
    """The same bytes as OpenCV's INTER_LINEAR on x86-64, from whole numbers alone.

    Weights have 11 bits; the sum of two columns loses 4, each row's part 16 and the sum of two rows, rounded half up,
    the last 2. Half the size on both axes is the mean of four pixels, rounded half up.
    Source: OpenCV 5.0.0 (Apache-2.0), modules/imgproc/src/resize.cpp, as observed; a test compares the two.
    """
    if image.shape[:2] == (2 * height, 2 * width):
        return _halved(image)
    channels = image.shape[2]
    left, right, left_weight, right_weight = _columns(image.shape[1], width)
    left_weight, right_weight = np.repeat(left_weight, channels), np.repeat(right_weight, channels)
    upper, lower, upper_weight, lower_weight = _rows(image.shape[0], height)
    result = np.empty((height, width * channels), np.uint8)
    for start in range(0, height, ROWS):
        part = slice(start, start + ROWS)
        rows, places = np.unique(np.concatenate((upper[part], lower[part])), return_inverse=True)
        above, below = np.split(places, 2)
        band = image.take(rows, axis=0)
        crossed = band.take(left, axis=1).reshape(len(rows), -1) * left_weight
        crossed += band.take(right, axis=1).reshape(len(rows), -1) * right_weight
        crossed >>= 4
        total = (crossed.take(above, axis=0) * upper_weight[part, None]) >> 16
        total += (crossed.take(below, axis=0) * lower_weight[part, None]) >> 16
        total += 2
        total >>= 2
        result[part] = total
    return result.reshape(height, width, channels)


def _halved(image: Image) -> Image:
    wide = image.astype(np.uint16)
    pairs = wide[::2] + wide[1::2]
    mean = (pairs[:, ::2] + pairs[:, 1::2] + 2) >> 2
    return np.asarray(mean, np.uint8)


def _columns(source: int, target: int) -> tuple[Integers, Integers, Integers, Integers]:
    """Left and right column of each pixel and their weights, int32 [target] each; at the edges one column has all."""
    place, beyond = _places(source, target)
    beyond[(place < 0) | (place >= source - 1)] = 0
    return _weighted(place, beyond, source)


def _rows(source: int, target: int) -> tuple[Integers, Integers, Integers, Integers]:
    """Upper and lower row of each pixel and their weights, int32 [target] each; edges count twice."""
    return _weighted(*_places(source, target), source)


def _places(source: int, target: int) -> tuple[Integers, NDArray[np.float32]]:
    """The pixel before each centre and how far the centre lies beyond it, 0..1."""
    step = 1.0 / (target / source)
    centres = ((np.arange(target) + 0.5) * step - 0.5).astype(np.float32)
    before = np.floor(centres)
    return before.astype(np.int32), centres - before


def _weighted(
    place: Integers, beyond: NDArray[np.float32], source: int
) -> tuple[Integers, Integers, Integers, Integers]:
    unit = np.float32(1 << WEIGHT_BITS)
    near = np.rint((np.float32(1) - beyond) * unit).astype(np.int32)
    far = np.rint(beyond * unit).astype(np.int32)
    last = source - 1
    return np.clip(place, 0, last), np.clip(place + 1, 0, last), near, far
