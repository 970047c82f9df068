"""Models that are bytes: they are loaded and run, and nothing of them lies on a disk."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from edgerun import Detector
from edgerun.errors import BackendUnavailable, InputError, ModelUnreadable
from edgerun.runtime import in_memory

MODELS = sorted(
    path
    for path in (Path(__file__).parents[1] / "data" / "codes_models").glob("codes*")
    if path.is_file() and path.suffix != ".json"
)
PICTURE = Path(__file__).parents[2] / "demo" / "pictures" / "parcel.jpg"

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are of Linux alone")


def loaded(model, **options):
    try:
        return Detector.load(model, **options)
    except BackendUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Where files would be written: the temporary folder and edgerun's cache."""
    for name in ("temporary", "cache"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    return tmp_path


def descriptors_in_use():
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def written(folder, content):
    """Files that hold some of the model; a plugin may note that it has opened one."""
    parts = [content[start : start + 64] for start in range(len(content) // 4, len(content) - 64, len(content) // 9)]
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if any(part in path.read_bytes() for part in parts)]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
@pytest.mark.parametrize("as_file", [True, False])
def test_every_format_of_one_file_is_loaded_from_memory(path, as_file, places):
    expected = loaded(path)(PICTURE)
    before = descriptors_in_use()
    content = path.read_bytes()
    with loaded(io.BytesIO(content) if as_file else content, labels=expected.names) as detector:
        assert detector(PICTURE) == expected
        assert written(places, content) == []
        assert detector.path.suffix == path.suffix
    assert list((places / "temporary").iterdir()) == []
    assert len(descriptors_in_use() - before) <= 1  # a runtime may keep one of its own


def test_the_format_may_be_said_and_is_checked(colours):
    content = colours(metadata={"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}).read_bytes()
    with Detector.load(content, format="onnx") as detector:
        assert detector.labels == ("red", "green", "blue")
    with pytest.raises(ModelUnreadable, match="said to be tflite, and is onnx"):
        Detector.load(content, format="tflite")
    with pytest.raises(InputError, match="format is said of models in memory alone"):
        Detector.load("codes", format="onnx")


def test_what_looks_for_a_copy_on_a_disk_finds_one(places):
    content = bytes(range(256)) * 9
    (places / "cache" / "copy").write_bytes(content)
    assert written(places, content) == [places / "cache" / "copy"]


def test_nothing_that_a_delegate_compiles_is_kept(colours, places, monkeypatch):
    from edgerun.runtime import opening

    asked = []
    with_cache = opening._with_cache
    monkeypatch.setattr(opening, "_with_cache", lambda *given: asked.append(given) or with_cache(*given))
    path = colours(metadata={"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"})
    with Detector.load(path.read_bytes()) as in_memory_alone:
        assert asked == [] and in_memory_alone.opened.trials is None
        assert not (places / "cache" / "trials").exists()
    with Detector.load(path) as of_file:
        assert len(asked) == 1 and of_file.opened.trials is not None


def test_what_is_no_model_leaves_nothing_behind(places):
    before = descriptors_in_use()
    for content, words in ((b"nonsense" * 99, "model"), (b"", "is empty"), (io.StringIO("x"), "open as text")):
        with pytest.raises((ModelUnreadable, InputError), match=words):
            Detector.load(content)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("config.json"))
    with pytest.raises(ModelUnreadable, match="is an archive"):
        Detector.load(archive.getvalue())
    assert list((places / "temporary").iterdir()) == []
    assert descriptors_in_use() == before


def test_elsewhere_it_is_one_sentence(monkeypatch, places):
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(ModelUnreadable, match="on Linux alone") as refusal:
        in_memory.hold(b"x" * 99, None, [])
    assert refusal.value.hint
    assert list((places / "temporary").iterdir()) == []
