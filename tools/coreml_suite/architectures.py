"""Well-known architectures through coremltools and back: errors against torch, and time against torch's own export.

``python architectures.py convert FOLDER [NAME ...]`` writes the networks of networks.py that FOLDER lacks.
``python architectures.py compare FOLDER [NAME ...]`` prints tables in Markdown. The error is the largest difference
from torch. Times are of one thread, interleaved after a warm-up: the median over ROUNDS of the ratio within a round.
``python architectures.py first FILE`` prints the seconds from opening to the first result in a new process.
Needs the environment that README.md describes.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS = int(os.environ.get("ROUNDS", "30"))
WARM_UP = 5
COMPRESSED = ("resnet18", "mobilenet_v2", "efficientnet_b0")
VARIANTS = {
    "float16.mlpackage": "fp16 weights and program",
    "int8.mlpackage": "int8, linear, per channel",
    "palette.mlpackage": "palette of 6 bits",
    "network.mlmodel": "neuralnetwork",
}
LOADED = "densenet121"


def convert(name: str, folder: Path) -> None:
    """Write what torch computes, an ONNX export, an ML Program in fp32, and for some the compressed ones."""
    import coremltools as ct
    import torch
    from coremltools.optimize import coreml as optimize
    from networks import NETWORKS

    torch.manual_seed(0)
    network, shape = NETWORKS[name]()
    network.eval()
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.BatchNorm1d)):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    x = shape if isinstance(shape, torch.Tensor) else torch.randn(shape)
    with torch.no_grad():
        y = network(x)
        traced = torch.jit.trace(network, x, check_trace=False)
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(network, (x,), str(folder / "m.onnx"), dynamo=False, opset_version=17, input_names=["x"])

    def converted(**options: Any) -> Any:
        kind = {"dtype": np.int32} if x.dtype == torch.int32 else {}
        inputs = [ct.TensorType(name="x", shape=tuple(x.shape), **kind)]
        return ct.convert(traced, inputs=inputs, skip_model_load=True, **options)

    program = {"minimum_deployment_target": ct.target.iOS16}
    full = converted(compute_precision=ct.precision.FLOAT32, **program)
    full.save(str(folder / "float32.mlpackage"))
    if name in COMPRESSED:
        converted(compute_precision=ct.precision.FLOAT16, **program).save(str(folder / "float16.mlpackage"))
        converted(convert_to="neuralnetwork").save(str(folder / "network.mlmodel"))
        linear = optimize.OptimizationConfig(optimize.OpLinearQuantizerConfig(mode="linear_symmetric"))
        palette = optimize.OptimizationConfig(optimize.OpPalettizerConfig(mode="uniform", nbits=6))
        for label, small in (
            ("int8", optimize.linear_quantize_weights(full, linear)),
            ("palette", optimize.palettize_weights(full, palette)),
        ):
            small.save(str(folder / f"{label}.mlpackage"))
            optimize.decompress_weights(small).save(str(folder / f"{label}-decompressed.mlpackage"))
    np.savez(folder / "io.npz", x=x.numpy(), y=y.numpy())


def translated(path: Path) -> Callable[[Any], Any]:
    """From input to output through the translator."""
    from edgerun_coreml.predict import load

    model = load(path, threads=1)
    (output,) = (feature.name for feature in model.interface.outputs)
    return lambda x: model.compute({"x": x})[output]


def direct(path: Path) -> Callable[[Any], Any]:
    """From input to output through torch's own export."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def opened(path: Path) -> Callable[[Any], Any]:
    """By the kind of file."""
    return direct(path) if path.suffix == ".onnx" else translated(path)


def times(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[float, float, float, float]:
    """Median milliseconds of the first; median, lower and upper quartile of the ratio of first to second."""
    spent = np.zeros((2, WARM_UP + ROUNDS))
    for turn in range(WARM_UP + ROUNDS):
        for place in (0, 1) if turn % 2 else (1, 0):
            started = time.perf_counter()
            (first, second)[place]()
            spent[place, turn] = time.perf_counter() - started
    spent = spent[:, WARM_UP:]
    ratios = spent[0] / spent[1]
    return float(np.median(spent[0]) * 1e3), *map(float, np.percentile(ratios, (50, 25, 75)))


def timing(first: Callable[[Any], Any], second: Callable[[Any], Any], x: Any) -> str:
    """The last columns of a row."""
    if not ROUNDS:
        return "- | - | - |"
    ms, ratio, low, high = times(lambda: first(x), lambda: second(x))
    return f"{ms:.2f} | {ratio:.3f} | {low:.3f} to {high:.3f} |"


def largest(a: Any, b: Any) -> str:
    """The largest difference."""
    return f"{np.abs(np.asarray(a, np.float64).reshape(b.shape) - b).max():.2e}"


def compare(folder: Path, names: list[str]) -> None:
    """Print the tables."""
    print(f"load average before: {os.getloadavg()[0]:.2f}; rounds: {ROUNDS} after {WARM_UP}\n")
    print("| network | largest output | error | error of torch's ONNX export | ms | ratio to export | quartiles |")
    print("|---|---|---|---|---|---|---|")
    stored = {name: np.load(folder / name / "io.npz") for name in names}
    for name in names:
        x, y = stored[name]["x"], stored[name]["y"]
        ours, export = opened(folder / name / "float32.mlpackage"), opened(folder / name / "m.onnx")
        errors = f"{largest(ours(x), y)} | {largest(export(x), y)}"
        print(f"| {name} | {np.abs(y).max():.3g} | {errors} | {timing(ours, export, x)}", flush=True)
    print(
        "\n| network | variant | error | from the one decompressed by coremltools | ms | ratio to export | quartiles |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in filter(COMPRESSED.__contains__, names):
        x, y = stored[name]["x"], stored[name]["y"]
        export = opened(folder / name / "m.onnx")
        for file, label in VARIANTS.items():
            ours = opened(folder / name / file)
            plain = folder / name / file.replace(".", "-decompressed.")
            other = largest(ours(x), opened(plain)(x)) if plain.exists() else "-"
            print(f"| {name} | {label} | {largest(ours(x), y)} | {other} | {timing(ours, export, x)}", flush=True)
    if LOADED in names and ROUNDS:
        files = [folder / LOADED / name for name in ("float32.mlpackage", "m.onnx")]
        spent = [[first_in_a_new_process(file) for file in files] for _ in range(7)]
        ours, export = np.median(spent, 0)
        size = sum(part.stat().st_size for part in files[0].rglob("*") if part.is_file())
        print(f"\n{LOADED}, {size / 1e6:.0f} MB, from opening to the first output: {ours:.2f} s; export {export:.2f} s")
    print(f"\nload average after: {os.getloadavg()[0]:.2f}")


def first_in_a_new_process(path: Path) -> float:
    """Seconds, measured there after the imports."""
    command = [sys.executable, __file__, "first", str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def first(path: Path) -> None:
    """Print the seconds from opening to the first result."""
    importlib.import_module("onnxruntime")
    importlib.import_module("edgerun_coreml.predict")
    x = np.load(path.parent / "io.npz")["x"]
    started = time.perf_counter()
    opened(path)(x)
    print(time.perf_counter() - started)


def main() -> None:
    """See above."""
    command, place = sys.argv[1], Path(sys.argv[2])
    if command == "first":
        first(place)
        return
    from networks import NETWORKS

    names = sys.argv[3:] or list(NETWORKS)
    if command == "compare":
        compare(place, names)
        return
    for name in names:
        if not (place / name / "io.npz").exists():
            started = time.perf_counter()
            convert(name, place / name)
            print(f"{name}: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
