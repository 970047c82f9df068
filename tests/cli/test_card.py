"""edgerun card, from the outside."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun import Detector, models

FOLDER = Path(__file__).parents[1] / "data" / "codes"
FEW = ("--limit", "6", "--color", "rgb", "--resize", "letterbox")


@pytest.fixture
def bare(tmp_path) -> Path:
    """The codes detector without its card."""
    import onnx

    model = onnx.load(models.find("codes"))
    del model.metadata_props[:]
    path = tmp_path / "bare.onnx"
    onnx.save(model, path)
    return path


def test_what_is_open_and_the_readings_are_shown(edgerun, bare):
    text = edgerun("card", bare, "--images", FOLDER, *FEW).stdout
    assert re.search(r"^photos +6, something found in 6$", text, re.MULTILINE)
    assert re.search(r"^ +normalising +0\.\.1 +(clear|convention) +.*convention: YOLOv8", text, re.MULTILINE)
    assert re.search(r"^ +1\*? +0\.\.1 +0\.\d{3} +\d\.\d +\d+ % +6$", text, re.MULTILINE)
    assert re.search(r"--scale 1 --mean 0 --std 1$", text, re.MULTILINE)
    assert "as the model loads anyway" in text
    assert "--color" not in text  # it was said, so it is not varied


def test_json_is_made_of_the_same(edgerun, bare):
    content = json.loads(edgerun("card", bare, "--images", FOLDER, *FEW, "--json").stdout)
    assert content["settled"] is True
    assert content["chosen"]["scale"] == pytest.approx(1 / 255)
    assert [one["field"] for one in content["fields"]] == ["normalising"]
    assert len(content["readings"]) + len(content["refused"]) == 4
    assert content["photos"] == 6


def test_a_sidecar_is_written_when_asked_and_settles_the_model(edgerun, bare):
    edgerun("card", bare, "--images", FOLDER, *FEW, "--write-sidecar")
    with Detector.load(bare) as detector:
        assert {detector.card.source(name) for name in ("color", "scale", "resize")} == {"sidecar"}
    text = edgerun("card", bare, "--images", FOLDER, "--limit", "2").stdout
    assert "Nothing is open: file, sidecar and arguments say all" in text
    result = edgerun("card", bare, "--images", FOLDER, "--limit", "2", "--write-sidecar", exit_code=3)
    assert "--force" in result.stderr
    assert "Nothing is open" in result.stdout  # what took minutes is shown all the same


def test_a_sheet_that_is_no_picture_is_refused_before_any_work(edgerun, bare, tmp_path):
    page = tmp_path / "page.html"
    result = edgerun("card", bare, "--images", FOLDER, "--html", page, "--sheet", "sheet.txt", exit_code=3)
    assert "sheet.txt is not named like an image" in result.stderr
    assert not page.exists()


@pytest.mark.parametrize("option", ["--html", "--sheet"])
def test_a_page_never_writes_over_what_is_there_unasked(edgerun, bare, tmp_path, option):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"precious")
    assert "is there already" in edgerun("card", bare, "--images", FOLDER, option, photo, exit_code=3).stderr
    assert photo.read_bytes() == b"precious"


def test_what_is_not_clear_is_no_and_writes_nothing(edgerun, bare, monkeypatch):
    from edgerun.tools.settle import verdicts
    from edgerun.tools.settle.open_fields import OpenField

    monkeypatch.setattr(verdicts, "MIN_PHOTOS", 50)
    monkeypatch.setattr(OpenField, "__init__", _strict(OpenField.__init__))
    result = edgerun("card", bare, "--images", FOLDER, *FEW, "--write-sidecar", exit_code=1)
    assert "Not clear: normalising: only 6 of 6 photos" in result.stdout
    assert "no sidecar is written" in result.stderr
    assert not bare.with_name("bare.onnx.edgerun.json").exists()


def _strict(build):
    """Fields that no convention speaks for."""

    def built(self, name, why, values, strict):
        build(self, name, "", values, True)

    return built


def test_the_page_needs_nothing_else(edgerun, bare, tmp_path):
    page, sheet = tmp_path / "out" / "page.html", tmp_path / "out" / "sheet.png"
    edgerun("card", bare, "--images", FOLDER, *FEW, "--html", page, "--sheet", sheet)
    text = page.read_text()
    assert text.count("<img") >= 4
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "bare.onnx" in text
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[0] > 300


def test_names_cannot_write_into_the_page(edgerun, bare, tmp_path):
    evil = bare.with_name("<script>alert(1)</script>.onnx".replace("/", "-"))
    shutil.copyfile(bare, evil)
    edgerun("card", evil, "--images", FOLDER, *FEW, "--html", tmp_path / "page.html")
    assert "<script" not in (tmp_path / "page.html").read_text()


def test_labels_rank_by_average_precision(edgerun, bare):
    truth = FOLDER / "annotations.json"
    result = edgerun("card", bare, "--images", FOLDER, "--truth", truth, *FEW, "--json")
    content = json.loads(result.stdout)
    assert content["by"] == "average precision"
    assert content["readings"][0]["score"] > 0.3
    assert content["readings"][0]["steady"] is None
    same = edgerun("card", bare, "--images", FOLDER, "--labels-dir", truth, *FEW, "--json")
    assert json.loads(same.stdout)["readings"][0]["score"] == content["readings"][0]["score"]


def test_folders_without_photos_and_labels_without_a_match_are_said(edgerun, bare, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no images" in edgerun("card", bare, "--images", tmp_path / "empty", exit_code=3).stderr
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "one.jpg").write_bytes(b"no picture")
    assert "one.jpg" in edgerun("card", bare, "--images", tmp_path / "broken", exit_code=3).stderr
    (tmp_path / "other").mkdir()
    cv2.imwrite(str(tmp_path / "other" / "one.png"), np.zeros((8, 8, 3), np.uint8))
    result = edgerun("card", bare, "--images", tmp_path / "other", "--truth", FOLDER / "annotations.json", exit_code=3)
    assert "match none of the photos, such as one.png" in result.stderr


def test_a_command_that_asks_for_nothing_is_wrong_usage(edgerun, bare):
    assert "--images DIR, or --embed" in edgerun("card", bare, exit_code=2).stderr
    assert "need --images" in edgerun("card", bare, "--embed", "--html", "page.html", exit_code=2).stderr


def test_a_card_is_embedded(edgerun, bare, tmp_path):
    target = tmp_path / "carrier.onnx"
    text = edgerun("card", bare, "--embed", "--output", target, "--conf", "0.125").stdout
    assert str(target) in text
    with Detector.load(target) as detector:
        assert detector.card.source("conf") == "edgerun metadata"
    assert "itself" in edgerun("card", bare, "--embed", exit_code=3).stderr
    edgerun("card", bare, "--embed", "--force")


def test_what_photos_settle_is_embedded(edgerun, bare, tmp_path):
    target = tmp_path / "carrier.onnx"
    content = json.loads(
        edgerun("card", bare, "--images", FOLDER, *FEW, "--embed", "--output", target, "--json").stdout
    )
    assert content["embedded"] == str(target)
    with Detector.load(target) as detector:
        assert {detector.card.source(name) for name in ("color", "scale")} == {"edgerun metadata"}
