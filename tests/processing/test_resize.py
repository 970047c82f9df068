from __future__ import annotations

import platform

import cv2
import numpy as np
import pytest

from edgerun.processing import resize
from edgerun.processing.resize import X86, bilinear, in_integers

ON_X86 = platform.machine().lower() in X86


def grey(*rows):
    return np.repeat(np.array(rows, np.uint8)[..., None], 3, axis=2)


@pytest.mark.skipif(not ON_X86, reason="OpenCV has kernels of its own on this machine")
@pytest.mark.parametrize("kind", ["any size", "half", "a whole factor in width", "strips"])
def test_integers_are_what_opencv_gives_on_x86_64(kind):
    """OpenCV 5.0.0.93, INTER_LINEAR; 60 random pictures each."""
    random = np.random.default_rng(5)
    for _ in range(60):
        height, width, tall, wide = (int(side) for side in random.integers(1, 260, 4))
        if kind == "half":
            tall, wide = 2 * height, 2 * width
        if kind == "a whole factor in width":
            wide = width * int(random.integers(1, 5))
        if kind == "strips":
            tall, width = int(random.integers(1, 4)), int(random.integers(1, 4))
        image = random.integers(0, 256, (tall, wide, 3), dtype=np.uint8)
        np.testing.assert_array_equal(in_integers(image, height, width), cv2.resize(image, (width, height)))


@pytest.mark.parametrize(
    ("image", "size", "expected"),
    [
        (grey([1, 2], [3, 4]), (1, 1), [[3]]),  # 2.5, half up; ARM's kernel says 2
        (grey([0, 100]), (1, 4), [[0, 25, 75, 100]]),
        (grey([0, 30, 60, 90, 120, 150]), (1, 2), [[30, 120]]),  # every third pixel
        (grey([0], [100]), (4, 1), [[0], [25], [75], [100]]),
    ],
)
def test_bytes_are_those_of_the_arithmetic(image, size, expected):
    assert in_integers(image, *size)[..., 0].tolist() == expected
    assert bilinear(image, *size)[..., 0].tolist() == expected


@pytest.mark.parametrize("machine", ["aarch64", "arm64", "armv7l", "riscv64"])
def test_other_machines_compute_in_integers(machine, monkeypatch):
    monkeypatch.setattr(resize.platform, "machine", lambda: machine)
    monkeypatch.setattr(resize.cv2, "resize", None)
    assert bilinear(grey([1, 2], [3, 4]), 1, 1).tolist() == [[[3, 3, 3]]]


def test_a_part_of_an_image_is_resized_as_it_stands():
    image = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    part = image[3:33, 7:51]
    np.testing.assert_array_equal(in_integers(part, 20, 20), in_integers(part.copy(), 20, 20))
