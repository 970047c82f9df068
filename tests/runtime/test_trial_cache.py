"""An answer of an earlier load is taken only where the model would give the very same one again."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np
import pytest

import edgerun
from edgerun.contract import Delegate
from edgerun.runtime import cache, trial_cache
from edgerun.runtime.trial_cache import TrialCache

OUTPUTS = {"boxes": np.arange(6, dtype=np.float32).reshape(1, 2, 3), "count": np.array([7], np.int64)}
SAMPLE = {"images": np.zeros((1, 3, 4, 4), np.float32)}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGERUN_CACHE_LIMIT", raising=False)
    return tmp_path / "cache" / "trials"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"weights")
    return path


def trials_of(model, **changes):
    """The cache of a model that is opened in a while, since file systems tell only such times apart."""
    opened = {
        "file": model,
        "format": "tflite",
        "backend": "tflite",
        "versions": ("edgerun-tflite 0.1.0", "2.3"),
        "delegate": Delegate("cpu"),
        "in_force": "cpu",
        "began": time.time() + 1,
    }
    return TrialCache.of(**(opened | changes))


class Runs:
    """Counts the runs that are made."""

    def __init__(self, outputs=OUTPUTS):
        self.count, self.outputs = 0, outputs

    def __call__(self):
        self.count += 1
        return self.outputs


def is_known(trials, request="textured", sample=SAMPLE, outputs=OUTPUTS):
    """Whether an answer is there already; it is afterwards, where it is kept at all."""
    runs = Runs(outputs)
    trials.answer(request, sample, runs)
    return runs.count == 0


def test_a_second_load_makes_no_run(model):
    assert not is_known(trials_of(model))
    found = trials_of(model).answer("textured", SAMPLE, pytest.fail)
    assert list(found) == ["boxes", "count"]
    for name, array in found.items():
        np.testing.assert_array_equal(array, OUTPUTS[name])
        assert (array.dtype, array.flags.owndata, array.flags.writeable) == (OUTPUTS[name].dtype, True, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"versions": ("edgerun-tflite 0.1.0", "2.4")},
        {"versions": ("edgerun-tflite 0.1.1", "2.3")},
        {"backend": "other"},
        {"delegate": Delegate("xnnpack")},
        {"delegate": Delegate("cpu", options={"precision": "fp16"})},
        {"in_force": "xnnpack"},
    ],
)
def test_another_runtime_plugin_or_delegate_is_run_again(model, changes):
    is_known(trials_of(model))
    assert not is_known(trials_of(model, **changes))
    assert is_known(trials_of(model))


def test_a_changed_model_is_run_again(model):
    is_known(trials_of(model))
    model.write_bytes(b"WEIGHTS")
    assert not is_known(trials_of(model))
    model.write_bytes(b"weights")
    os.utime(model, (1, 1))
    assert is_known(trials_of(model))


@pytest.mark.parametrize("location", ["w.bin", "weights/w.bin", f"{'w' * 200}.bin"])
def test_changed_weights_beside_an_onnx_file_are_run_again_whatever_their_time(tmp_path, location):
    model, weights = tmp_path / "model.onnx", tmp_path / location
    length = len(location) if len(location) < 128 else 0
    prefix = bytes([length]) if length else bytes([len(location) & 127 | 128, len(location) >> 7])
    model.write_bytes(b"...\n\x08location\x12" + prefix + location.encode() + b"...")
    weights.parent.mkdir(exist_ok=True)
    weights.write_bytes(b"1")
    os.utime(weights, (1, 1))
    assert not is_known(trials_of(model, format="onnx"))
    assert is_known(trials_of(model, format="onnx"))
    weights.write_bytes(b"2")
    os.utime(weights, (1, 1))
    assert not is_known(trials_of(model, format="onnx"))


def test_a_changed_file_of_a_package_is_run_again(tmp_path):
    package = tmp_path / "m.mlpackage"
    (package / "Data").mkdir(parents=True)
    (package / "Data" / "weights").write_bytes(b"1")
    assert not is_known(trials_of(package, format="mlpackage"))
    assert is_known(trials_of(package, format="mlpackage"))
    (package / "Data" / "weights").write_bytes(b"2")
    assert not is_known(trials_of(package, format="mlpackage"))


def test_another_version_of_edgerun_or_another_machine_runs_again(model, monkeypatch):
    is_known(trials_of(model))
    with monkeypatch.context() as patch:
        patch.setattr(trial_cache, "__version__", edgerun.__version__ + ".post1")
        assert not is_known(trials_of(model))
    monkeypatch.setattr(cache, "machine", lambda: {"processor": "another"})
    assert not is_known(trials_of(model))


def test_another_image_or_another_way_of_feeding_is_run(model):
    is_known(trials_of(model))
    assert not is_known(trials_of(model), request="blank")
    assert not is_known(trials_of(model), sample={"images": SAMPLE["images"] + 1})
    assert not is_known(trials_of(model), sample={"image": SAMPLE["images"]})
    assert not is_known(trials_of(model), sample={"images": SAMPLE["images"].astype(np.float64)})
    assert not is_known(trials_of(model), sample={"images": SAMPLE["images"].reshape(1, 4, 4, 3)})


def test_a_file_that_changes_while_it_is_opened_is_neither_looked_up_nor_kept(model, folder):
    is_known(trials_of(model))
    changing = trials_of(model, began=time.time() - 60)
    assert not is_known(changing)
    assert not is_known(changing)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "of a stranger"},  # which may keep weights in files that edgerun does not know
        {"versions": ("", "2.3")},
        {"versions": ("edgerun-tflite 0.1.0", "")},
        {"delegate": Delegate("coreml")},  # a device, whose driver may change
        {"delegate": Delegate("npu", options={"library": "/opt/npu.so"})},
    ],
)
def test_nothing_is_kept_where_a_change_would_not_be_seen(model, changes):
    assert trials_of(model, **changes) is None


def test_a_run_that_fails_is_not_kept(model, folder):
    def fails():
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        trials_of(model).answer("textured", SAMPLE, fails)
    assert not folder.exists()


@pytest.mark.parametrize("place", [0, 70, 200, -1])
def test_a_damaged_entry_is_run_again_and_replaced(model, folder, place):
    is_known(trials_of(model))
    (entry,) = folder.iterdir()
    content = bytearray(entry.read_bytes())
    content[place] ^= 1
    entry.write_bytes(content)
    assert not is_known(trials_of(model))
    assert is_known(trials_of(model))


@pytest.mark.parametrize("cut", [0, 10, 64, 65, 100, -1])
def test_a_part_of_an_entry_is_run_again(model, folder, cut):
    is_known(trials_of(model))
    (entry,) = folder.iterdir()
    entry.write_bytes(entry.read_bytes()[:cut])
    assert not is_known(trials_of(model))


def test_an_entry_under_the_name_of_another_one_is_run_again(model, folder):
    is_known(trials_of(model))
    (first,) = folder.iterdir()
    is_known(trials_of(model), request="blank")
    (second,) = set(folder.iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    assert not is_known(trials_of(model), request="blank")


def test_texts_and_what_is_large_are_not_kept(model, monkeypatch):
    assert not is_known(trials_of(model), outputs={"y": np.array(["a", None], object)})
    assert not is_known(trials_of(model), outputs={"y": np.array(["a", None], object)})
    monkeypatch.setattr(trial_cache, "MAX_OUTPUTS", 31)
    assert not is_known(trials_of(model))
    assert not is_known(trials_of(model))  # 24 + 8 bytes


def test_no_model_is_read_that_takes_longer_than_its_run(model, monkeypatch):
    monkeypatch.setattr(trial_cache, "MAX_MODEL", 6)
    assert not is_known(trials_of(model))
    assert not is_known(trials_of(model))


def test_beyond_the_limit_what_was_not_used_for_longest_is_deleted(model, folder, monkeypatch):
    is_known(trials_of(model), "first")
    size = next(folder.iterdir()).stat().st_size
    monkeypatch.setattr(trial_cache, "MAX_SHELF", 2 * size)
    os.utime(next(folder.iterdir()), (1000, 1000))
    is_known(trials_of(model), "second")
    for entry in folder.iterdir():
        os.utime(entry, (min(entry.stat().st_mtime, 2000),) * 2)
    assert is_known(trials_of(model), "first")  # and is used now
    assert not is_known(trials_of(model), "third")
    assert len(list(folder.iterdir())) == 2
    assert is_known(trials_of(model), "first")
    assert is_known(trials_of(model), "third")


def test_a_limit_of_nothing_keeps_nothing(model, folder, monkeypatch):
    monkeypatch.setenv("EDGERUN_CACHE_LIMIT", "0")
    assert not is_known(trials_of(model))
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_costs_a_run_and_no_words(model, folder, recwarn):
    folder.parent.write_text("a file is in the way")
    assert not is_known(trials_of(model))
    assert not is_known(trials_of(model))
    assert not recwarn.list


def test_the_cache_of_a_model_is_a_value(model):
    assert replace(trials_of(model, began=1.0)) == trials_of(model, began=1.0)
