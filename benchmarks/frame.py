"""What a frame costs over the runtime's own call: ratios, interleaved in one process.

usage: python benchmarks/frame.py [MODEL ...] [--rounds 200] [--threads N]

Each round runs the bare session and the whole detector on the same picture, in turn, so that both see the same noise.
The bare call gets an input that is ready; the frame starts from a decoded picture of 1280 x 720.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from edgerun import Detector, replay
from edgerun.media.synthetic import picture


def measure(detector: Detector, rounds: int) -> tuple[list[float], list[float], dict[str, list[float]]]:
    """Seconds of the bare call and of the frame, and the frame's parts in milliseconds, one entry per round."""
    image = np.array(picture("textured", 720, 1280))
    feeds, session = detector.feed(image), detector.session
    bare, frame = [], []
    parts: dict[str, list[float]] = {"preprocess": [], "inference": [], "postprocess": []}
    for number in range(rounds + 5):
        started = time.perf_counter()
        session.run(feeds)
        ran = time.perf_counter()
        found = detector(image)
        done = time.perf_counter()
        if number >= 5:  # the first rounds warm the caches
            bare.append(ran - started)
            frame.append(done - ran)
            for name, values in parts.items():
                values.append(found.speed[name])
    return bare, frame, parts


def recording_of(detector: Detector, folder: Path) -> Detector:
    """The same detector on recorded outputs: what is left is the cost of the pipeline itself."""
    recorder = replay.Recorder(detector.session)
    recorder.run(detector.feed(np.array(picture("textured", 720, 1280))))
    path = folder / "recording.npz"
    recorder.save(path)
    card = detector.card
    return Detector.load(
        path, decoder=card.decoder, labels=card.labels or None, resize=card.resize, color=card.color,
        scale=card.scale, mean=card.mean, std=card.std, box_units=card.box_units, imgsz=(card.height, card.width),
    )  # fmt: skip


def main() -> None:
    """Measure each model and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["codes"])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    table = Table(
        "model", "runtime", "bare run ms", "frame / bare", "spread", "pre / bare", "post / bare", "pipeline ms"
    )
    for name in options.models:
        detector = Detector.load(name, threads=options.threads)
        bare, frame, parts = measure(detector, options.rounds)
        ratios = sorted(whole / alone for whole, alone in zip(frame, bare, strict=True))
        middle = statistics.median(bare)
        with tempfile.TemporaryDirectory() as folder:
            _, pipeline, _ = measure(recording_of(detector, Path(folder)), options.rounds)
        table.add_row(
            detector.path.name,
            repr(detector).split(" on ")[1].rstrip(">"),
            f"{middle * 1000:.2f}",
            f"{statistics.median(ratios):.3f}",
            f"{ratios[len(ratios) // 10]:.2f} – {ratios[-len(ratios) // 10]:.2f}",
            f"{statistics.median(parts['preprocess']) / 1000 / middle:.3f}",
            f"{statistics.median(parts['postprocess']) / 1000 / middle:.3f}",
            f"{statistics.median(pipeline) * 1000:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
