"""What suppression costs: ours, the same loop with np.prod for areas, and OpenCV's, interleaved in one process.

usage: python benchmarks/nms.py [--rounds 200]
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


def measure(count: int, rounds: int) -> tuple[int, float, float, float]:
    """Rows kept of so many candidates, and the median seconds of ours, of the np.prod loop and of OpenCV."""
    random = np.random.default_rng(0)
    corners = random.random((count, 2)) * 600
    boxes = np.concatenate((corners, corners + random.random((count, 2)) * 150 + 10), axis=1).astype(np.float32)
    scores, classes = random.random(count, np.float32), np.zeros(count, np.int32)
    sizes = np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), axis=1)  # OpenCV wants x y w h
    calls = (
        lambda: suppress(boxes, scores, classes, iou=0.5, max_det=count),
        lambda: with_prod(boxes, scores, 0.5),
        lambda: cv2.dnn.NMSBoxes(sizes.tolist(), scores.tolist(), 0.0, 0.5),
    )
    seconds: list[list[float]] = [[], [], []]
    for _ in range(rounds):
        for call, values in zip(calls, seconds, strict=True):
            started = time.perf_counter()
            call()
            values.append(time.perf_counter() - started)
    ours, prod, opencv = (statistics.median(values) for values in seconds)
    return len(calls[0]()), ours, prod, opencv


def main() -> None:
    """Measure three sizes and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    table = Table("candidates", "kept", "ours ms", "np.prod / ours", "OpenCV / ours")
    for count in (30, 300, 3000):
        kept, ours, prod, opencv = measure(count, rounds)
        table.add_row(str(count), str(kept), f"{ours * 1000:.3f}", f"{prod / ours:.2f}", f"{opencv / ours:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
