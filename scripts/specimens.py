"""Writes the specimens: the smallest model of each kind, y = x + x on float32 [1, 4].

usage: python scripts/specimens.py    (needs onnx, ai-edge-litert, torch, executorch and coremltools)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
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


def write_coreml(path: Path) -> None:
    """An ML Program of one operation, with plain names in its manifest."""
    import coremltools
    from coremltools.converters.mil import Builder

    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1, 4))], opset_version=coremltools.target.iOS15)
    def program(x: object) -> object:
        return Builder.add(x=x, y=x, name="y")

    precision = coremltools.precision.FLOAT32
    model = coremltools.convert(program, convert_to="mlprogram", compute_precision=precision)
    author, name = "com.apple.CoreML", "model.mlmodel"
    entry = {"author": author, "description": "CoreML Model Specification", "name": name, "path": f"{author}/{name}"}
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": {"model": entry}, "rootModelIdentifier": "model"}
    (path / "Data" / author).mkdir(parents=True, exist_ok=True)
    (path / "Manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    spec = model.get_spec()
    spec.description.metadata.ClearField("userDefined")
    (path / "Data" / author / name).write_bytes(spec.SerializeToString(deterministic=True))


def write_tflite(path: Path) -> None:
    """One ADD operator."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    code.version = 1
    tensors = []
    for name in ("x", "y"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [1, 4], schema.TensorType.FLOAT32, 0
        tensors.append(tensor)
    add = schema.OperatorT()
    add.inputs, add.outputs = [0, 0], [1]
    add.builtinOptionsType, add.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.operators, graph.inputs, graph.outputs = "double", tensors, [add], [0], [1]
    model = schema.ModelT()
    model.version, model.description = 3, "edgerun"
    model.operatorCodes, model.subgraphs, model.buffers = [code], [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


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

    trace: Any = torch.jit.trace
    trace(_double(), torch.zeros(1, 4)).save(str(path))


def _double() -> Any:
    import torch

    class Double(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + x

    return Double().eval()


if __name__ == "__main__":
    write_onnx(ROOT / "plugins/edgerun-onnxruntime/edgerun_onnxruntime/double.onnx")
    write_coreml(ROOT / "plugins/edgerun-coreml/edgerun_coreml/double.mlpackage")
    write_tflite(ROOT / "plugins/edgerun-tflite/edgerun_tflite/double.tflite")
    write_replay(ROOT / "edgerun/models/double.replay.npz")
    write_pte(ROOT / "plugins/edgerun-executorch/edgerun_executorch/double.pte")
    write_torchscript(ROOT / "plugins/edgerun-torchscript/edgerun_torchscript/double.torchscript")
