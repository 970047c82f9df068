"""Metadata of a TFLite file are written, and what was there stays byte by byte."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgerun.contract import Delegate, WritesMetadata
from edgerun.errors import ModelUnreadable
from edgerun_tflite import TfliteBackend, embedding
from edgerun_tflite.schema import verified

SPECIMEN = TfliteBackend.specimen


@pytest.fixture
def described(tmp_path) -> Path:
    """The specimen with metadata of others, an old card and an archive."""
    import flatbuffers

    model = schema.ModelT.InitFromPackedBuf(SPECIMEN.read_bytes())
    for name, content in (("min_runtime_version", b"1.5.0"), ("edgerun", b"old")):
        entry, buffer = schema.MetadataT(), schema.BufferT()
        entry.name, entry.buffer, buffer.data = name, len(model.buffers), list(content)
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "described.tflite"
    path.write_bytes(builder.Output())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
        archive.writestr("more.bin", bytes(range(256)))
    return path


def metadata(path: Path) -> dict[str, bytes]:
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    return {entry.name.decode(): bytes(model.buffers[entry.buffer].data) for entry in model.metadata}


def test_the_backend_offers_it():
    assert isinstance(TfliteBackend(), WritesMetadata)


def test_an_entry_is_added_where_there_is_none(tmp_path):
    target = tmp_path / "out.tflite"
    embedding.embed(SPECIMEN, {"edgerun": "a card ☃"}, target)
    assert metadata(target)["edgerun"].decode() == "a card ☃"
    assert SPECIMEN.read_bytes() in target.read_bytes()
    session = TfliteBackend().open(target, Delegate("cpu"), None)
    assert session.metadata["edgerun"] == "a card ☃".encode()
    session.close()


def test_an_entry_is_replaced_and_the_others_stay(described, tmp_path):
    target = tmp_path / "out.tflite"
    embedding.embed(described, {"edgerun": "new"}, target)
    before, after = metadata(described), metadata(target)
    assert after == before | {"edgerun": b"new"}
    verified(target.read_bytes())


def test_weights_stay_as_aligned_as_they_were(described, tmp_path):
    target = tmp_path / "out.tflite"
    embedding.embed(described, {"edgerun": "x" * 1001}, target)
    assert (target.stat().st_size - described.stat().st_size) % 64 == 0
    assert target.read_bytes()[4:8] == b"TFL3"


def test_the_archive_at_the_end_moves_along(described, tmp_path):
    target = tmp_path / "out.tflite"
    embedding.embed(described, {"edgerun": "new"}, target)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["labels.txt", "more.bin"]
        assert archive.testzip() is None
        assert archive.read("more.bin") == bytes(range(256))
        # places are told from the first byte of the file, as strict readers want it
        assert all(target.read_bytes()[one.header_offset :].startswith(b"PK\3\4") for one in archive.infolist())


def test_a_damaged_file_is_said(described, tmp_path):
    content = described.read_bytes()
    damaged = tmp_path / "damaged.tflite"
    said = 0
    for end in range(1, len(content), 7):
        damaged.write_bytes(content[:end])
        try:
            embedding.embed(damaged, {"edgerun": "new"}, tmp_path / "out.tflite")
        except ModelUnreadable:
            said += 1
    assert said > 50
    damaged.write_bytes(content[:40])
    with pytest.raises(ModelUnreadable, match="damaged"):
        embedding.embed(damaged, {"edgerun": "new"}, tmp_path / "out.tflite")
