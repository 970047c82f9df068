"""Which format a model file has, by its bytes and never by its suffix alone."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgerun.errors import ModelUnreadable, ModelUnsafe

__all__ = ["PACKED", "RECOGNISED", "SUFFIXES", "Recognised", "lie", "packed", "sniff"]

SUFFIXES = {
    ".onnx": "onnx",
    ".ort": "ort",
    ".tflite": "tflite",
    ".lite": "tflite",
    ".mlmodel": "mlmodel",
    ".mlpackage": "mlpackage",
    ".pte": "executorch",
    ".torchscript": "torchscript",
    ".ptl": "torchscript",
    ".npz": "replay",
}
"""What a suffix promises; the bytes decide."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A format that edgerun knows and does not run.

    Attributes:
        name: in words.
        hint: what to do instead.
    """

    name: str
    hint: str


_EXPORT_ONNX = "export it to ONNX and load the .onnx file"

RECOGNISED = {
    "savedmodel": Recognised("a TensorFlow SavedModel", "convert it: tf.lite.TFLiteConverter.from_saved_model(folder)"),
    "tf-graph": Recognised("a frozen TensorFlow graph", "convert it: python -m tf2onnx.convert --graphdef FILE"),
    "keras": Recognised("a Keras model", "convert it: tf.lite.TFLiteConverter.from_keras_model(model)"),
    "tfjs": Recognised("a TensorFlow.js model", "convert the SavedModel it was made from to TFLite"),
    "tensorrt": Recognised("a TensorRT engine", "it runs on the GPU it was built for; load the ONNX file it came from"),
    "openvino": Recognised("an OpenVINO IR", "load the ONNX file it was made from"),
    "ncnn": Recognised("an ncnn model", "load the ONNX file it was made from"),
    "mnn": Recognised("an MNN model", "load the ONNX file it was made from"),
    "paddle": Recognised("a Paddle model", "convert it: paddle2onnx --model_dir FOLDER --save_file model.onnx"),
    "mace": Recognised("a MACE model", "load the ONNX or TFLite file it was made from"),
    "rknn": Recognised("an RKNN model", "it runs on Rockchip's NPU only; load the ONNX file it was made from"),
    "hailo": Recognised("a Hailo HEF", "it runs on Hailo's chips only; load the ONNX file it was made from"),
    "safetensors": Recognised("a safetensors file: weights without a network", _EXPORT_ONNX),
    "checkpoint": Recognised(
        "a PyTorch checkpoint: a pickle, which could run any code when opened; nothing in it was",
        "export it where it was trained, such as: yolo export model=FILE format=onnx, or torch.onnx.export",
    ),
    "pt2": Recognised("a torch.export program (.pt2)", "lower it to a .pte with ExecuTorch, or export it to ONNX"),
    "caffe": Recognised("a Caffe model", "convert it to ONNX"),
    "darknet": Recognised("a Darknet model", "convert the .cfg and .weights to ONNX"),
    "mlmodelc": Recognised(
        "a compiled Core ML model (.mlmodelc)", "load the .mlpackage or .mlmodel it was compiled from"
    ),
    "coreai": Recognised("a Core AI model", "load the .mlpackage or .onnx it was made from"),
}
"""Formats that are told apart and not run, each with the next step."""

_ARCHIVE_MEMBERS_LIMIT = 100_000


def lie(path: Path, format: str) -> str:
    """One sentence where the suffix promises another format than the bytes hold; "" where it does not."""
    promised = SUFFIXES.get(path.suffix.lower())
    if promised in (None, format) or {promised, format} <= {"onnx", "ort"}:
        return ""
    article = "an" if promised[0] in "aeiou" else "a"
    return f"{path.name} is named like {article} {promised} model, but by its bytes it is {format}; the bytes count"


def sniff(path: Path, offered: Iterable[str] = ()) -> str:
    """The format of a model: a key of RECOGNISED, or one that a backend may offer ("onnx", "tflite" …).

    Args:
        path: of a file or a folder.
        offered: formats of installed backends. One that is none of ours is recognised by its suffix: the format
            "mine" has files *.mine.

    Raises:
        ModelUnreadable: missing, empty, or of no known format.
        ModelUnsafe: an archive with more members than any model has.
    """
    if not path.exists():
        raise ModelUnreadable(f"There is no model {path}.", hint="check the path")
    if not path.is_file() and not path.is_dir():  # a pipe would be waited for without end
        raise ModelUnreadable(f"{path} is a pipe or a device, not a file.", hint="copy it into a file and name that")
    foreign = path.suffix.lower().removeprefix(".")
    if foreign in set(offered) - set(SUFFIXES.values()) - set(RECOGNISED):
        return foreign
    if path.is_dir():
        return _sniff_folder(path)
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise ModelUnreadable(f"{path} is empty (0 bytes).", hint="copy or export it again")
    if head.startswith(b"PK\x03\x04"):
        return _sniff_archive(path)
    if packed(head):
        raise ModelUnreadable(f"{path} is a packed archive.", hint="unpack it and name the model inside")
    found = _sniff_head(head, path)
    if found is None:
        shown = head[:16].decode("ascii", "replace").replace("�", ".").replace("\n", " ")
        raise ModelUnreadable(
            f"{path} is of no known model format; it begins with {shown!r}.",
            hint="models are .onnx .ort .tflite .mlpackage .mlmodel .pte .torchscript; run: edgerun plugins",
        )
    return found


PACKED = (b"\xfd7zXZ\0", b"\x1f\x8b", b"BZh")
"""Beginnings of xz, gzip and bzip2."""


def packed(head: bytes) -> bool:
    """Whether a file that begins so is compressed as a whole, or a tar file."""
    return head.startswith(PACKED) or head[257:262] == b"ustar"


def _sniff_folder(path: Path) -> str:
    def has(*names: str) -> bool:
        return any((path / name).exists() for name in names)

    if has("main.mlirb"):
        return "coreai"
    if has("Manifest.json"):
        return "mlpackage"
    if path.suffix == ".mlmodelc" or has("coremldata.bin"):
        return "mlmodelc"
    if has("saved_model.pb", "saved_model.pbtxt"):
        return "savedmodel"
    if has("model.json"):
        return "tfjs"
    if has("inference.pdmodel", "model.pdmodel", "inference.json", "__model__"):
        return "paddle"
    if any(path.glob("*.param")) and any(path.glob("*.bin")):
        return "ncnn"
    if any(path.glob("*.xml")) and any(path.glob("*.bin")):
        return "openvino"
    models = sorted(entry.name for entry in path.iterdir() if entry.suffix in SUFFIXES)
    if models:
        raise ModelUnreadable(f"{path} is a folder, not a model.", hint=f"name one of its models: {path / models[0]}")
    raise ModelUnreadable(f"{path} is a folder without a model in it.", hint="name a model file or a .mlpackage")


def _sniff_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as cause:
        raise ModelUnreadable(f"{path} is a damaged zip archive: {cause}.", hint="copy or export it again") from cause
    if len(names) > _ARCHIVE_MEMBERS_LIMIT:
        raise ModelUnsafe(f"{path} is an archive of {len(names)} members.", hint="no model looks like that")
    last = {name.rstrip("/").rsplit("/", 1)[-1] for name in names}
    if "Manifest.json" in last and any(name.endswith(".mlmodel") for name in last):
        return "mlpackage"
    if last & {"archive_format", "serialized_exported_program.json"}:  # the latter until torch 2.7
        return "pt2"
    if "constants.pkl" in last and "data.pkl" in last:
        return "torchscript"
    if last & {"data.pkl", "extern_modules"}:  # torch.save, torch.package
        return "checkpoint"
    if "config.json" in last and "model.weights.h5" in last:
        return "keras"
    if "edgerun.json" in last or any(name.startswith("output/") for name in names):
        return "replay"
    inside = next((name for name in sorted(names) if Path(name).suffix in SUFFIXES), "")
    raise ModelUnreadable(
        f"{path} is a zip archive, but no model that is known.",
        hint=f"unpack it and name {inside or 'the model inside'}",
    )


_IDENTIFIERS = {b"TFL3": "tflite", b"ORTM": "ort"}
"""Of flatbuffers, at bytes 4 to 8."""

_MAGICS = (
    (b"ptrt", "tensorrt"),
    (b"ftrt", "tensorrt"),
    (b"\x89HDF\r\n\x1a\n", "keras"),
    (b"RKNN", "rknn"),
    (b"CYPTRKNN", "rknn"),
    (b"\x01HEF", "hailo"),
    (b"7767517\n", "ncnn"),
    (b"\xdd\x85\x76\x00", "ncnn"),  # the same number in binary
    *((bytes((0x80, protocol)), "checkpoint") for protocol in (2, 3, 4, 5)),
)
"""At the beginning of a file."""

_BY_SUFFIX = {
    ".pb": "tf-graph",
    ".caffemodel": "caffe",
    ".prototxt": "caffe",
    ".weights": "darknet",
    ".mnn": "mnn",
    ".engine": "tensorrt",
    ".plan": "tensorrt",
    ".trt": "tensorrt",
    ".pdmodel": "paddle",
    ".pdiparams": "paddle",
    ".nb": "paddle",
}
"""Formats that have no magic of their own, or not always: where the bytes say nothing, the suffix is believed."""


def _sniff_head(head: bytes, path: Path) -> str | None:
    if head[4:8] in _IDENTIFIERS:
        return _IDENTIFIERS[head[4:8]]
    if head[4:6] == b"ET" and head[6:8].isdigit():
        return "executorch"
    size = path.stat().st_size
    if head[4:5] == b"{" and 4 < int.from_bytes(head[:4], "little") < size:
        return "tensorrt"  # Ultralytics puts its metadata before the engine, with their length in four bytes
    if head[8:9] == b"{" and 1 < int.from_bytes(head[:8], "little") <= size - 8:
        return "safetensors"
    magic = next((name for magic, name in _MAGICS if head.startswith(magic)), None)
    found = magic or _sniff_text(head) or _sniff_protobuf(path)
    if found is None and path.suffix.lower() == ".bin":  # weights, which say nothing; the network lies beside them
        beside = {".xml": "openvino", ".param": "ncnn"}
        found = next((name for suffix, name in beside.items() if path.with_suffix(suffix).exists()), None)
    return found or _BY_SUFFIX.get(path.suffix.lower())


def _sniff_text(head: bytes) -> str | None:
    """OpenVINO's XML, TensorFlow.js's and Paddle's JSON, Darknet's sections, Caffe's protobuf as text."""
    text = re.sub(rb"^\s*(#[^\n]*\n\s*)*", b"", head.removeprefix(b"\xef\xbb\xbf"))
    for pattern, name in (
        (rb"<(\?xml[^>]*>\s*<)?net\b", "openvino"),
        (rb"\{.*(\"modelTopology\"|\"(graph|layers)-model\")", "tfjs"),
        (rb"\{\s*\"base_code\"\s*:.*\"pir\"", "paddle"),
        (rb"\[net(work)?\]", "darknet"),
        (rb"([^\0]*\n\s*)?layers?\s*\{", "caffe"),
    ):
        if re.match(pattern, text, re.DOTALL):
            return name
    return None


def _sniff_protobuf(path: Path) -> str | None:
    """Bare protobuf messages have no magic: told apart by the fields on their top level.

    ONNX's ModelProto has texts in fields 2 to 6 (producer, version, domain) and the graph in 7. Core ML's Model has
    its description in field 2, a message, and the network in one of the fields from 200 on. A TensorFlow GraphDef
    begins with a node: a message of a name (1) and an operator (2). Paddle's ProgramDesc begins with a block: a
    message of two numbers (1, 2). Caffe's NetParameter has its layers in field 100; MACE's NetDef has its inputs
    there, and its outputs in 101. A SavedModel has its version in field 1 and graphs in 2.
    Sources: onnx/onnx.proto (Apache-2.0), coremltools/mlmodel/format/Model.proto (BSD-3), tensorflow/core/framework/
    graph.proto and protobuf/saved_model.proto (Apache-2.0), paddle/fluid/framework/framework.proto (Apache-2.0),
    caffe.proto (BSD-2), mace/proto/mace.proto (Apache-2.0).
    """
    fields = _top_level(path)
    if not fields:
        return None
    numbers = {number for number, _ in fields}
    first, content = fields[0]
    if any(200 <= number <= 3000 for number in numbers) and 1 in numbers:
        return "mlmodel"
    if 7 in numbers and numbers <= set(range(1, 30)):
        return "onnx"
    if 101 in numbers:
        return "mace"
    if 100 in numbers:
        return "caffe"
    if first == 1 and content[:1] == b"\x08" and numbers <= {1, 4, 5}:
        return "paddle"
    if first == 1 and content[:1] == b"\x0a" and content[2 + content[1] :][:1] == b"\x12":
        return "tf-graph"
    return "savedmodel" if path.name == "saved_model.pb" else None


def _top_level(path: Path) -> list[tuple[int, bytes]]:
    """Number and first bytes of up to 4096 fields of a protobuf message; [] where it is none.

    The last one may be cut: a truncated file is still of its format.
    """
    size = path.stat().st_size
    seen: list[tuple[int, bytes]] = []
    with path.open("rb") as file:
        while file.tell() < size and len(seen) < 4096:
            key = _varint(file.read(10), file)
            if key is None:
                return []
            number, wire = key >> 3, key & 7
            if number == 0 or wire not in (0, 1, 2, 5):
                return []
            if wire == 0:
                if _varint(file.read(10), file) is None:
                    return []
                seen.append((number, b""))
                continue
            length = {1: 8, 5: 4}.get(wire)
            if length is None:
                length = _varint(file.read(10), file)
                if length is None:
                    return []
            seen.append((number, file.read(min(length, 64)).ljust(2, b"\0")))
            file.seek(max(0, length - 64), 1)
    return seen


def _varint(head: bytes, file: BinaryIO) -> int | None:
    """The number that `head` begins with; the file is moved back to its end. None where there is none."""
    value = 0
    for index, byte in enumerate(head):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            file.seek(index + 1 - len(head), 1)
            return value
    return None
