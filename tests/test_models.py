"""Names of models that come with edgerun."""

from __future__ import annotations

import pytest

from edgerun import models
from edgerun.errors import ModelUnreadable


def test_a_name_is_ours_unless_a_file_is_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert models.find("codes") == models.NAMES["codes"]
    (tmp_path / "codes").mkdir()
    assert models.find("codes") == models.NAMES["codes"]
    (tmp_path / "codes").rmdir()
    (tmp_path / "codes").write_bytes(b"a model")
    assert str(models.find("codes")) == "codes"


def test_a_bare_name_that_is_nothing_is_told_what_there_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelUnreadable, match="no model named codez") as caught:
        models.find("codez")
    assert "codes" in caught.value.hint
    assert str(models.find("codez.onnx")) == "codez.onnx"
