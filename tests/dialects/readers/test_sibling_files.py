from __future__ import annotations

import pytest

from edgerun.dialects.readers import sibling_files


def folder_of(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ("model.onnx",),
        ("model.onnx", "model.tflite", "labels.txt"),
        ("model.onnx", "model_int8.onnx", "model-fp16.onnx", "model.quantized.onnx"),
        ("model.onnx", "model_320.onnx"),
        ("model.onnx", "recording.npz"),
    ],
)
def test_a_model_in_other_formats_and_numbers_is_alone(tmp_path, names):
    folder_of(tmp_path, *names)
    assert all(sibling_files.alone(tmp_path / name) for name in names if name.startswith("model"))


@pytest.mark.parametrize("names", [("model.onnx", "other.tflite"), ("yolo.onnx", "yolox.onnx")])
def test_two_models_are_not_alone(tmp_path, names):
    folder_of(tmp_path, *names)
    assert not any(sibling_files.alone(tmp_path / name) for name in names)


@pytest.mark.parametrize("said", ["model.onnx", "/opt/models/model.onnx", "C:\\models\\model.onnx", "./model.onnx"])
def test_a_model_is_named_by_the_last_part_of_a_path(tmp_path, said):
    assert sibling_files.names(said, tmp_path / "model.onnx")


@pytest.mark.parametrize("said", ["", None, 3, ["model.onnx"], "model", "my-model.onnx", "model.onnx/"])
def test_other_names_are_none(tmp_path, said):
    assert not sibling_files.names(said, tmp_path / "model.onnx")


def test_a_file_without_the_signs_is_somebody_elses_damaged_or_not(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{ not json")
    assert sibling_files.json_object(path, '"architectures"') == {}
    path.write_text('{ "architectures", not json')
    with pytest.raises(ValueError, match=r"config\.json cannot be read"):
        sibling_files.json_object(path, '"architectures"')
    path.write_text("[1]")
    assert sibling_files.json_object(path) == {}
    assert sibling_files.json_object(tmp_path / "none.json") == {}


def test_a_label_file_is_read_from_this_folder_alone(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "labels.txt").write_text("outside")
    for said in ("../labels.txt", str(tmp_path / "labels.txt"), "..", "", None, 3):
        assert sibling_files.label_file(inner, said) is None
    (inner / "labels.txt").write_text("cat\ndog")
    assert sibling_files.label_file(inner, "/somewhere/labels.txt") == ("cat", "dog")
    (inner / "labels.txt").write_text("")
    with pytest.raises(ValueError, match=r"labels\.txt"):
        sibling_files.label_file(inner, "labels.txt")
