"""What a feed that is equal on every machine costs off x86-64: resizing in integers over OpenCV's, interleaved.

usage: python benchmarks/resize.py [--rounds 200]

Both sides bring a decoded picture of 1280 x 720 into a float32 input, in one thread; the ratio is that of the whole
preprocessing, not of the resize alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from unittest import mock

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from edgerun.card import Resize
from edgerun.media.images import Image
from edgerun.media.synthetic import picture
from edgerun.processing import preprocess
from edgerun.processing.preprocess import Plan
from edgerun.processing.resize import in_integers
from edgerun.tensors import AnyArray, TensorSpec

CASES: tuple[tuple[int, Resize], ...] = (
    (640, "letterbox"),
    (640, "stretch"),
    (416, "letterbox"),
    (416, "stretch"),
    (320, "letterbox"),
    (320, "stretch"),
)


def plan_of(side: int, resize: Resize) -> Plan:
    """As YOLO models are fed."""
    spec = TensorSpec("images", (1, 3, side, side))
    zeros, ones = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return Plan(side, side, False, spec, resize, (114, 114, 114), "rgb", 1 / 255, zeros, ones)


def milliseconds(plan: Plan, image: Image, out: AnyArray) -> float:
    """Of one preprocessing, of this thread alone."""
    started = time.thread_time()
    plan.apply(image, out, border=False)
    return (time.thread_time() - started) * 1000


def main() -> None:
    """Measure each case and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    image = np.array(picture("textured", 720, 1280))
    table = Table("input", "resize", "OpenCV ms", "in integers ms", "integers / OpenCV", "spread")
    for side, resize in CASES:
        plan = plan_of(side, resize)
        out = plan.new_input()[0]
        exact_times, fast_times = [], []
        for _ in range(rounds):
            fast_times.append(milliseconds(plan, image, out))
            with mock.patch.object(preprocess, "bilinear", in_integers):
                exact_times.append(milliseconds(plan, image, out))
        ratios = sorted(exact / quick for exact, quick in zip(exact_times, fast_times, strict=True))
        table.add_row(
            str(side),
            resize,
            f"{statistics.median(fast_times):.3f}",
            f"{statistics.median(exact_times):.3f}",
            f"{statistics.median(ratios):.2f}",
            f"{ratios[len(ratios) // 10]:.2f} – {ratios[-len(ratios) // 10]:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
