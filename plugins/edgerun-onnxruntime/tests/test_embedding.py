"""Entries of an ONNX file's metadata are written, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgerun.contract import WritesMetadata
from edgerun.errors import ModelError, ModelUnreadable
from edgerun_onnxruntime import OnnxRuntimeBackend, embedding

SPECIMEN = OnnxRuntimeBackend.specimen


@pytest.fixture
def described(tmp_path) -> Path:
    """The specimen with two entries."""
    model = onnx.load(SPECIMEN)
    helper.set_model_props(model, {"edgerun": "old", "author": "somebody ☃"})
    onnx.save(model, tmp_path / "described.onnx")
    return tmp_path / "described.onnx"


@pytest.fixture
def parted(tmp_path) -> Path:
    """A model whose weights lie in a file beside it."""
    weights = numpy_helper.from_array(np.arange(4096, dtype=np.float32), "weights")
    node = helper.make_node("Add", ["x", "weights"], ["y"])
    values = [helper.make_tensor_value_info(name, 1, [4096]) for name in ("x", "y")]
    model = helper.make_model(helper.make_graph([node], "parted", values[:1], values[1:], [weights]), ir_version=8)
    path = tmp_path / "parted.onnx"
    onnx.save(model, path, save_as_external_data=True, location="parted.bin", size_threshold=16)
    return path


def entries(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path, load_external_data=False).metadata_props}


def test_the_backend_offers_it():
    assert isinstance(OnnxRuntimeBackend(), WritesMetadata)


def test_an_entry_is_replaced_and_the_rest_stays_byte_by_byte(described, tmp_path):
    target = tmp_path / "out.onnx"
    embedding.embed(described, {"edgerun": "new", "names": "{}"}, target)
    assert entries(target) == {"author": "somebody ☃", "edgerun": "new", "names": "{}"}
    before, after = onnx.load(described), onnx.load(target)
    del before.metadata_props[:], after.metadata_props[:]
    assert before.SerializeToString(deterministic=True) == after.SerializeToString(deterministic=True)
    onnx.checker.check_model(onnx.load(target))


def test_weights_in_another_file_are_found_or_the_copy_is_refused(parted, tmp_path):
    embedding.embed(parted, {"edgerun": "new"}, tmp_path / "beside.onnx")
    loaded = onnx.load(tmp_path / "beside.onnx")
    assert numpy_helper.to_array(loaded.graph.initializer[0])[4095] == 4095
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ModelUnreadable, match="keeps its weights in another file") as refusal:
        embedding.embed(parted, {"edgerun": "new"}, tmp_path / "elsewhere" / "out.onnx")
    assert "same folder" in refusal.value.hint


def test_a_damaged_file_is_said(described, tmp_path):
    content = described.read_bytes()
    damaged = tmp_path / "damaged.onnx"
    said = 0
    for end in range(1, len(content)):
        damaged.write_bytes(content[:end])
        try:
            embedding.embed(damaged, {"edgerun": "new"}, tmp_path / "out.onnx")
        except ModelUnreadable:
            said += 1
    assert said > len(content) // 2  # a cut between two fields cannot be seen


def test_onnx_runtimes_own_format_is_refused(tmp_path):
    path = tmp_path / "model.ort"
    path.write_bytes(b"\x1c\0\0\0ORTM" + bytes(64))
    with pytest.raises(ModelError, match="ONNX Runtime's own format"):
        OnnxRuntimeBackend().embed(path, {"edgerun": "new"}, tmp_path / "out.ort")
