"""Writes the specimens: the smallest model of each kind, y = x + x on float32 [1, 4].

usage: python tools/specimens.py           (needs onnx; torch and executorch for two of them)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from edgerun import replay
from edgerun.tensors import TensorSpec

ROOT = Path(__file__).resolve().parents[1]


def write_onnx(path: Path) -> None:
    """One Add node."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="edgerun")
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def write_replay(path: Path) -> None:
    """The recording of one run on 0 1 2 3."""
    x, y = TensorSpec("x", (1, 4)), TensorSpec("y", (1, 4))
    feeds = {"x": np.arange(4, dtype=np.float32)[None]}
    replay.write(path, [x], [y], {}, [(replay.digest(feeds), {"y": feeds["x"] * 2})])


def write_pte(path: Path) -> None:
    """Twice the same network: on the portable kernels and on XNNPACK."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(_double(), (torch.zeros(1, 4),))
    lowered = to_edge_transform_and_lower(
        {"forward": program, "forward_xnnpack": program}, partitioner={"forward_xnnpack": [XnnpackPartitioner()]}
    )
    path.write_bytes(lowered.to_executorch().buffer)


def write_torchscript(path: Path) -> None:
    """Traced, so that the file keeps the shape of its input."""
    import torch

    torch.jit.trace(_double(), torch.zeros(1, 4)).save(str(path))


def _double() -> Any:
    import torch

    class Double(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + x

    return Double().eval()


if __name__ == "__main__":
    write_onnx(ROOT / "plugins/edgerun-onnxruntime/edgerun_onnxruntime/double.onnx")
    write_replay(ROOT / "edgerun/models/double.replay.npz")
    write_pte(ROOT / "plugins/edgerun-executorch/edgerun_executorch/double.pte")
    write_torchscript(ROOT / "plugins/edgerun-torchscript/edgerun_torchscript/double.torchscript")
