from __future__ import annotations

import io
import json
import lzma
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from edgerun import Detector
from edgerun.errors import DecoderUnknown, ModelUnreadable, ModelUnsafe
from edgerun.formats import archives
from edgerun.tools import inspection

CONFIG = {
    "config_version": "1.0",
    "model": {
        "metadata": {"name": "colours", "path": "colours.onnx", "precision": "float32"},
        "inputs": [
            {
                "name": "images", "dtype": "float32", "input_type": "image", "shape": [1, 3, 64, 96], "layout": "NCHW",
                "preprocessing": {"mean": [0, 0, 0], "scale": [255, 255, 255], "dai_type": "BGR888p"},
            }
        ],
        "outputs": [{"name": "output0", "dtype": "float32"}],
        "heads": [{"parser": "YOLO", "metadata": {"classes": ["red", "green", "blue"], "subtype": "yolov8"}}],
    },
}  # fmt: skip
TRUTH = {"red": (16, 0, 32, 16), "green": (64, 16, 80, 32), "blue": (0, 48, 16, 64)}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Where archives are unpacked."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return lambda: list(place.iterdir())


def packed(path, members, mode="w:xz"):
    """An archive of (name or TarInfo, content)."""
    with tarfile.open(path, mode) as archive:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(content))
    return path


def config(**metadata):
    model = {**CONFIG["model"], "metadata": {**CONFIG["model"]["metadata"], **metadata}}
    return "config.json", json.dumps({**CONFIG, "model": model}).encode()


@pytest.mark.parametrize("mode", ["w:xz", "w:gz", "w:bz2", "w:"])
def test_an_archive_is_a_model(colours, squares, tmp_path, folders, mode):
    model = colours(bgr=True).read_bytes()
    path = packed(tmp_path / f"colours.tar.{mode[2:] or 'x'}", [("colours.onnx", model), config()], mode)
    (tmp_path / f"{path.name}.edgerun.json").write_text('{"edgerun": 1, "conf": 0.9}')
    with Detector.load(path) as detector:
        found = {row.label: row.box for row in detector(squares, nms="none") if row.box[2] - row.box[0] == 16}
        assert found == TRUTH
        assert (detector.card.color, detector.conf, detector.path) == ("bgr", 0.9, path)
        assert detector.report().model == str(path)
        assert folders()
    assert not folders()


def test_a_refused_model_leaves_nothing_behind(colours, tmp_path, folders):
    path = packed(tmp_path / "a.tar.xz", [("colours.onnx", colours().read_bytes()), config()])
    with pytest.raises(DecoderUnknown, match="4 labels"):
        Detector.load(path, labels=["a", "b", "c", "d"])
    assert not folders()
    assert inspection.inspect(path, labels=list("abcd"), decoder="yolov5").format == "onnx"
    assert not folders()


def test_a_forgotten_detector_is_cleaned_up_after(colours, tmp_path, folders):
    path = packed(tmp_path / "a.tar.xz", [("colours.onnx", colours().read_bytes()), config()])
    detector = Detector.load(path)
    assert folders()
    del detector
    assert not folders()


def test_any_other_path_is_itself(colours):
    path = colours()
    assert archives.unpacked(path)[0] is path
    assert archives.unpacked(Path("nowhere.tar.xz"))[0] == Path("nowhere.tar.xz")


def linked(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


@pytest.mark.parametrize(
    "member",
    [
        ("../colours.onnx", b"x"), ("/tmp/colours.onnx", b"x"), ("a/colours.onnx", b"x"), ("..\\colours.onnx", b"x"),
        linked("colours.onnx", "/etc/passwd"), linked("colours.onnx", "config.json", tarfile.LNKTYPE),
        linked("colours.onnx", "", tarfile.FIFOTYPE),
    ],
    ids=lambda member: str(getattr(member[0], "type", member[0])),
)  # fmt: skip
def test_nothing_is_written_or_read_elsewhere(tmp_path, folders, member):
    path = packed(tmp_path / "a.tar.xz", [member, config()])
    with pytest.raises(ModelUnreadable, match=r"colours\.onnx.*not in it"):
        Detector.load(path)
    assert not folders()
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.tar.xz", "temporary"}


@pytest.mark.parametrize("name", ["../colours.onnx", "", "other.onnx", None, 3])
def test_a_model_that_is_not_in_it_is_refused(tmp_path, folders, name):
    path = packed(tmp_path / "a.tar.xz", [("colours.onnx", b"x"), config(path=name)])
    with pytest.raises(ModelUnreadable, match="not in it"):
        Detector.load(path)
    assert not folders()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"model": 3}', b"\xff"])
def test_other_archives_are_to_be_unpacked(tmp_path, folders, content):
    path = packed(tmp_path / "a.tar.gz", [("colours.onnx", b"x"), ("config.json", content)], "w:gz")
    with pytest.raises(ModelUnreadable) as refusal:
        Detector.load(path)
    assert "unpack it" in refusal.value.hint
    assert not folders()


def test_bombs_are_refused(tmp_path, folders, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 1_000_000)
    path = packed(tmp_path / "a.tar.xz", [("colours.onnx", bytes(3_000_000)), config()])
    assert path.stat().st_size < 10_000
    with pytest.raises(ModelUnsafe, match="more than"):
        Detector.load(path)
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32
    (tmp_path / "b.tar.xz").write_bytes(lzma.compress(header.tobuf() + bytes(4096)))
    with pytest.raises(ModelUnsafe, match="header"):
        Detector.load(tmp_path / "b.tar.xz")
    many = packed(tmp_path / "c.tar.xz", [(f"{number}", b"") for number in range(archives.MOST + 1)])
    with pytest.raises(ModelUnsafe, match="members"):
        Detector.load(many)
    assert not folders()


def test_files_that_are_mostly_holes_are_not_taken(tmp_path, folders):
    """One of a few bytes that claims four gigabytes, in GNU's format: the size stands at 483, the sum at 148."""
    info = tarfile.TarInfo("colours.onnx")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (1 << 32)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    rest = packed(tmp_path / "rest.tar", [config()], "w:").read_bytes()
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(bytes(header) + rest))
    with pytest.raises(ModelUnreadable, match="not in it"):
        Detector.load(tmp_path / "a.tar.xz")
    assert not folders()


@pytest.mark.parametrize("keep", [0, 6, 40, 200])
def test_a_cut_archive_is_refused(colours, tmp_path, folders, keep):
    path = packed(tmp_path / "a.tar.xz", [("colours.onnx", colours().read_bytes()), config()])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelUnreadable, match=r"a\.tar\.xz"):
        Detector.load(path)
    assert not folders()


# ------------------------------------------------------------------------------------ MediaPipe's bundles


def bundle_of(tmp_path, **members):
    """A .task file: a zip file of stored members, as mediapipe's metadata writer makes it."""
    path = tmp_path / "bundle.task"
    with zipfile.ZipFile(path, "w") as bundle:
        for name, content in members.items():
            bundle.writestr(name.replace("_onnx", ".onnx").replace("_tflite", ".tflite"), content)
    return path


def test_the_one_model_of_a_bundle_is_opened_and_what_was_unpacked_is_deleted(colours, squares, tmp_path, folders):
    path = bundle_of(tmp_path, detector_onnx=colours().read_bytes(), notes="of no matter")
    with Detector.load(path, labels=["red", "green", "blue"]) as detector:
        assert detector.path == path
        assert len(folders()) == 1
        assert {row.label: tuple(map(round, row.box)) for row in detector(squares)} == TRUTH
    assert not folders()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"hand_detector_tflite": b"1", "hand_landmarks_detector_tflite": b"2"},
            "2 models: hand_detector.tflite, hand_",
        ),
        ({"notes": "nothing"}, "0 models: none"),
        ({"../escape_tflite": b"1"}, "1 models: ../escape.tflite"),
        ({"inside/escape_tflite": b"1"}, "1 models: inside/escape.tflite"),
    ],
)
def test_a_bundle_of_several_models_or_none_says_what_is_in_it(tmp_path, folders, members, message):
    with pytest.raises(ModelUnreadable, match=re.escape(message)) as refusal:
        archives.unpacked(bundle_of(tmp_path, **members))
    assert "unzip bundle.task" in refusal.value.hint
    assert not folders()


def test_a_damaged_bundle_is_one_sentence(tmp_path, folders):
    path = bundle_of(tmp_path, detector_tflite=b"weights" * 100)
    content = bytearray(path.read_bytes())
    content[content.index(b"weights")] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelUnreadable, match="damaged bundle"):
        archives.unpacked(path)
    assert not folders()


def test_a_bundle_that_would_fill_the_disk_is_refused(tmp_path, folders, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 100)
    with pytest.raises(ModelUnsafe, match="unpacks to more than 100 bytes"):
        archives.unpacked(bundle_of(tmp_path, detector_tflite=bytes(1000)))
    assert not folders()
