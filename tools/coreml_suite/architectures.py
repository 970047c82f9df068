"""Well-known architectures through coremltools and back: errors against torch, and time against a direct export.

``python architectures.py FOLDER [NAME ...]`` converts with random weights what is not in FOLDER yet, then prints for
each network: the largest error of the translated ML Program and of torch's own ONNX export, both against torch; the
ratio of their times (smallest and median of interleaved runs, one thread); seconds from opening to a session.
Needs the environment that README.md describes, with torchvision and onnx.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from edgerun_coreml.mil import translate
from edgerun_coreml.package import open_model
from edgerun_coreml.session import open_session

SIZES = {
    "mobilenet_v2": 224, "mobilenet_v3_small": 224, "resnet18": 224, "efficientnet_b0": 224, "convnext_tiny": 224,
    "swin_t": 224, "shufflenet_v2_x1_0": 224, "squeezenet1_1": 224, "mnasnet0_5": 224, "densenet121": 224,
    "googlenet": 224, "regnet_y_400mf": 224, "vit_b_32": 224, "lraspp_mobilenet_v3_large": 320,
    "deeplabv3_mobilenet_v3_large": 256,
}  # fmt: skip
RUNS = 20


def convert(name: str, folder: Path) -> None:
    """Write what torch computes, an ONNX export, and an ML Program in fp32 and in fp16."""
    import coremltools
    import torch
    import torchvision

    class First(torch.nn.Module):
        """A segmentation network without its dictionary."""

        def __init__(self, network: Any) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Any) -> Any:
            return self.network(x)["out"]

    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)  # coremltools does not know its operation
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    if name.startswith(("lraspp", "deeplab")):
        build = getattr(torchvision.models.segmentation, name)
        network = First(build(weights=None, weights_backbone=None))
    else:
        network = getattr(torchvision.models, name)(weights=None, **options)
    network.eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    x = torch.randn(1, 3, SIZES[name], SIZES[name])
    with torch.no_grad():
        y = network(x)
        traced = torch.jit.trace(network, x, check_trace=False)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "io.npz", x=x.numpy(), y=y.numpy())
    torch.onnx.export(network, (x,), str(folder / "m.onnx"), dynamo=False, opset_version=17)
    for precision in ("FLOAT16", "FLOAT32"):
        model = coremltools.convert(
            traced,
            inputs=[coremltools.TensorType(name="x", shape=x.shape)],
            minimum_deployment_target=coremltools.target.iOS16,
            compute_precision=getattr(coremltools.precision, precision),
            skip_model_load=True,
        )
        model.save(str(folder / f"{precision.lower()}.mlpackage"))


def opened(path: Path) -> tuple[Callable[[Any], Any], float]:
    """A function from input to output through the translator, and the seconds until it could run."""
    started = time.perf_counter()
    model = open_model(path)
    translation = translate(model.spec, model.weights)
    session = open_session(translation.graph, threads=1)
    name = translation.inputs[0].tensor
    return lambda x: session.run(None, {name: x})[0], time.perf_counter() - started


def direct(path: Path) -> Callable[[Any], Any]:
    """A function from input to output through torch's own export."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {session.get_inputs()[0].name: x})[0]


def times(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[list[float], list[float]]:
    """Seconds of interleaved runs, sorted."""
    spent: tuple[list[float], list[float]] = ([], [])
    for turn in range(RUNS):
        for place in (0, 1) if turn % 2 else (1, 0):
            started = time.perf_counter()
            (first, second)[place]()
            spent[place].append(time.perf_counter() - started)
    return sorted(spent[0]), sorted(spent[1])


def compare(name: str, folder: Path) -> tuple[float, float]:
    """Print a network's line; the ratios of errors and of smallest times."""
    stored = np.load(folder / "io.npz")
    x, y = stored["x"], stored["y"]
    ours, load = opened(folder / "float32.mlpackage")
    half, _ = opened(folder / "float16.mlpackage")
    export = direct(folder / "m.onnx")
    errors = [float(np.abs(run(x) - y).max()) for run in (ours, export, half)]
    a, b = times(lambda: ours(x), lambda: export(x))
    ratio, median = a[0] / b[0], a[RUNS // 2] / b[RUNS // 2]
    sys.stdout.write(
        f"{name:30s} range {np.abs(y).max():8.3g}  error {errors[0]:.2e}  export {errors[1]:.2e}  fp16 {errors[2]:.2e}"
        f"  time {a[0] * 1e3:7.2f} ms, ratio {ratio:.2f} (median {median:.2f})  load {load:.2f} s\n"
    )
    return errors[0] / errors[1], ratio


def main() -> None:
    """Convert and compare the networks asked for, or all."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(SIZES)
    found = []
    for name in names:
        if not (folder / name / "float32.mlpackage").exists():
            convert(name, folder / name)
        found.append(compare(name, folder / name))
    errors, ratios = np.array(found).T
    sys.stdout.write(f"errors at most {errors.max():.2f} of the export's; ")
    sys.stdout.write(f"times: median {np.median(ratios):.2f}, worst {ratios.max():.2f}\n")


if __name__ == "__main__":
    main()
