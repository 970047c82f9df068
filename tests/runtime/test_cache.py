"""One folder, whole entries, a limit."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from edgerun.errors import InputError
from edgerun.runtime import cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGERUN_CACHE_LIMIT", raising=False)
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "edgerun"),
        ("win32", "LOCALAPPDATA", "edgerun"),
    ],
)
def test_the_folder_is_where_this_system_keeps_caches(monkeypatch, tmp_path, platform, variable, expected):
    monkeypatch.delenv("EDGERUN_CACHE")
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.folder() == tmp_path / expected


def test_on_a_mac_it_is_in_the_library(monkeypatch):
    monkeypatch.delenv("EDGERUN_CACHE")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.folder() == Path.home() / "Library/Caches/edgerun"


def test_what_is_written_is_read_again(folder):
    path = cache.write("tune/a.json", {"x": [1, "ü"]})
    assert path == folder / "tune/a.json"
    assert cache.read("tune/a.json") == {"x": [1, "ü"]}
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]  # no draft stays behind
    assert cache.read("tune/b.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"x": 1', b"\xff\xfe", b"[1]", b"null", b"[" * 100_000])
def test_a_damaged_entry_is_ignored_with_a_warning(folder, content):
    cache.write("tune/a.json", {}).write_bytes(content)
    with pytest.warns(UserWarning, match="damaged and ignored"):
        assert cache.read("tune/a.json") is None


def test_a_failed_write_leaves_the_old_entry_whole(folder):
    cache.write("tune/a.json", {"x": 1})
    with pytest.raises(TypeError):
        cache.write("tune/a.json", {"x": object()})
    assert cache.read("tune/a.json") == {"x": 1}
    assert [entry.name for entry in (folder / "tune").iterdir()] == ["a.json"]


def test_a_folder_that_cannot_be_written_is_one_sentence(folder):
    folder.write_text("a file is in the way")
    with pytest.raises(InputError, match="cannot be written") as refusal:
        cache.write("tune/a.json", {})
    assert "EDGERUN_CACHE" in refusal.value.hint
    with pytest.warns(UserWarning, match="compiled models are not kept"):
        assert cache.compiled("model", "key") is None


def test_compiled_models_have_a_folder_for_each_key(folder):
    first, second = cache.compiled("yolo-cuda", "version 1"), cache.compiled("yolo-cuda", "version 2")
    assert first != second
    assert first.parent == second.parent == folder / "compiled"
    assert cache.compiled("yolo-cuda", "version 1") == first


def test_beyond_the_limit_what_was_not_used_for_longest_is_deleted(monkeypatch):
    places = []
    for number in range(4):
        place = cache.compiled("model", str(number))
        (place / "engine").write_bytes(bytes(400_000))
        os.utime(place / cache.USED, (1000 + number, 1000 + number))
        places.append(place)
    monkeypatch.setenv("EDGERUN_CACHE_LIMIT", "1")
    cache.compiled("model", "0")  # used again: 1 and 2 are the oldest now
    assert [(place / "engine").exists() for place in places] == [True, False, False, True]
    assert cache.size() <= 1_000_000


def test_the_one_in_use_is_never_deleted(monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE_LIMIT", "0")
    place = cache.compiled("model", "key")
    (place / "engine").write_bytes(bytes(1000))
    assert cache.compiled("model", "key") == place
    assert (place / "engine").exists()


def test_a_limit_that_is_no_number_is_said_and_the_usual_one_holds(monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE_LIMIT", "2 GB")
    with pytest.warns(UserWarning, match="not a number of megabytes"):
        assert cache.limit() == 2_000_000_000


def test_a_digest_tells_files_and_folders_apart(tmp_path):
    one, two = tmp_path / "a.tflite", tmp_path / "b.tflite"
    one.write_bytes(b"x" * 100)
    two.write_bytes(b"x" * 100)
    assert cache.digest(one) == cache.digest(two)
    two.write_bytes(b"y" * 100)
    assert cache.digest(one) != cache.digest(two)
    package = tmp_path / "a.mlpackage"
    (package / "Data").mkdir(parents=True)
    (package / "Data" / "weights").write_bytes(b"1")
    before = cache.digest(package)
    (package / "Data" / "weights").rename(package / "Data" / "other")
    assert cache.digest(package) != before


def test_weights_beside_an_onnx_file_count(tmp_path):
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 64]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    path = tmp_path / "model.onnx"
    save(helper.make_model(graph), path, save_as_external_data=True, location="weights.any", size_threshold=0)
    before = cache.digest(path)
    (tmp_path / "photo.any").write_bytes(b"1")
    assert cache.digest(path) == before
    os.utime(tmp_path / "weights.any", (1, 1))
    assert cache.digest(path) != before


def test_the_machine_is_what_speed_depends_on():
    machine = cache.machine()
    assert all(machine.values())
    assert int(machine["cores"]) >= 1


def test_no_folder_is_not_the_current_one(tmp_path, monkeypatch):
    (tmp_path / "somebody's.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    assert cache.files("") == set()
    assert cache.files(str(tmp_path)) != set()
