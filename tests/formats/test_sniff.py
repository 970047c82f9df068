from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from pathlib import Path

import pytest

from edgerun.errors import BackendMissing, ModelUnreadable, ModelUnsafe
from edgerun.formats import known, sniff
from edgerun.runtime.registry import INSTALL, Registry

ROOT = Path(__file__).resolve().parents[2]


def varint(value):
    head = b""
    while value > 0x7F:
        head += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return head + bytes((value,))


def field(number, content):
    """A field of a protobuf message: a number, a text, or a message made of fields."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content if isinstance(content, bytes) else content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def archive(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name in names:
            zipped.writestr(name, b"")
    return file.getvalue()


def flatbuffer(identifier):
    return struct.pack("<I", 16) + identifier + bytes(24)


ONNX = field(1, 8) + field(2, "pytorch") + field(3, "2.13") + field(7, field(1, "node")) + field(8, field(2, 17))
CORE_ML = field(1, 7) + field(2, field(1, field(1, "image"))) + field(502, field(1, 1))
GRAPH = (
    field(1, field(1, "input") + field(2, "Placeholder")) + field(1, field(1, "c") + field(2, "Const")) + field(4, b"")
)
SAVED = field(1, 1) + field(2, field(1, field(4, "serve")))
PADDLE = field(1, field(1, 0) + field(2, 0) + field(3, field(1, "x"))) + field(4, field(1, 0))
CAFFE = field(1, "SSD") + field(100, field(1, "data") + field(2, "Input"))
MACE = (
    field(1, field(1, "in") + field(2, "out"))
    + field(3, b"")
    + field(100, field(1, "in"))
    + field(101, field(1, "out"))
)
SAFETENSORS = b'{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'

FILES = {
    # run
    "model.onnx": (ONNX, "onnx"),
    "pointer.onnx": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git-lfs"),
    "model.mlmodel": (CORE_ML, "mlmodel"),
    "model.ort": (flatbuffer(b"ORTM"), "ort"),
    "model.tflite": (flatbuffer(b"TFL3"), "tflite"),
    "model_edgetpu.tflite": (flatbuffer(b"TFL3") + b"edgetpu-custom-op", "tflite"),
    "model.pte": (flatbuffer(b"ET12"), "executorch"),
    "later.pte": (flatbuffer(b"ET13"), "executorch"),
    "model.torchscript": (archive("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl", "m/version"), "torchscript"),
    "script.pt": (archive("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl", "m/version"), "torchscript"),
    "model.ptl": (archive("m/data.pkl", "m/constants.pkl", "m/bytecode.pkl"), "torchscript"),
    # told apart by their bytes, and not run
    "saved_model.pb": (SAVED, "savedmodel"),
    "frozen.pb": (GRAPH, "tf-graph"),
    "frozen": (GRAPH, "tf-graph"),
    "model.h5": (b"\x89HDF\r\n\x1a\n" + bytes(8), "keras"),
    "model.keras": (archive("metadata.json", "config.json", "model.weights.h5"), "keras"),
    "model.json": (b'{"format": "graph-model", "modelTopology": {}}', "tfjs"),
    "layers.json": (b'\n{"generatedBy": "keras", "modelTopology": {}, "weightsManifest": []}', "tfjs"),
    "a": (b"ptrt" + bytes(20), "tensorrt"),
    "b": (b"ftrt" + bytes(20), "tensorrt"),
    "ultralytics.engine": (struct.pack("<i", 20) + b'{"names": {"0": "a"}' + b"ftrt" + bytes(20), "tensorrt"),
    "model.xml": (b'<?xml version="1.0"?>\n<net name="yolo" version="11">', "openvino"),
    "bare.xml": (b'<net name="yolo" version="10">', "openvino"),
    "model.param": (b"7767517\n3 3\nInput in0 0 1 in0\n", "ncnn"),
    "model.param.bin": (struct.pack("<i", 7767517) + bytes(8), "ncnn"),
    "model.pdmodel": (PADDLE, "paddle"),
    "__model__": (PADDLE, "paddle"),
    "inference.json": (b'{"base_code":{"magic":"pir","trainable":true},"program":{}}', "paddle"),
    "mace.pb": (MACE, "mace"),
    "model.rknn": (b"RKNN" + bytes(20), "rknn"),
    "secret.rknn": (b"CYPTRKNN" + bytes(20), "rknn"),
    "model.hef": (b"\x01HEF" + bytes(20), "hailo"),
    "model.safetensors": (struct.pack("<Q", len(SAFETENSORS)) + SAFETENSORS + bytes(4), "safetensors"),
    "weights.pt": (archive("m/data.pkl", "m/data/0", "m/version"), "checkpoint"),
    "package.pt": (archive("m/.data/extern_modules", "m/model/model.pkl"), "checkpoint"),
    "old.pth": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "checkpoint"),
    "newer.pkl": (b"\x80\x05\x95\x0b\x00\x00\x00\x00\x00\x00\x00.", "checkpoint"),
    "model.pt2": (archive("m/archive_format", "m/models/model.json", "m/data/weights/w"), "pt2"),
    "older.pt2": (archive("serialized_exported_program.json", "version"), "pt2"),
    "weights.caffemodel": (CAFFE, "caffe"),
    "net.txt": (b'name: "SSD"\ninput: "data"\nlayer {\n  name: "conv"\n}', "caffe"),
    "yolov4.cfg": (b"# a comment\n\n[net]\nwidth=416\n", "darknet"),
    "tiny.cfg": (b"[network]\nwidth=416\n", "darknet"),
}
"""Name -> (bytes, format)."""

BY_SUFFIX_ALONE = {
    "model.mnn": "mnn",
    "yolov4.weights": "darknet",
    "old.caffemodel": "caffe",
    "net.prototxt": "caffe",
    "old.engine": "tensorrt",
    "old.plan": "tensorrt",
    "old.trt": "tensorrt",
    "model.pdiparams": "paddle",
    "model.nb": "paddle",
}
"""These have no magic, or not always: bytes of no known kind under such a name."""

FOLDERS = {
    "Manifest.json": "mlpackage",
    "coremldata.bin": "mlmodelc",
    "saved_model.pb": "savedmodel",
    "model.json": "tfjs",
    "inference.pdmodel": "paddle",
    "__model__": "paddle",
    "main.mlirb": "coreai",
}
"""A member -> the format of its folder."""


@pytest.mark.parametrize("name", FILES)
def test_a_format_is_known_by_its_bytes(tmp_path, name):
    content, expected = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert sniff.sniff(tmp_path / name) == expected


@pytest.mark.parametrize("name", [name for name in FILES if name != "saved_model.pb"])
def test_the_suffix_does_not_matter_where_the_bytes_tell(tmp_path, name):
    content, expected = FILES[name]
    for other in ("model", "model.onnx", "model.tflite"):
        (tmp_path / other).write_bytes(content)
        assert sniff.sniff(tmp_path / other) == expected


@pytest.mark.parametrize("name", BY_SUFFIX_ALONE)
def test_where_the_bytes_say_nothing_the_suffix_is_believed(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0\0\0\0\2\0\0\0\5\0\0\0" * 4)
    assert sniff.sniff(tmp_path / name) == BY_SUFFIX_ALONE[name]


@pytest.mark.parametrize("member", FOLDERS)
def test_a_folder_is_known_by_what_lies_in_it(tmp_path, member):
    (tmp_path / member).write_bytes(b"")
    assert sniff.sniff(tmp_path) == FOLDERS[member]


@pytest.mark.parametrize(("network", "expected"), [("model.param", "ncnn"), ("model.xml", "openvino")])
def test_weights_are_known_by_the_network_beside_them(tmp_path, network, expected):
    (tmp_path / network).write_text("")
    (tmp_path / "model.bin").write_bytes(bytes(64))
    assert sniff.sniff(tmp_path / "model.bin") == expected
    assert sniff.sniff(tmp_path) == expected


def test_every_format_that_is_not_run_is_recognised_somewhere():
    seen = {format for _, format in FILES.values()} | set(BY_SUFFIX_ALONE.values()) | set(FOLDERS.values())
    assert set(known.RECOGNISED) <= seen


@pytest.mark.parametrize("format", known.RECOGNISED)
def test_a_format_that_is_not_run_is_refused_with_the_next_step(format):
    with pytest.raises(BackendMissing, match=r"This is an? ") as refusal:
        Registry().backends_for(format)
    assert len(refusal.value.hint) > 10


@pytest.mark.parametrize("format", sorted({*known.SUFFIXES.values()} - {"replay"}))
def test_a_format_that_a_plugin_runs_is_refused_with_what_to_install(format):
    with pytest.raises(BackendMissing) as refusal:
        Registry().backends_for(format)
    assert refusal.value.hint == INSTALL[format]


# ------------------------------------------------------------------------------------------- what is no model


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"this is not a model\n" * 20, "begins with 'this is not a mo'"),
        (b"<!DOCTYPE html><html>", "begins with '<!DOCTYPE html><'"),
        (b"PK\x03\x04 cut short", "damaged zip archive"),
        (b"\xff" * 64, "of no known model format"),
        (b"{}", "of no known model format"),
    ],
)
def test_what_is_no_model_is_said_with_its_first_bytes(tmp_path, content, said):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelUnreadable, match=said) as refusal:
        sniff.sniff(path)
    assert refusal.value.hint


def test_an_archive_around_a_model_is_refused_by_the_models_name(tmp_path):
    (tmp_path / "model.task").write_bytes(archive("face_detector.tflite", "labels.txt"))
    with pytest.raises(ModelUnreadable) as refusal:
        sniff.sniff(tmp_path / "model.task")
    assert refusal.value.hint == "unpack it and name face_detector.tflite"


def test_an_archive_of_very_many_members_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sniff, "MAX_ARCHIVE_MEMBERS", 3)
    (tmp_path / "model.pt").write_bytes(archive("a", "b", "c", "d"))
    with pytest.raises(ModelUnsafe, match="4 members"):
        sniff.sniff(tmp_path / "model.pt")


def test_a_missing_model_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(ModelUnreadable, match="There is no model"):
        sniff.sniff(tmp_path / "model.onnx")
    with pytest.raises(ModelUnreadable, match="without a model in it"):
        sniff.sniff(tmp_path)
    (tmp_path / "model.onnx").write_bytes(ONNX)
    with pytest.raises(ModelUnreadable, match="is a folder") as refusal:
        sniff.sniff(tmp_path)
    assert refusal.value.hint.endswith("model.onnx")


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_that_is_cut_is_never_taken_for_a_format_that_is_run_in_its_place(tmp_path, name):
    content, expected = FILES[name]
    path = tmp_path / "model"
    for length in range(1, len(content), max(1, len(content) // 60)):
        path.write_bytes(content[:length])
        try:
            found = sniff.sniff(path)
        except ModelUnreadable:
            continue
        assert found == expected or found in known.RECOGNISED


# ------------------------------------------------------------------------------------------- real files


def test_the_specimens_are_what_their_suffix_says():
    specimens = [path for path in ROOT.glob("plugins/edgerun-*/edgerun_*/double.*") if path.is_file()]
    assert len(specimens) >= 3
    for path in specimens:
        assert sniff.sniff(path) == known.SUFFIXES[path.suffix]


@pytest.mark.filterwarnings(
    "ignore:.*(torch.jit|TorchScript|Lite Interpreter):DeprecationWarning", "ignore::FutureWarning"
)
def test_torchs_own_files_are_told_apart_unopened(tmp_path):
    torch = pytest.importorskip("torch", reason="torch writes these files")
    model = torch.nn.Conv2d(3, 2, 1).eval()
    traced = torch.jit.trace(model, torch.zeros(1, 3, 4, 4))
    traced.save(str(tmp_path / "traced.pt"))
    torch.jit.freeze(traced).save(str(tmp_path / "frozen.pt"))
    torch.jit.script(model).save(str(tmp_path / "scripted.pt"))
    traced._save_for_lite_interpreter(str(tmp_path / "lite.ptl"))
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    torch.save(model, tmp_path / "whole.pt")
    torch.save(model.state_dict(), tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.export.save(torch.export.export(model, (torch.zeros(1, 3, 4, 4),)), tmp_path / "program.pt2")
    found = {path.name: sniff.sniff(path) for path in tmp_path.iterdir()}
    assert found == {
        "traced.pt": "torchscript",
        "frozen.pt": "torchscript",
        "scripted.pt": "torchscript",
        "lite.ptl": "torchscript",
        "weights.pt": "checkpoint",
        "whole.pt": "checkpoint",
        "legacy.pt": "checkpoint",
        "program.pt2": "pt2",
    }


def test_every_model_of_the_zoo_is_of_its_format(shared):
    entries = json.loads((shared / "models" / "manifest.json").read_text())["models"]
    formats = {"torchscript", "executorch", "onnx", "ort", "tflite", "mlmodel", "mlpackage"}
    for entry in entries:
        found = sniff.sniff(shared / "models" / entry["path"])
        assert found in formats
        assert entry["format"] in (found, "coreml"), entry["path"]


@pytest.mark.parametrize(
    "head", [b"\xfd7zXZ\0rest", b"\x1f\x8brest", b"BZh9rest", b"name".ljust(257, b"\0") + b"ustar"]
)
def test_a_packed_archive_is_to_be_unpacked(tmp_path, head):
    path = tmp_path / "model.onnx"
    path.write_bytes(head)
    with pytest.raises(ModelUnreadable, match="packed") as refusal:
        sniff.sniff(path)
    assert "unpack it" in refusal.value.hint


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.onnx")
    with pytest.raises(ModelUnreadable, match=r"model\.onnx is a pipe or a device"):
        sniff.sniff(tmp_path / "model.onnx")


def test_a_pointer_of_git_lfs_is_told_from_the_model_that_it_stands_for(tmp_path):
    """The text is that of git-lfs, docs/spec.md."""
    path = tmp_path / "model.onnx"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n")
    assert sniff.sniff(path) == "git-lfs"
    with pytest.raises(BackendMissing, match="a Git LFS pointer") as refusal:
        Registry().backends_for("git-lfs")
    assert "git lfs pull" in refusal.value.hint
