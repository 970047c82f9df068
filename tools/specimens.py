"""Writes the specimens: the smallest model of each kind, y = x + x on float32 [1, 4].

usage: python tools/specimens.py           (needs onnx)
"""

from __future__ import annotations

from pathlib import Path

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


if __name__ == "__main__":
    write_onnx(ROOT / "plugins/edgerun-onnxruntime/edgerun_onnxruntime/double.onnx")
    write_replay(ROOT / "edgerun/models/double.replay.npz")
