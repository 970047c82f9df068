"""Writes the codes detector in every format that edgerun runs, each with its card in the file.

usage: python scripts/export_codes.py FOLDER [FORMAT ...] [--model edgerun/models/codes.onnx]

FORMAT is one of those below; all of them where none is named. Needs `pip install "edgerun[export]"`; coremltools 9
wants numpy < 2.4, so the three Core ML formats are written from a virtual environment of their own.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "training" / "codes"), str(ROOT / "scripts")]

CALIBRATION_SEED, CALIBRATION_PICTURES = 7, 32
"""Rendered like the training pictures, but of another seed than any of theirs."""


class Source:
    """The model that is exported: the network, its ONNX file, its card."""

    def __init__(self, path: Path) -> None:
        import onnx
        import torch

        torch.set_num_threads(1)
        self.path = path
        self.module: Any = _training("network").load(path)
        self.onnx = onnx.load(path)
        self.card: dict[str, Any] = json.loads(
            {entry.key: entry.value for entry in self.onnx.metadata_props}["edgerun"]
        )
        self.side = int(self.card["width"])
        self.example = torch.zeros(1, 3, self.side, self.side)

    def text(self, **changes: Any) -> str:
        """The card, as the text of a sidecar."""
        return json.dumps(self.card | changes)

    def pictures(self) -> Iterator[NDArray[np.float32]]:
        """Inputs float32 [1, 3, side, side] to calibrate with; the first two span the whole range."""
        for tone in (0, 255):
            yield np.full((1, 3, self.side, self.side), tone / 255, np.float32)
        for index in range(CALIBRATION_PICTURES):
            gray, _ = _training("render").training_sample(CALIBRATION_SEED, index)
            yield np.repeat(gray[None, None].astype(np.float32) / 255, 3, axis=1)


def _training(module: str) -> Any:
    """A module of training/codes, which is no package."""
    return importlib.import_module(module)


def whole(source: Source) -> Any:
    """The ONNX model with float32 weights: those that lie in float16 behind a Cast are unfolded."""
    from onnx import numpy_helper

    model = copy.deepcopy(source.onnx)
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in stored:
            values = numpy_helper.to_array(stored[node.input[0]]).astype(np.float32)
            stored[node.input[0]].CopyFrom(numpy_helper.from_array(values, node.output[0]))
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    return model


def write_onnx_int8(source: Source, path: Path) -> None:
    """Convolutions in int8, per channel, as QDQ; the tail that makes boxes stays float32."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
        def __init__(self) -> None:
            self._pictures = source.pictures()

        def get_next(self) -> dict[str, Any] | None:
            picture = next(self._pictures, None)
            return None if picture is None else {"images": picture}

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        onnx.save(whole(source), plain)
        quantize_static(
            plain,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"edgerun": source.text()})
    onnx.save(model, path)


def write_ort(source: Source, path: Path) -> None:
    """ONNX Runtime's own format, with those optimisations that hold on every machine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(whole(source).SerializeToString(), options, providers=["CPUExecutionProvider"])


def write_tflite(source: Source, path: Path) -> None:
    """float32, channels last."""
    import codes_tflite

    path.write_bytes(codes_tflite.write(source.module, source.side, 1.0, {"edgerun": source.text()}))


def write_tflite_int8(source: Source, path: Path) -> None:
    """int8 throughout; boxes leave in 0..1, since one scale must do for them and for the scores."""
    import codes_tflite
    from ai_edge_quantizer import quantizer, recipe

    card = {"edgerun": source.text(box_units="unit")}
    plain = codes_tflite.write(source.module, source.side, 1 / source.side, card)
    pictures = [{"images": picture.transpose(0, 2, 3, 1).copy()} for picture in source.pictures()]
    writer = quantizer.Quantizer(bytearray(plain))
    writer.load_quantization_recipe(recipe.static_wi8_ai8())
    result = writer.quantize(writer.calibrate({codes_tflite.SIGNATURE: pictures}))
    path.write_bytes(bytes(result.quantized_model))


def write_torchscript(source: Source, path: Path) -> None:
    """Traced and saved with the card as an extra file; where its lines came from is left out."""
    import torch

    jit: Any = torch.jit
    with tempfile.TemporaryDirectory() as folder:
        whole_file = Path(folder) / path.name
        jit.save(jit.trace(source.module, source.example), str(whole_file), _extra_files={"edgerun": source.text()})
        with zipfile.ZipFile(whole_file) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
            for member in old.infolist():
                if not member.filename.endswith(".debug_pkl"):
                    new.writestr(zipfile.ZipInfo(member.filename), old.read(member))


def write_pte(source: Source, path: Path) -> None:
    """float32, lowered for XNNPACK, with the card as a constant method."""
    _lower(source, source.module, path)


def write_pte_int8(source: Source, path: Path) -> None:
    """Convolutions in int8, per channel; what joins them and the tail that makes boxes stay float32."""
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    config = get_symmetric_quantization_config(is_per_channel=True)
    module = copy.deepcopy(source.module)
    module.network.head = _separate(module.network.head)
    network = torch.export.export(module, (source.example,)).module()
    prepared = prepare_pt2e(network, XNNPACKQuantizer().set_operator_type(torch.ops.aten.conv2d.default, config))
    for picture in source.pictures():
        prepared(torch.from_numpy(picture))
    _lower(source, convert_pt2e(prepared), path)


def _separate(head: Any) -> Any:
    """The head with a last layer for each level: ExecuTorch 1.5 scales the bias of a shared one for its first input."""
    import torch

    class Separate(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.label_tower, self.box_tower = head.label_tower, head.box_tower
            self.labels = torch.nn.ModuleList(copy.deepcopy(head.label) for _ in range(3))
            self.boxes = torch.nn.ModuleList(copy.deepcopy(head.box) for _ in range(3))

        def forward(self, x: torch.Tensor, level: int) -> tuple[torch.Tensor, torch.Tensor]:
            labels = boxes = x
            for block in self.label_tower:
                labels = block(labels, level)
            for block in self.box_tower:
                boxes = block(boxes, level)
            return self.labels[level](labels), self.boxes[level](boxes)

    return Separate().eval()


def _lower(source: Source, network: Any, path: Path) -> None:
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(network, (source.example,))
    lowered = to_edge_transform_and_lower(
        program, partitioner=[XnnpackPartitioner()], constant_methods={"edgerun": source.text()}
    )
    path.write_bytes(lowered.to_executorch().buffer)


def write_mlpackage_fp32(source: Source, path: Path) -> None:
    """An ML program in float32."""
    _core_ml(source, path, "mlprogram", "FLOAT32")


def write_mlpackage_fp16(source: Source, path: Path) -> None:
    """An ML program in float16, what the Neural Engine wants."""
    _core_ml(source, path, "mlprogram", "FLOAT16")


def write_mlmodel(source: Source, path: Path) -> None:
    """A neural network, the older kind of Core ML model."""
    _core_ml(source, path, "neuralnetwork", "")


def _core_ml(source: Source, path: Path, kind: str, precision: str) -> None:
    import coremltools
    import torch

    jit: Any = torch.jit
    options = {"compute_precision": getattr(coremltools.precision, precision)} if precision else {}
    model = coremltools.convert(
        jit.trace(source.module, source.example),
        inputs=[coremltools.TensorType("images", tuple(source.example.shape))],
        outputs=[coremltools.TensorType("output0")] if precision else None,
        convert_to=kind,
        **options,
    )
    model.user_defined_metadata["edgerun"] = source.text()
    model.save(str(path))


FORMATS: dict[str, tuple[str, Callable[[Source, Path], None]]] = {
    "onnx-int8": ("codes_int8.onnx", write_onnx_int8),
    "ort": ("codes.ort", write_ort),
    "tflite": ("codes.tflite", write_tflite),
    "tflite-int8": ("codes_int8.tflite", write_tflite_int8),
    "torchscript": ("codes.torchscript", write_torchscript),
    "pte": ("codes.pte", write_pte),
    "pte-int8": ("codes_int8.pte", write_pte_int8),
    "mlpackage-fp32": ("codes_fp32.mlpackage", write_mlpackage_fp32),
    "mlpackage-fp16": ("codes_fp16.mlpackage", write_mlpackage_fp16),
    "mlmodel": ("codes.mlmodel", write_mlmodel),
}


def main() -> None:
    """Write what was asked for, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("--model", type=Path, default=ROOT / "edgerun" / "models" / "codes.onnx")
    options = parser.parse_intermixed_args()
    unknown = [name for name in options.formats if name not in FORMATS]
    if unknown:
        parser.error(f"no format {unknown[0]}; the formats are {', '.join(FORMATS)}")
    warnings.simplefilter("ignore")
    source = Source(options.model)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.formats or FORMATS:
        file, write = FORMATS[name]
        path = options.folder / file
        write(source, path)
        files = [path] if path.is_file() else [entry for entry in path.rglob("*") if entry.is_file()]
        print(f"{path}  {sum(entry.stat().st_size for entry in files):,} bytes")


if __name__ == "__main__":
    main()
