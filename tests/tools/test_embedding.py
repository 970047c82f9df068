"""A model that carries its card says it, and computes what it computed."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector, models
from edgerun.errors import DecoderAmbiguous, InputError, ModelError
from edgerun.tools.embedding import embed

FOLDER = Path(__file__).parents[1] / "data"
PHOTO = FOLDER / "codes" / "scene_003.jpg"
CARRIERS = ["codes_int8.onnx", "codes.tflite", "codes.mlmodel", "codes_fp16.mlpackage"]


@pytest.fixture
def copied(tmp_path):
    """A model of ours, to be written over."""

    def copy(name: str) -> Path:
        source, target = FOLDER / "codes_models" / name, tmp_path / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
        return target

    return copy


@pytest.mark.parametrize("name", CARRIERS)
def test_the_card_travels_with_the_model(copied, tmp_path, name):
    path = copied(name)
    target = tmp_path / "out" / f"carrier{path.suffix}"
    assert embed(path, target, conf=0.125, iou=0.5) == target
    with Detector.load(path) as before, Detector.load(target) as after:
        assert before.card.conf != 0.125
        assert after.card.conf == 0.125
        for field in ("conf", "decoder", "labels", "color", "resize", "scale"):
            assert after.card.source(field) == "edgerun metadata"
        assert after.labels == before.labels
        old, new = before(PHOTO, conf=0.2, iou=0.5), after(PHOTO, conf=0.2)
        np.testing.assert_array_equal(old.xyxy, new.xyxy)
        np.testing.assert_array_equal(old.score, new.score)
        assert len(old) > 0
    assert list(target.parent.iterdir()) == [target]  # nothing else is left


@pytest.mark.parametrize("name", CARRIERS)
def test_a_later_card_replaces_an_earlier_one(copied, tmp_path, name):
    path = copied(name)
    embed(path, force=True, conf=0.125)
    embed(path, force=True, conf=0.25)
    with Detector.load(path) as detector:
        assert detector.card.conf == 0.25
        assert detector.card.source("conf") == "edgerun metadata"


@pytest.mark.parametrize("name", ["codes.ort", "codes.torchscript", "codes.pte"])
def test_a_file_without_a_place_for_a_card_is_refused_with_the_sidecar(copied, tmp_path, name):
    with pytest.raises(ModelError, match=r"codes\.") as refusal:
        embed(copied(name), tmp_path / "out")
    assert "--write-sidecar" in refusal.value.hint
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_unless_it_is_said(copied, tmp_path):
    path = copied("codes_int8.onnx")
    content = path.read_bytes()
    with pytest.raises(InputError, match="itself") as itself:
        embed(path)
    assert "--output" in itself.value.hint
    other = tmp_path / "other.onnx"
    other.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"other\.onnx is there already"):
        embed(path, other)
    assert path.read_bytes() == content
    assert other.read_bytes() == b"mine"
    embed(path, other, force=True)
    assert other.stat().st_size > len(content)


def test_a_copy_that_would_be_named_like_another_format_is_refused(copied, tmp_path):
    with pytest.raises(InputError, match=r"copy\.onnx is named like another format than tflite") as refusal:
        embed(copied("codes.tflite"), tmp_path / "copy.onnx")
    assert refusal.value.hint == "name it copy.tflite"
    assert not (tmp_path / "copy.onnx").exists()


def test_a_folder_is_never_removed_to_make_room(copied, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    for name in ("codes_int8.onnx", "codes_fp16.mlpackage"):
        with pytest.raises(InputError, match="is a folder"):
            embed(copied(name), folder, force=True)
    assert (folder / "thesis.txt").exists()


def test_a_model_of_ours_is_not_written_over_by_its_name():
    with pytest.raises(InputError, match="itself"):
        embed("codes")


def test_a_model_that_is_refused_has_no_card(colours, tmp_path):
    from dataclasses import replace

    from edgerun.runtime import installed

    real = next(decoder for decoder in installed.registry().decoders if decoder.name == "yolov8")
    habits = {"mean": {"mean=0": "some", "mean=0.5": "others"}}
    vague = replace(real, matches=lambda evidence: replace(real.matches(evidence), unsettled=habits))
    registry = replace(installed.registry(), decoders=[vague])
    with pytest.raises(DecoderAmbiguous):
        embed(colours(), tmp_path / "out.onnx", registry=registry)
    assert not (tmp_path / "out.onnx").exists()
    with Detector.load(embed(colours(), tmp_path / "out.onnx", registry=registry, mean=0), registry=registry) as loaded:
        assert loaded.card.source("mean") == "edgerun metadata"


def test_a_copy_that_computes_otherwise_is_not_handed_out(copied, tmp_path, monkeypatch):
    from edgerun_onnxruntime import OnnxRuntimeBackend

    def other_model(self, path, metadata, target):
        shutil.copyfile(models.find("codes"), target)

    monkeypatch.setattr(OnnxRuntimeBackend, "embed", other_model)
    with pytest.raises(ModelError, match="does not"):
        embed(copied("codes_int8.onnx"), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_other_tools_find_the_class_names_in_onnx_metadata(copied, tmp_path):
    import onnx

    target = embed(copied("codes_int8.onnx"), tmp_path / "out.onnx")
    onnx.checker.check_model(onnx.load(target))
    metadata = {entry.key: entry.value for entry in onnx.load(target).metadata_props}
    assert metadata["names"] == "{0: 'qr_code', 1: 'data_matrix', 2: 'aztec', 3: 'pdf417'}"
    assert sorted(metadata).count("edgerun") == 1


@pytest.mark.zoo
@pytest.mark.parametrize("name", ["yolov8n_litert_w8a32.tflite", "yolov8n_full_integer_quant.tflite",
                                  "efficientdet_lite0_int8.tflite"])  # fmt: skip
def test_weights_and_archives_behind_a_flatbuffer_move_along(shared, tmp_path, name):
    path = shared / "models" / "tflite" / name
    target = embed(path, tmp_path / name)
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(target) as after:
        assert after.namelist() == before.namelist()
        assert after.testzip() is None
        assert all(after.read(member) == before.read(member) for member in before.namelist())
    with Detector.load(target) as detector:
        assert detector.card.source("labels") == "edgerun metadata"
