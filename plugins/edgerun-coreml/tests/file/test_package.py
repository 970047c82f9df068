"""Packages: what is opened, and what is refused because it is damaged or hostile."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from wire_format import encode

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.package import checked, open_model

MODEL = encode("Model", {"specificationVersion": 6, "mlProgram": {"version": 1}})


def manifest(path: str = "com.apple.CoreML/model.mlmodel") -> str:
    return json.dumps({"rootModelIdentifier": "A", "itemInfoEntries": {"A": {"path": path}}})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "m.mlpackage"
    data = folder / "Data" / "com.apple.CoreML"
    (data / "weights").mkdir(parents=True)
    (folder / "Manifest.json").write_text(manifest())
    (data / "model.mlmodel").write_bytes(MODEL)
    (data / "weights" / "weight.bin").write_bytes((0).to_bytes(4, "little") + (2).to_bytes(4, "little") + bytes(56))
    return folder


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, str(file.relative_to(folder.parent)))
    return target


def test_a_folder_opens(package):
    model = open_model(package)
    assert model.spec.which("Type") == "mlProgram"
    assert model.weights("@model_path/weights/weight.bin") is model.weights("@model_path/weights/weight.bin")


def test_a_zipped_package_opens(package, tmp_path):
    model = open_model(zipped(package, tmp_path / "m.mlpackage.zip"))
    assert model.spec.specificationVersion == 6
    model.weights("@model_path/weights/weight.bin")


def test_a_single_file_opens_and_has_no_weights(tmp_path):
    (tmp_path / "m.mlmodel").write_bytes(MODEL)
    model = open_model(tmp_path / "m.mlmodel")
    with pytest.raises(ModelDamaged, match="lone"):
        model.weights("@model_path/weights/weight.bin")


def test_a_compiled_model_is_told_apart(tmp_path):
    (tmp_path / "m.mlmodelc").mkdir()
    (tmp_path / "m.mlmodelc" / "coremldata.bin").write_bytes(b"x")
    with pytest.raises(ModelUnsupported, match="compiled"):
        open_model(tmp_path / "m.mlmodelc")


@pytest.mark.parametrize("path", ["../m.mlmodel", "/etc/passwd", "a/../../b", "a\\b", "C:x", "", "a\0b"])
def test_a_manifest_that_points_outside_is_refused(package, path):
    (package / "Manifest.json").write_text(manifest(path))
    with pytest.raises(ModelDamaged):
        open_model(package)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"rootModelIdentifier": 1}', "[" * 100000, '"\\ud800"'])
def test_a_broken_manifest_is_refused(package, text):
    (package / "Manifest.json").write_text(text)
    with pytest.raises(ModelDamaged) as refusal:
        open_model(package)
    assert "Error(" not in str(refusal.value)


@pytest.mark.parametrize(
    "name",
    ["weights/weight.bin", "@model_path/../../../x", "@model_path//etc/passwd", "@model_path/none.bin"],
)
def test_weights_outside_the_package_are_refused(package, name):
    with pytest.raises(ModelDamaged):
        open_model(package).weights(name)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
@pytest.mark.parametrize("part", ["Data", "Data/com.apple.CoreML", "Data/com.apple.CoreML/model.mlmodel"])
def test_links_inside_a_package_are_not_followed(package, tmp_path, part):
    place = package / part
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelDamaged, match="link"):
        open_model(package)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_place_of_the_model_does_not_hang(package):
    place = package / "Data/com.apple.CoreML/model.mlmodel"
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(ModelDamaged, match="regular"):
        open_model(package)


def test_a_zip_bomb_is_refused(package, tmp_path):
    (package / "Data/com.apple.CoreML/model.mlmodel").write_bytes(bytes(64 << 20))
    with pytest.raises(ModelDamaged, match="unpack"):
        open_model(zipped(package, tmp_path / "bomb.zip"))


def test_a_zip_without_a_manifest_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.txt", "x")
    with pytest.raises(ModelDamaged, match=r"Manifest\.json"):
        open_model(tmp_path / "a.zip")


@pytest.mark.parametrize("content", [b"", b"\x08\x06", b"PK\x03\x04 rest", b"<html>", bytes(100)])
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "m.mlmodel").write_bytes(content)
    with pytest.raises(ModelDamaged):
        open_model(tmp_path / "m.mlmodel")


def test_checked_keeps_ordinary_paths():
    assert checked(PurePosixPath("a/b.bin")) == PurePosixPath("a/b.bin")


@pytest.mark.parametrize("place", ["Manifest.json", "Data/com.apple.CoreML/model.mlmodel"])
def test_a_folder_in_a_files_place_is_refused_and_nothing_stays_open(package, place):
    (package / place).unlink()
    (package / place).mkdir()
    for _ in range(2):
        with pytest.raises(ModelDamaged, match="not a regular file"):
            open_model(package)
    descriptor = os.open(package, os.O_RDONLY)
    os.close(descriptor)
    with pytest.raises(ModelDamaged):
        open_model(package)
    assert os.open(package, os.O_RDONLY) == descriptor
    os.close(descriptor)
