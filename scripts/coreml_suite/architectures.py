"""Well-known architectures through coremltools and back: errors against torch, and time against torch's own export.

``python architectures.py convert FOLDER [NAME ...]`` writes the networks that FOLDER lacks, each in all variants.
``python architectures.py compare FOLDER [NAME ...]`` prints tables in Markdown. An error is the largest difference from
torch over the largest value, of the output where that is worst. Times are what one thread computed, as the system
accounts for it, interleaved after a warm-up: the median over ROUNDS of the ratio within a round.
``python architectures.py first FILE`` prints the seconds from opening to the first result, by the clock and computing.
Needs the environment that README.md describes.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[Any], list[Any]]

ROUNDS = int(os.environ.get("ROUNDS", "30"))
WARM_UP = 5
MOST_COMPRESSED = 15_000_000
"""Parameters of the largest network whose weights are compressed."""
PROGRAM = "float32.mlpackage"
VARIANTS = {
    "network.mlmodel": "neuralnetwork",
    "float16.mlpackage": "fp16",
    "int8.mlpackage": "int8",
    "palette.mlpackage": "palette",
}
LOADED = "densenet121"


def enlivened(network: Any, x: Any) -> None:
    """Give what starts at nothing something, and normalisations the statistics of noise, so that values stay of
    the size that training would give them.
    """
    import torch

    normalisations = [m for m in network.modules() if isinstance(m, (torch.nn.BatchNorm2d, torch.nn.BatchNorm1d))]
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.abs().max() < 1e-4:
                parameter.normal_(0, 0.05)
        if normalisations:
            for module in normalisations:
                module.reset_running_stats()
                module.momentum = None
            network.train()
            network(torch.randn(4, *x.shape[1:]))
    network.eval()


def convert(name: str, folder: Path) -> None:
    """Write what torch computes, an ONNX export, and what coremltools makes of it."""
    import coremltools as ct
    import torch
    from coremltools.optimize import coreml as optimize
    from networks import all_networks
    from published import sized

    torch.manual_seed(0)
    network, shape = all_networks()[name]()
    x = shape if isinstance(shape, torch.Tensor) else torch.randn(shape)
    enlivened(network, x)
    with torch.no_grad():
        sized(network, x)
        y = network(x)
        traced = torch.jit.trace(network, x, check_trace=False)
    outputs = [item.numpy() for item in (y if isinstance(y, tuple) else (y,))]
    size = sum(parameter.numel() for parameter in network.parameters())
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(network, (x,), str(folder / "m.onnx"), dynamo=False, opset_version=17, input_names=["x"])
    failures: dict[str, str] = {}

    def converted(**options: Any) -> Any:
        kind = {"dtype": np.int32} if x.dtype == torch.int32 else {}
        inputs = [ct.TensorType(name="x", shape=tuple(x.shape), **kind)]
        return ct.convert(traced, inputs=inputs, skip_model_load=True, **options)

    def written(file: str, make: Callable[[], Any]) -> Any:
        try:
            model = make()
            model.save(str(folder / file))
        except Exception as cause:
            failures[file] = f"{type(cause).__name__}: {cause}"[:300]
            return None
        return model

    program = {"minimum_deployment_target": ct.target.iOS16}
    full = written(PROGRAM, lambda: converted(compute_precision=ct.precision.FLOAT32, **program))
    written("network.mlmodel", lambda: converted(convert_to="neuralnetwork"))
    written("float16.mlpackage", lambda: converted(compute_precision=ct.precision.FLOAT16, **program))
    if full is not None and size <= MOST_COMPRESSED:
        linear = optimize.OptimizationConfig(optimize.OpLinearQuantizerConfig(mode="linear_symmetric"))
        palette = optimize.OptimizationConfig(optimize.OpPalettizerConfig(mode="uniform", nbits=6))
        small = {
            "int8": written("int8.mlpackage", lambda: optimize.linear_quantize_weights(full, linear)),
            "palette": written("palette.mlpackage", lambda: optimize.palettize_weights(full, palette)),
        }
        for label, model in small.items():
            if model is not None:
                optimize.decompress_weights(model).save(str(folder / f"{label}-decompressed.mlpackage"))
    (folder / "about.json").write_text(json.dumps({"parameters": size, "failures": failures}))
    np.savez(folder / "io.npz", x.numpy(), *outputs)


def translated(path: Path) -> Run:
    """From input to outputs through the translator."""
    from edgerun_coreml.running.predict import load

    model = load(path, threads=1)
    outputs = [feature.name for feature in model.interface.outputs]

    def run(x: Any) -> list[Any]:
        found = model.compute({"x": x})
        return [found[name] for name in outputs]

    return run


def direct(path: Path) -> Run:
    """From input to outputs through torch's own export."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda x: list(session.run(None, {"x": x}))


def opened(path: Path) -> Run:
    """By the kind of file."""
    return direct(path) if path.suffix == ".onnx" else translated(path)


def stored(folder: Path) -> tuple[Any, list[Any]]:
    """Input and outputs of torch."""
    x, *outputs = np.load(folder / "io.npz").values()
    return x, outputs


def times(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[float, float, float, float]:
    """Median milliseconds of the first; median, lower and upper quartile of the ratio of first to second."""
    spent = np.zeros((2, WARM_UP + ROUNDS))
    for turn in range(WARM_UP + ROUNDS):
        for place in (0, 1) if turn % 2 else (1, 0):
            started = time.thread_time()
            (first, second)[place]()
            spent[place, turn] = time.thread_time() - started
    spent = spent[:, WARM_UP:]
    ratios = spent[0] / spent[1]
    return float(np.median(spent[0]) * 1e3), *map(float, np.percentile(ratios, (50, 25, 75)))


def error(found: list[Any], wanted: list[Any]) -> float:
    """The largest difference over the largest value, of the output where that is worst. Outputs of a network that
    coremltools has put in another order are found by their sizes; NaN where there is none of a size.
    """
    if [item.size for item in found] != [item.size for item in wanted]:
        sizes = {item.size: item for item in found}
        if not all(item.size in sizes for item in wanted):
            return float("nan")
        found = [sizes[item.size] for item in wanted]
    pairs = zip(found, wanted, strict=True)
    return max(float(np.abs(a.reshape(b.shape).astype(np.float64) - b).max() / np.abs(b).max()) for a, b in pairs)


def compare(folder: Path, names: list[str]) -> None:
    """Print the tables."""
    say(f"load average before: {os.getloadavg()[0]:.2f}; rounds: {ROUNDS} after {WARM_UP}\n")
    say("| network | million parameters | error | error of torch's ONNX export | ms | ratio to export | quartiles |")
    say("|---|---|---|---|---|---|---|")
    about = {name: json.loads((folder / name / "about.json").read_text()) for name in names}
    exports, ratios, worse = {}, [], []
    for name in names:
        x, wanted = stored(folder / name)
        export = error(opened(folder / name / "m.onnx")(x), wanted)
        exports[name] = export
        row = f"| {name} | {about[name]['parameters'] / 1e6:.1f}"
        if PROGRAM in about[name]["failures"]:
            say(f"{row} | coremltools: {about[name]['failures'][PROGRAM][:60]} | {export:.1e} | | | |")
            continue
        ours, theirs = opened(folder / name / PROGRAM), opened(folder / name / "m.onnx")
        own = error(ours(x), wanted)
        worse.append(own / export)
        ms, ratio, low, high = timing(ours, theirs, x)
        ratios.append(ratio)
        say(f"{row} | {own:.1e} | {export:.1e} | {ms:.2f} | {ratio:.3f} | {low:.3f} to {high:.3f} |")
    say(f"\nerrors at most {max(worse):.2f} times those of the export; ratios {summed(ratios)}")
    say(f"\n| network | {' | '.join(VARIANTS.values())} | from coremltools' own decompression |")
    say(f"|---|{'---|' * (len(VARIANTS) + 1)}")
    ratios = []
    for name in names:
        cells = [variant(folder / name, file, about[name]["failures"], ratios) for file in VARIANTS]
        say(f"| {name} | {' | '.join(cells)} | {decompressed(folder / name)} |")
    say(f"\nerror, ratio to the export in fp32; ratios {summed(ratios)}")
    if LOADED in names and ROUNDS:
        say(loading(folder / LOADED))
    say(f"\nload average after: {os.getloadavg()[0]:.2f}")


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


def summed(ratios: list[float]) -> str:
    """How many, their median and their ends."""
    return f"of {len(ratios)}: {min(ratios):.3f} to {max(ratios):.3f}, median {np.median(ratios):.3f}"


def timing(first: Run, second: Run, x: Any) -> tuple[float, float, float, float]:
    """As `times`; nothing where no rounds are asked for."""
    return times(lambda: first(x), lambda: second(x)) if ROUNDS else (np.nan, np.nan, np.nan, np.nan)


def variant(folder: Path, file: str, failures: dict[str, str], ratios: list[float]) -> str:
    """Error and ratio of a variant, or why there is none."""
    if file in failures:
        return "not converted"
    if not (folder / file).exists():
        return "-"
    from edgerun_coreml.errors import CoreMLError

    x, wanted = stored(folder)
    try:
        ours, theirs = opened(folder / file), opened(folder / "m.onnx")
    except CoreMLError:
        return "refused"
    _, ratio, _, _ = timing(ours, theirs, x)
    ratios.append(ratio)
    off = error(ours(x), wanted)
    return f"{'other rows' if np.isnan(off) else f'{off:.1e}'}, {ratio:.3f}"


def decompressed(folder: Path) -> str:
    """The largest difference between compressed weights and what coremltools unpacks."""
    x, _ = stored(folder)
    pairs = [
        (folder / f"{label}.mlpackage", folder / f"{label}-decompressed.mlpackage") for label in ("int8", "palette")
    ]
    known = [error(opened(ours)(x), opened(plain)(x)) for ours, plain in pairs if plain.exists()]
    return f"{max(known):.0e}" if known else "-"


def loading(folder: Path) -> str:
    """Seconds from opening to the first output, median of seven new processes in turn."""
    files = [folder / PROGRAM, folder / "m.onnx"]
    spent = [[first_in_a_new_process(file) for file in files] for _ in range(7)]
    (ours, own), (theirs, other) = np.median(spent, 0)
    size = sum(part.stat().st_size for part in files[0].rglob("*") if part.is_file())
    return (
        f"\n{folder.name}, {size / 1e6:.0f} MB, from opening to the first output: {ours:.2f} s, {own:.2f} s of them "
        f"computing; export {theirs:.2f} s, {other:.2f} s"
    )


def first_in_a_new_process(path: Path) -> tuple[float, float]:
    """Seconds by the clock and of computing, measured there after the imports."""
    command = [sys.executable, __file__, "first", str(path)]
    passed, computed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(passed), float(computed)


def first(path: Path) -> None:
    """Print the seconds from opening to the first result."""
    importlib.import_module("onnxruntime")
    importlib.import_module("edgerun_coreml.running.predict")
    x, _ = stored(path.parent)
    started, computed = time.perf_counter(), time.process_time()
    opened(path)(x)
    say(f"{time.perf_counter() - started} {time.process_time() - computed}")


def main() -> None:
    """See above."""
    command, place = sys.argv[1], Path(sys.argv[2])
    if command == "first":
        first(place)
        return
    from networks import all_networks

    names = sys.argv[3:] or list(all_networks())
    if command == "compare":
        compare(place, [name for name in names if (place / name / "io.npz").exists()])
        return
    for name in names:
        if not (place / name / "io.npz").exists():
            started = time.perf_counter()
            try:
                convert(name, place / name)
            except Exception as cause:  # torch or coremltools; the other networks are not to wait for it
                say(f"{name}: {type(cause).__name__}: {str(cause)[:300]}")
                continue
            say(f"{name}: {time.perf_counter() - started:.1f} s {(place / name / 'about.json').read_text()}")


if __name__ == "__main__":
    main()
