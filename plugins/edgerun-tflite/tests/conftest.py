"""Small TFLite files, written by the schema that comes with ai-edge-litert."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9}


class Author:
    """Puts a model together, tensor by tensor."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.graph, self.model = schema.SubGraphT(), schema.ModelT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.version, self.model.description = 3, "fixture"
        self.model.operatorCodes, self.model.subgraphs = [], [self.graph]
        self.model.buffers, self.model.metadata, self.model.signatureDefs = [schema.BufferT()], [], []

    def buffer(self, content: bytes) -> int:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(content, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "float32",
        *,
        value: Any = None,
        scale: Sequence[float] = (),
        zero_point: Sequence[int] = (),
        axis: int = 0,
    ) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name, TYPES[dtype], 0
        tensor.shape = [max(1, size) for size in shape]
        if min(shape, default=1) < 0:
            tensor.shapeSignature = list(shape)
        if value is not None:
            tensor.buffer = self.buffer(np.asarray(value, dtype).tobytes())
        if scale:
            tensor.quantization = self.schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = list(scale), list(zero_point)
            tensor.quantization.quantizedDimension = axis
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], custom: bytes = b"") -> None:
        """`kind` is the name of a built-in operator, or of a custom one."""
        code, operator = self.schema.OperatorCodeT(), self.schema.OperatorT()
        builtin = getattr(self.schema.BuiltinOperator, kind, None)
        code.builtinCode = self.schema.BuiltinOperator.CUSTOM if builtin is None else builtin
        code.deprecatedBuiltinCode, code.version = min(127, code.builtinCode), 1
        if builtin is None:
            code.customCode = kind
            operator.customOptions = np.frombuffer(custom, np.uint8)
        options = "".join(word.title() for word in kind.split("_")) + "Options"
        if builtin is not None and hasattr(self.schema.BuiltinOptions, options):
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(self.schema, options + "T")()
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        self.graph.operators.append(operator)

    def signature(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        signature = self.schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        for side, named in (("inputs", inputs), ("outputs", outputs)):
            entries = []
            for name, index in named.items():
                entry = self.schema.TensorMapT()
                entry.name, entry.tensorIndex = name, index
                entries.append(entry)
            setattr(signature, side, entries)
        self.model.signatureDefs.append(signature)

    def describe(self, content: bytes) -> None:
        """TFLite Metadata."""
        entry = self.schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", self.buffer(content)
        self.model.metadata.append(entry)

    def write(
        self, path: Path, inputs: Sequence[int], outputs: Sequence[int], archive: Mapping[str, bytes] | None = None
    ) -> Path:
        import flatbuffers

        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        if archive:
            with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as tail:
                for name, content in archive.items():
                    tail.writestr(name, content)
        return path


@pytest.fixture
def author() -> Callable[[], Author]:
    pytest.importorskip("ai_edge_litert")
    return Author


@pytest.fixture
def table() -> Callable[..., bytes]:
    """Packs slots of a FlatBuffers table: texts, tables {slot: value}, lists of those, (struct letter, number), and
    arrays."""
    import flatbuffers

    def pack(builder: Any, value: Any) -> int:
        if isinstance(value, str):
            return int(builder.CreateString(value))
        if isinstance(value, np.ndarray):
            return int(builder.CreateNumpyVector(value))
        if isinstance(value, list):
            offsets = [pack(builder, entry) for entry in value]
            builder.StartVector(4, len(offsets), 4)
            for offset in reversed(offsets):
                builder.PrependUOffsetTRelative(offset)
            return int(builder.EndVector())
        offsets = {slot: pack(builder, entry) for slot, entry in value.items() if not isinstance(entry, tuple)}
        builder.StartObject(max(value, default=0) + 1)
        for slot, entry in value.items():
            if not isinstance(entry, tuple):
                builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
            elif entry[0] == "f":
                builder.PrependFloat32Slot(slot, entry[1], 0.0)
            else:
                builder.PrependInt8Slot(slot, entry[1], 0)
        return int(builder.EndObject())

    def whole(value: Mapping[int, Any], identifier: bytes = b"M001") -> bytes:
        builder = flatbuffers.Builder(256)
        builder.Finish(pack(builder, value), identifier)
        return bytes(builder.Output())

    return whole


@pytest.fixture
def detector_file(author: Callable[[], Author], table: Callable[..., bytes], tmp_path: Path) -> Callable[..., Path]:
    """Writes a detector that always answers the same two boxes through TFLite_Detection_PostProcess, with metadata.

    Its image input is uint8 or float32 [1, 8, 8, 3]. Boxes: the left half of the picture, class 1, score 0.9; the lower
    right quarter, class 0, score 0.6. The signature names the four outputs in the wrong order.
    """

    def build(
        labels: Sequence[str] = ("first", "second"),
        *,
        classes: int = 2,
        background: bool = False,
        described: bool = True,
        dtype: str = "float32",
        name: str = "detector.tflite",
        index: Sequence[int] = (1, 0, 3, 2),
        calibrated: bool = False,
    ) -> Path:
        from flatbuffers import flexbuffers

        a = author()
        quantised = {"scale": [1 / 128], "zero_point": [128]} if dtype == "uint8" else {}
        image = a.tensor("image", (1, 8, 8, 3), dtype, **quantised)
        # anchors: centre y, centre x, height, width; encodings of 0 leave them as they are
        anchors = a.tensor("anchors", (2, 4), value=[[0.5, 0.25, 1.0, 0.5], [0.75, 0.75, 0.5, 0.5]])
        encodings = a.tensor("encodings", (1, 2, 4), value=np.zeros((1, 2, 4)))
        scores = np.array([[[0.1, 0.9], [0.6, 0.1]]])
        if background:
            scores = np.concatenate((np.zeros((1, 2, 1)), scores), axis=2)
        predictions = a.tensor("predictions", scores.shape, value=scores)
        outputs = [a.tensor(f"out:{place}", shape) for place, shape in enumerate(((1, 2, 4), (1, 2), (1, 2), (1,)))]
        fields = {"max_detections": 2, "max_classes_per_detection": 1, "num_classes": classes, "y_scale": 10.0}
        fields |= {"x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0, "nms_score_threshold": 0.0}
        fields |= {"nms_iou_threshold": 0.5, "use_regular_nms": False, "detections_per_class": 2}
        options = bytes(flexbuffers.Dumps(fields))
        a.operator("TFLite_Detection_PostProcess", [encodings, predictions, anchors], outputs, options)
        mixed = ("num_detections", "detection_scores", "detection_classes", "detection_boxes")
        a.signature({"picture": image}, dict(zip(mixed, outputs, strict=True)))
        if described:
            file = {0: "labels.txt", 2: ("b", 3)}
            norm = {0: ("b", 1), 1: {0: np.array([127.5], np.float32), 1: np.array([127.5], np.float32)}}
            box = {0: ("b", 3), 1: {0: np.array(index, np.uint32), 1: ("b", 1), 2: ("b", 0)}}
            colours = {0: ("b", 2), 1: {0: ("b", 1)}}
            calibration = [{0: ("b", 2), 1: {0: ("b", 1), 1: ("f", 0.2)}}] if calibrated else []
            said_out = [
                {0: "location", 3: box},
                {0: "category", 6: [file]},
                {0: "score", 4: [*calibration, {0: ("b", 3), 1: {0: ("f", 0.5)}}]},
                {0: "number of detections"},
            ]
            a.describe(table({0: "Detector", 3: [{2: [{0: "image", 3: colours, 4: [norm]}], 3: said_out}]}))
        archive = {"labels.txt": "\n".join(labels).encode()} if labels else None
        return a.write(tmp_path / name, [image], outputs, archive)

    return build
