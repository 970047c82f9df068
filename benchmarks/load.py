"""What a load costs over the runtime's own: ratios, in fresh processes, in turn.

usage: python benchmarks/load.py MODEL [...] [--rounds 7] [--threads 1]

Each round starts a process for each side, in another order each time: the bare runtime, which creates its session and
runs it once on zeros; `Detector.load` and a first frame with nothing kept of earlier loads; the same with what they
kept. numpy and OpenCV are imported before the clock starts, the runtime and edgerun after it. CPU time counts, since
other programs disturb it less; with one thread that is the time of an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from rich.console import Console
from rich.table import Table

START = """
import json, sys, time
import cv2, numpy as np
path, threads = sys.argv[1], int(sys.argv[2])
picture = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
clock = time.process_time
began = clock()
"""

BARE = {
    ".onnx": """
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
loaded = clock()
types = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
session.run(None, {i.name: np.zeros([s if isinstance(s, int) else 1 for s in i.shape], types[i.type])
                   for i in session.get_inputs()})
""",
    ".tflite": """
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(path, num_threads=threads)
interpreter.allocate_tensors()
loaded = clock()
for entry in interpreter.get_input_details():
    interpreter.set_tensor(entry["index"], np.zeros(entry["shape"], entry["dtype"]))
interpreter.invoke()
""",
    ".torchscript": """
import torch
torch.set_num_threads(threads)
program = torch.jit.load(path).eval()
loaded = clock()
""",
}
"""Suffix -> creation of the session, and one run where its input is known."""

OURS = """
from edgerun import Detector
detector = Detector.load(path, threads=threads)
loaded = clock()
detector(picture)
"""
END = "\nprint(json.dumps([loaded - began, clock() - began]))\n"


def seconds(code: str, model: str, threads: int, cache: str) -> tuple[float, float]:
    """Of the load, and of load and first run."""
    done = subprocess.run(
        [sys.executable, "-c", START + code + END, model, str(threads)],
        capture_output=True, text=True, check=True, env={**os.environ, "EDGERUN_CACHE": cache},
    )  # fmt: skip
    loaded, ran = json.loads(done.stdout.splitlines()[-1])
    return loaded, ran


def measure(model: str, rounds: int, threads: int) -> dict[str, list[tuple[float, float]]]:
    """Side -> seconds of the load and of load and first run, of each round."""
    suffix = os.path.splitext(model)[1]  # noqa: PTH122
    found: dict[str, list[tuple[float, float]]] = {"cold": [], "kept": []}
    if suffix in BARE:
        found["bare"] = []
    with tempfile.TemporaryDirectory() as kept:
        seconds(OURS, model, threads, kept)
        for number in range(rounds):
            sides = sorted(found, reverse=bool(number % 2))
            for side in sides:
                with tempfile.TemporaryDirectory() as empty:
                    code = BARE[suffix] if side == "bare" else OURS
                    found[side].append(seconds(code, model, threads, kept if side == "kept" else empty))
    return found


def main() -> None:
    """Measure each model and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    table = Table("model", "side", "load ms", "to first frame ms", "load / bare", "to first frame / bare")
    for model in options.models:
        found = measure(model, options.rounds, options.threads)
        for side, times in found.items():
            middle = [statistics.median(values) for values in zip(*times, strict=True)]
            ratios = ["-", "-"]
            if "bare" in found:
                pairs = zip(times, found["bare"], strict=True)
                parts = zip(*([ours / bare for ours, bare in zip(*pair, strict=True)] for pair in pairs), strict=True)
                ratios = [f"{statistics.median(values):.2f}" for values in parts]
            table.add_row(os.path.basename(model), side, *(f"{value * 1000:.0f}" for value in middle), *ratios)  # noqa: PTH119
    Console().print(table)


if __name__ == "__main__":
    main()
