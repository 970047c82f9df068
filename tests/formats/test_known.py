from __future__ import annotations

import io
import re
import zipfile

import pytest

from edgerun.formats import known
from edgerun.formats.sniff import sniff
from edgerun.wire.protobuf import encode_bytes, encode_number, encode_text


def checkpoint():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("archive/data.pkl", b"")
    return file.getvalue()


ONNX = encode_number(1, 8) + encode_text(2, "pytorch") + encode_bytes(7, encode_text(1, "node"))
TFLITE = b"\x10\0\0\0TFL3" + bytes(24)


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("model.onnx", TFLITE, "tflite"),
        ("model.tflite", ONNX, "onnx"),
        ("model.pte", ONNX, "onnx"),
        ("model.ONNX", checkpoint(), "checkpoint"),
    ],
)
def test_a_suffix_that_promises_another_format_is_named(tmp_path, name, content, format):
    path = tmp_path / name
    path.write_bytes(content)
    sentence = known.mismatch(path, sniff(path))
    assert name in sentence
    assert f"by its bytes it is {format}" in sentence
    assert "like a onnx" not in sentence


@pytest.mark.parametrize("name", ["model.onnx", "model.ort", "model.bin", "model"])
def test_a_suffix_that_promises_nothing_else_is_not_a_mismatch(tmp_path, name):
    assert known.mismatch(tmp_path / name, "ort") == ""


def test_every_format_in_the_tables_is_run_or_recognised():
    tables = (known.IDENTIFIERS, known.MAGICS, known.TEXTS, known.BY_SUFFIX, known.FOLDER_MEMBERS, known.FOLDER_PAIRS)
    named = {format for table in tables for format in table.values()} | {format for format, _ in known.ARCHIVE_MEMBERS}
    assert named <= {*known.SUFFIXES.values(), *known.RECOGNISED}


@pytest.mark.parametrize("format", known.RECOGNISED)
def test_a_format_that_is_not_run_has_a_name_and_a_next_step(format):
    recognised = known.RECOGNISED[format]
    assert re.match(r"an? ", recognised.name)
    assert len(recognised.hint) > 10


def test_a_file_that_is_packed_as_a_whole_is_known_by_its_beginning():
    assert all(known.is_packed(magic + b"rest") for magic in known.PACKED)
    assert known.is_packed(b"name".ljust(257, b"\0") + b"ustar")
    assert not known.is_packed(TFLITE)
    assert not known.is_packed(b"")
