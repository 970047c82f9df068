"""What suppression costs: ours, OpenCV's and the loop with np.prod for areas, interleaved in one process.

usage: python benchmarks/nms.py [--rounds 200] [--most 30000]
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from edgerun.processing.nms import suppress

SIZES = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


def with_prod(boxes: np.ndarray, scores: np.ndarray, iou: float) -> list[int]:
    """Greedy suppression as it is commonly written."""
    left, kept = np.argsort(-scores, kind="stable"), []
    while len(left):
        best, rest = left[0], left[1:]
        kept.append(int(best))
        top = np.maximum(boxes[best, :2], boxes[rest, :2])
        low = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.clip(low - top, 0, None), axis=1)
        areas = np.prod(boxes[rest, 2:] - boxes[rest, :2], axis=1) + np.prod(boxes[best, 2:] - boxes[best, :2])
        left = rest[shared / (areas - shared) <= iou]
    return kept


def spread(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Boxes anywhere, most of which stay; one class."""
    corners = random.random((count, 2)) * 600
    boxes = np.concatenate((corners, corners + random.random((count, 2)) * 150 + 10), axis=1).astype(np.float32)
    return boxes, np.zeros(count, np.int32)


def small(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The same with boxes up to 40 pixels wide: nearly all stay."""
    corners = random.random((count, 2)) * 600
    boxes = np.concatenate((corners, corners + random.random((count, 2)) * 36 + 4), axis=1).astype(np.float32)
    return boxes, np.zeros(count, np.int32)


def crowded(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Thirty candidates for each object, as detectors give them; 80 classes."""
    objects = max(1, count // 30)
    owner = random.integers(0, objects, count)
    centres = (random.random((objects, 2)) * 640)[owner] + random.normal(0, 4, (count, 2))
    halves = (random.random((objects, 2)) * 85 + 15)[owner] * (random.random((count, 2)) * 0.2 + 0.9)
    boxes = np.concatenate((centres - halves, centres + halves), axis=1).astype(np.float32)
    return boxes, random.integers(0, 80, objects).astype(np.int32)[owner]


def opencv(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """OpenCV's suppression by class, with the conversion of its arguments."""
    rectangles = boxes.astype(np.float64)
    rectangles[:, 2:] -= rectangles[:, :2]
    return np.asarray(cv2.dnn.NMSBoxesBatched(rectangles, scores, classes, 0.0, 0.5))


def measure(boxes: np.ndarray, classes: np.ndarray, rounds: int) -> tuple[int, float, float, float]:
    """Rows kept, our median milliseconds, and how many times as long OpenCV and the np.prod loop of one class take."""
    scores = np.random.default_rng(1).random(len(boxes), np.float32)
    calls = (
        lambda: suppress(boxes, scores, classes, iou=0.5, max_det=len(boxes)),
        lambda: opencv(boxes, scores, classes),
        lambda: with_prod(boxes, scores, 0.5),
    )
    seconds: list[list[float]] = [[], [], []]
    for _ in range(max(3, rounds * 100 // (100 + len(boxes)))):
        for call, values in zip(calls, seconds, strict=True):
            started = time.perf_counter()
            call()
            values.append(time.perf_counter() - started)
    ours, theirs, prod = (statistics.median(values) for values in seconds)
    return len(calls[0]()), ours * 1000, theirs / ours, prod / ours


def main() -> None:
    """Measure every scene at every size and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--most", type=int, default=30_000, help="candidates")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    table = Table("scene", "candidates", "kept", "ours ms", "OpenCV / ours", "np.prod / ours")
    for scene in (spread, small, crowded):
        for count in (size for size in SIZES if size <= options.most):
            boxes, classes = scene(count, np.random.default_rng(0))
            kept, ours, theirs, prod = measure(boxes, classes, options.rounds)
            table.add_row(scene.__name__, str(count), str(kept), f"{ours:.3f}", f"{theirs:.2f}", f"{prod:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
