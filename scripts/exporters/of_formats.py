"""One network with YOLOv8's output, written by the newest exporters of five formats, against the network itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from judging import Image, Line, Rows, judged, named

HEIGHT, WIDTH, CLASSES, STRIDES = 128, 160, 4, (8, 16, 32)


class Network(torch.nn.Module):
    """A box for each cell, [1, 4 + C, N]: cx cy w h in pixels, and scores that are low but for strong colours."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.looks = torch.nn.ModuleList(torch.nn.Conv2d(3, 4 + CLASSES, stride, stride) for stride in STRIDES)
        centres, steps = [], []
        for look, stride in zip(self.looks, STRIDES, strict=True):
            torch.nn.init.normal_(look.weight, std=6 / stride)
            y, x = np.mgrid[: HEIGHT // stride, : WIDTH // stride]
            centres.append((np.stack((x, y)).reshape(2, -1) + 0.5) * stride)
            steps.append(np.full((1, centres[-1].shape[1]), stride))
        # of three axes by reshape: with a view of a new axis ExecuTorch 1.5 says "0 in strides is not supported"
        self.register_buffer("centres", torch.tensor(np.concatenate(centres, axis=1)).float().reshape(1, 2, -1))
        self.register_buffer("steps", torch.tensor(np.concatenate(steps, axis=1)).float().reshape(1, 1, -1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[1, 3, h, w] in 0..1, red first -> [1, 4 + C, N]."""
        raw = torch.cat([look(pixels - 0.5).flatten(2) for look in self.looks], dim=2)
        boxes = torch.cat((self.centres + raw[:, :2].tanh() * self.steps / 2, (2 + raw[:, 2:4].tanh()) * self.steps), 1)
        return torch.cat((boxes, (raw[:, 4:] - 6).sigmoid()), dim=1)


def lines(folder: Path) -> Iterator[Line]:
    """A line for each format."""
    network, example = Network().eval(), torch.rand(1, 3, HEIGHT, WIDTH)
    for exporter, (name, write) in WAYS.items():
        file = folder / name
        try:
            write(network, example, file)
        except Exception as cause:  # whatever an exporter raises is what the table is to say
            yield Line(named(exporter), name, "not made", f"{type(cause).__name__}: {cause}".splitlines()[0][:200])
            continue
        yield judged(named(exporter), name, file, lambda *given: _reference(network, *given))


def _reference(network: Network, image: Image, conf: float, iou: float) -> Rows:
    pixels = torch.tensor(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))[None]).float() / 255
    with torch.no_grad():
        table = network(pixels)[0].numpy().T.astype(np.float64)
    middle, sides, classes = table[:, :2], table[:, 2:4], table[:, 4:].argmax(axis=1)
    scores = table[:, 4:].max(axis=1)
    corners = np.concatenate((middle - sides / 2, middle + sides / 2), axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        np.concatenate((middle - sides / 2, sides), axis=1).tolist(), scores.tolist(), classes.tolist(), conf, iou
    )
    rows = np.column_stack([np.clip(corners, 0, np.tile((WIDTH, HEIGHT), 2)), scores, classes])
    return rows[np.asarray(kept, int).reshape(-1)]


def _onnx(network: Network, example: torch.Tensor, file: Path) -> None:
    torch.onnx.export(network, (example,), str(file), dynamo=False, input_names=["images"], output_names=["output0"])


def _torchscript(network: Network, example: torch.Tensor, file: Path) -> None:
    torch.jit.trace(network, example).save(str(file))


def _executorch(network: Network, example: torch.Tensor, file: Path) -> None:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(network, (example,))
    file.write_bytes(to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)


def _litert(network: Network, example: torch.Tensor, file: Path) -> None:
    import litert_torch

    litert_torch.convert(network, (example,)).export(str(file))


def _coreml(network: Network, example: torch.Tensor, file: Path) -> None:
    import coremltools

    model = coremltools.convert(
        torch.jit.trace(network, example), inputs=[coremltools.ImageType("image", example.shape, scale=1 / 255)],
        minimum_deployment_target=coremltools.target.iOS16, compute_precision=coremltools.precision.FLOAT32,
    )  # fmt: skip
    model.save(str(file))


WAYS: dict[str, tuple[str, Callable[[Any, Any, Path], None]]] = {
    "onnx": ("small.onnx", _onnx),
    "torch": ("small.torchscript", _torchscript),
    "executorch": ("small.pte", _executorch),
    "litert-torch": ("small.tflite", _litert),
    "coremltools": ("small.mlpackage", _coreml),
}
"""Package -> the file that it writes, and how."""
