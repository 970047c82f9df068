"""Writes the specimens: the smallest model of each kind, y = x + x on float32 [1, 4].

And the second specimens, of formats that have open sizes: what they compute, `edgerun.testing.second_specimen` says.

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
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from edgerun import replay
from edgerun.tensors import TensorSpec
from edgerun.testing.second_specimen import LARGEST, SCALE, ZERO_POINT

ROOT = Path(__file__).resolve().parents[1]


def write_onnx(path: Path) -> None:
    """One Add node."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="edgerun")
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def write_second_onnx(path: Path) -> None:
    """DequantizeLinear, Add, QuantizeLinear; the scale lies in a file beside the model, which is named like it."""
    names = {"x": TensorProto.FLOAT, "q": TensorProto.INT8, "y": TensorProto.FLOAT, "r": TensorProto.INT8}
    x, q, y, r = (helper.make_tensor_value_info(name, kind, ["n", 3]) for name, kind in names.items())
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["restored"]),
        helper.make_node("Add", ["x", "restored"], ["y"]),
        helper.make_node("QuantizeLinear", ["y", "scale", "zero"], ["r"]),
    ]
    scale = numpy_helper.from_array(np.array(SCALE, np.float32), "scale")
    zero = numpy_helper.from_array(np.array(ZERO_POINT, np.int8), "zero")
    weights = path.with_suffix(".bin")
    weights.write_bytes(scale.raw_data)
    external_data_helper.set_external_data(scale, weights.name, offset=0, length=len(scale.raw_data))
    scale.ClearField("raw_data")
    graph = helper.make_graph(nodes, "second", [x, q], [r, y], [scale, zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="edgerun")
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(path))


def write_products(path: Path) -> None:
    """The sum of four products of a byte and 127, which processors without VNNI cut off."""
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.INT32, [1, 1])
    weights = numpy_helper.from_array(np.full((4, 1), 127, np.int8), "w")
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["x", "w"], ["y"])], "products", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="edgerun")
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def write_coreml(path: Path) -> None:
    """An ML Program of one operation."""
    import coremltools
    from coremltools.converters.mil import Builder

    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1, 4))], opset_version=coremltools.target.iOS15)
    def program(x: object) -> object:
        return Builder.add(x=x, y=x, name="y")

    _write_package(path, program)


def write_second_coreml(path: Path) -> None:
    """An ML Program of N rows; whole numbers are int32, which Core ML has at its edges."""
    import coremltools
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.mil import get_new_symbol, types

    shape = (get_new_symbol("n"), 3)
    specs = [Builder.TensorSpec(shape=shape), Builder.TensorSpec(shape=shape, dtype=types.int32)]

    @Builder.program(input_specs=specs, opset_version=coremltools.target.iOS15)
    def program(x: object, q: object) -> object:
        whole = Builder.cast(x=q, dtype="fp32")
        restored = Builder.mul(x=Builder.sub(x=whole, y=np.float32(ZERO_POINT)), y=np.float32(SCALE))
        y = Builder.add(x=x, y=restored, name="y")
        steps = Builder.round(x=Builder.mul(x=y, y=np.float32(1 / SCALE)))
        r = Builder.clip(x=Builder.add(x=steps, y=np.float32(ZERO_POINT)), alpha=-128.0, beta=127.0)
        return Builder.cast(x=r, dtype="int32", name="r"), y

    rows = coremltools.RangeDim(1, LARGEST)
    inputs = [
        coremltools.TensorType("x", shape=(rows, 3)),
        coremltools.TensorType("q", shape=(rows, 3), dtype=np.int32),
    ]
    _write_package(path, program, inputs=inputs)


def _write_package(path: Path, program: object, **options: Any) -> None:
    """An .mlpackage with plain names in its manifest, in fp32."""
    import coremltools

    precision = coremltools.precision.FLOAT32
    model = coremltools.convert(program, convert_to="mlprogram", compute_precision=precision, **options)
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


def write_second_tflite(path: Path) -> None:
    """DEQUANTIZE, ADD, QUANTIZE."""
    kinds = schema.BuiltinOperator
    codes = []
    for kind, version in ((kinds.DEQUANTIZE, 2), (kinds.ADD, 1), (kinds.QUANTIZE, 1)):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = version
        codes.append(code)
    int8, float32 = schema.TensorType.INT8, schema.TensorType.FLOAT32
    tensors = []
    for name, kind in (("x", float32), ("q", int8), ("restored", float32), ("y", float32), ("r", int8)):
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name, kind, 0
        tensor.shape, tensor.shapeSignature = [1, 3], [-1, 3]
        if kind == int8:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [SCALE], [ZERO_POINT]
        tensors.append(tensor)
    x, q, restored, y, r = range(len(tensors))
    operators = []
    for index, (inputs, output) in enumerate((([q], restored), ([x, restored], y), ([y], r))):
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = index, inputs, [output]
        operators.append(operator)
    operators[1].builtinOptionsType, operators[1].builtinOptions = (
        schema.BuiltinOptions.AddOptions,
        schema.AddOptionsT(),
    )
    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.operators = "second", tensors, operators
    graph.inputs, graph.outputs = [x, q], [r, y]
    model = schema.ModelT()
    model.version, model.description = 3, "edgerun"
    model.operatorCodes, model.subgraphs, model.buffers = codes, [graph], [schema.BufferT()]
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


def write_second_pte(path: Path) -> None:
    """The same arithmetic on the portable kernels, whose int8 tensors carry no quantisation."""
    import torch
    from executorch.exir import to_edge_transform_and_lower

    class Second(torch.nn.Module):
        def forward(self, x: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            y = x + (q.to(torch.float32) - ZERO_POINT) * SCALE
            r = torch.clamp(torch.round(y / SCALE) + ZERO_POINT, -128, 127)
            return r.to(torch.int8), y

    rows = torch.export.Dim("n", min=1, max=LARGEST)
    example = (torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.int8))
    program = torch.export.export(Second().eval(), example, dynamic_shapes=({0: rows}, {0: rows}))
    path.write_bytes(to_edge_transform_and_lower(program).to_executorch().buffer)


def _double() -> Any:
    import torch

    class Double(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + x

    return Double().eval()


if __name__ == "__main__":
    write_onnx(ROOT / "plugins/edgerun-onnxruntime/edgerun_onnxruntime/double.onnx")
    write_second_onnx(ROOT / "plugins/edgerun-onnxruntime/edgerun_onnxruntime/second.onnx")
    write_products(ROOT / "plugins/edgerun-onnxruntime/edgerun_onnxruntime/products.onnx")
    write_second_tflite(ROOT / "plugins/edgerun-tflite/edgerun_tflite/second.tflite")
    write_second_pte(ROOT / "plugins/edgerun-executorch/edgerun_executorch/second.pte")
    write_coreml(ROOT / "plugins/edgerun-coreml/edgerun_coreml/double.mlpackage")
    write_second_coreml(ROOT / "plugins/edgerun-coreml/edgerun_coreml/second.mlpackage")
    write_tflite(ROOT / "plugins/edgerun-tflite/edgerun_tflite/double.tflite")
    write_replay(ROOT / "edgerun/models/double.replay.npz")
    write_pte(ROOT / "plugins/edgerun-executorch/edgerun_executorch/double.pte")
    write_torchscript(ROOT / "plugins/edgerun-torchscript/edgerun_torchscript/double.torchscript")
