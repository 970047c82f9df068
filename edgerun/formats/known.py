"""The formats of models that edgerun tells apart, and how each one is known.

Sources: the formats' own documentation and files that their tools write; of protobuf messages, see `sniff`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "ARCHIVE_MEMBERS", "BESIDE_WEIGHTS", "BY_SUFFIX", "FOLDER_MEMBERS", "FOLDER_PAIRS", "IDENTIFIERS", "MAGICS",
    "PACKED", "RECOGNISED", "SUFFIXES", "TEXTS", "Recognised", "is_packed", "mismatch",
]  # fmt: skip

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


class Recognised(NamedTuple):
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
    "git-lfs": Recognised(
        "a Git LFS pointer: a text of three lines that stands for a model kept elsewhere",
        "fetch the model itself, in the repository: git lfs pull; or by the site's own download button",
    ),
    "coreai": Recognised("a Core AI model", "load the .mlpackage or .onnx it was made from"),
}
"""Formats that are told apart and not run, each with the next step."""


# ------------------------------------------------------------------------------------------ beginnings of files

PACKED = (b"\xfd7zXZ\0", b"\x1f\x8b", b"BZh")
"""Beginnings of xz, gzip and bzip2."""

IDENTIFIERS = {b"TFL3": "tflite", b"ORTM": "ort"}
"""Of FlatBuffers, at bytes 4 to 8."""

MAGICS = {
    b"ptrt": "tensorrt",
    b"ftrt": "tensorrt",
    b"\x89HDF\r\n\x1a\n": "keras",
    b"RKNN": "rknn",
    b"CYPTRKNN": "rknn",
    b"\x01HEF": "hailo",
    b"7767517\n": "ncnn",
    b"\xdd\x85\x76\x00": "ncnn",  # the same number in binary
    b"\x80\x02": "checkpoint",  # a pickle of protocol 2, and of later ones
    b"\x80\x03": "checkpoint",
    b"\x80\x04": "checkpoint",
    b"\x80\x05": "checkpoint",
}
"""At the beginning of a file."""

TEXTS = {
    re.compile(rb"version https://git-lfs\.github\.com/spec/"): "git-lfs",  # git-lfs, docs/spec.md
    re.compile(rb"<(\?xml[^>]*>\s*<)?net\b", re.DOTALL): "openvino",
    re.compile(rb"\{.*(\"modelTopology\"|\"(graph|layers)-model\")", re.DOTALL): "tfjs",
    re.compile(rb"\{\s*\"base_code\"\s*:.*\"pir\"", re.DOTALL): "paddle",
    re.compile(rb"\[net(work)?\]", re.DOTALL): "darknet",
    re.compile(rb"([^\0]*\n\s*)?layers?\s*\{", re.DOTALL): "caffe",
}
"""Beginnings of texts: XML of OpenVINO, JSON of TensorFlow.js and Paddle, sections of Darknet, Caffe's text form."""

BY_SUFFIX = {
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

# ------------------------------------------------------------------------------------------ members

FOLDER_MEMBERS = {
    "main.mlirb": "coreai",
    "Manifest.json": "mlpackage",
    "coremldata.bin": "mlmodelc",
    "saved_model.pb": "savedmodel",
    "saved_model.pbtxt": "savedmodel",
    "model.json": "tfjs",
    "inference.pdmodel": "paddle",
    "model.pdmodel": "paddle",
    "inference.json": "paddle",
    "__model__": "paddle",
}
"""A member -> the format of its folder; the first one that is there counts."""

FOLDER_PAIRS = {".param": "ncnn", ".xml": "openvino"}
"""The suffix of a network that has its weights in a .bin file of the same folder -> its format."""

BESIDE_WEIGHTS = {".xml": "openvino", ".param": "ncnn"}
"""The suffix of the network that lies beside a .bin file of the same name -> its format."""

ARCHIVE_MEMBERS = (
    ("mlpackage", {"Manifest.json", "*.mlmodel"}),
    ("pt2", {"archive_format"}),
    ("pt2", {"serialized_exported_program.json"}),  # until torch 2.7
    ("torchscript", {"constants.pkl", "data.pkl"}),
    ("checkpoint", {"data.pkl"}),  # torch.save
    ("checkpoint", {"extern_modules"}),  # torch.package
    ("keras", {"config.json", "model.weights.h5"}),
    ("replay", {"edgerun.json"}),
    ("replay", {"output/"}),
)
"""Formats of zip archives, each with the members that it has, by their last names, by "*" and their suffix, or by the
folder on the top level that they lie in; the first one counts whose members are all there."""


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so is compressed as a whole, or a tar file."""
    return head.startswith(PACKED) or head[257:262] == b"ustar"


def mismatch(path: Path, format: str) -> str:
    """One sentence where the suffix promises another format than the bytes hold; "" where it does not."""
    promised = SUFFIXES.get(path.suffix.lower())
    if promised in (None, format) or {promised, format} <= {"onnx", "ort"}:
        return ""
    article = "an" if promised[0] in "aeiou" else "a"
    return f"{path.name} is named like {article} {promised} model, but by its bytes it is {format}; the bytes count"
