from __future__ import annotations

import io
import json
import tarfile
from types import SimpleNamespace

import pytest

from edgerun import models
from edgerun.errors import ModelUnreadable
from edgerun.formats.identify import identify

CONFIG = {"model": {"metadata": {"name": "colours", "path": "colours.onnx"}}}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Where archives are unpacked."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return lambda: list(place.iterdir())


@pytest.fixture
def pack(tmp_path):
    """Write an NN Archive around the bytes of a model."""

    def write(content):
        path = tmp_path / "colours.tar.xz"
        with tarfile.open(path, "w:xz") as archive:
            for name, member in (("colours.onnx", content), ("config.json", json.dumps(CONFIG).encode())):
                info = tarfile.TarInfo(name)
                info.size = len(member)
                archive.addfile(info, io.BytesIO(member))
        return path

    return write


def test_a_file_is_itself(colours):
    path = colours()
    with identify(path) as found:
        assert (found.path, found.file, found.format, found.is_packed) == (path, path, "onnx", False)
    assert path.exists()
    assert identify(str(path)).path == path


def test_a_model_of_ours_is_found_by_its_name():
    assert identify("codes").file == models.NAMES["codes"]


def test_an_archive_is_unpacked_until_it_is_closed(colours, pack, folders):
    content = colours().read_bytes()
    path = pack(content)
    with identify(path) as found:
        assert (found.path, found.format, found.is_packed) == (path, "onnx", True)
        assert found.file.read_bytes() == content
        assert len(folders()) == 1
    assert not folders()
    found.close()


@pytest.mark.parametrize("content", [b"", b"this is not a model\n" * 20])
def test_an_archive_without_a_model_that_is_known_leaves_nothing_behind(pack, folders, content):
    with pytest.raises(ModelUnreadable, match=r"colours\.onnx"):
        identify(pack(content))
    assert not folders()


@pytest.mark.parametrize("name", ["nothing.onnx", "nothing.tar.xz", "nothing"])
def test_what_is_not_there_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelUnreadable, match=r"There is no (file and no )?model"):
        identify(name)


def test_formats_of_backends_count_too(tmp_path):
    path = tmp_path / "model.mine"
    path.write_bytes(b"whatever")
    backend = SimpleNamespace(formats=("mine",))
    assert identify(path, [backend]).format == "mine"
    with pytest.raises(ModelUnreadable):
        identify(path)
