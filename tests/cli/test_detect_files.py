"""What `edgerun detect` writes beside its rows."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from edgerun.media import download

STRICT = ("--conf", "0.5")


def test_yolo_texts_are_written_for_every_image(edgerun, model, photo, clip, tmp_path):
    edgerun("detect", model, photo, clip, *STRICT, "--save-txt", tmp_path / "texts")
    names = {path.name for path in (tmp_path / "texts").iterdir()}
    assert names == {"squares.txt", *(f"clip-{frame:06d}.txt" for frame in range(8))}
    rows = [line.split() for line in (tmp_path / "texts" / "squares.txt").read_text().splitlines()]
    assert {row[0] for row in rows} == {"0", "1", "2"}
    assert all(len(row) == 5 and all(0 <= float(number) <= 1 for number in row[1:]) for row in rows)


def test_an_image_without_finds_has_an_empty_text(edgerun, model, photo, tmp_path):
    cv2.imwrite(str(photo), np.zeros((64, 96, 3), np.uint8))
    edgerun("detect", model, photo, *STRICT, "--save-txt", tmp_path / "texts")
    assert (tmp_path / "texts" / "squares.txt").read_text() == ""


def test_crops_lie_by_class(edgerun, model, photo, tmp_path):
    edgerun("detect", model, photo, *STRICT, "--save-crop", tmp_path / "crops")
    assert {path.name for path in (tmp_path / "crops").iterdir()} == {"red", "green", "blue"}
    red = cv2.imread(str(next((tmp_path / "crops" / "red").iterdir())))
    assert red[..., 2].mean() > 150 > 100 > red[..., 0].mean()


@pytest.mark.parametrize("option", ["--save-txt", "--save-crop"])
def test_nobodys_labels_are_overwritten(edgerun, model, photo, tmp_path, option):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "squares.txt").write_text("by hand")
    assert "is not empty" in edgerun("detect", model, photo, option, tmp_path / "labels", exit_code=3).stderr
    assert (tmp_path / "labels" / "squares.txt").read_text() == "by hand"


@pytest.mark.parametrize("option", ["--save-txt", "--save-crop"])
def test_two_images_of_one_name_are_refused(edgerun, model, photo, tmp_path, option):
    other = tmp_path / "squares.jpg"
    shutil.copy(photo, other)
    assert "have one name" in edgerun("detect", model, photo, other, option, tmp_path / "x", exit_code=3).stderr


def test_a_class_name_leads_nowhere_else(edgerun, colours, photo, tmp_path):
    hostile = colours(metadata={"names": "['../../red', '..', 'blue']", "stride": "32"})
    edgerun("detect", hostile, photo, *STRICT, "--save-crop", tmp_path / "deep" / "crops")
    inside = {path.name for path in (tmp_path / "deep" / "crops").iterdir()}
    assert inside == {"_.._red", "_", "blue"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"crops"}


def test_frames_of_a_single_video_have_numbers_in_coco(edgerun, model, clip, tmp_path):
    edgerun("detect", model, clip, *STRICT, "--coco", tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {row["image_id"] for row in rows} == set(range(8))


def test_json_lines_are_a_line_an_image(edgerun, model, clip, photo, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    result = edgerun("detect", model, photo, bad, clip, "--json-lines", exit_code=3)
    first, second, *frames = map(json.loads, result.stdout.splitlines())
    assert first["path"] == str(photo)
    assert first["detections"]
    assert second["error"]["type"] == "InputError"
    assert [frame["frame"] for frame in frames] == list(range(8))


def test_json_lines_of_a_run_that_fails_at_once_are_one_line(edgerun, photo):
    (line,) = edgerun("detect", "missing.onnx", photo, "--json-lines", exit_code=3).stdout.splitlines()
    assert json.loads(line)["error"]["type"]


def test_an_image_of_the_web_is_fetched_where_the_user_says_so(edgerun, model, photo, monkeypatch):
    address = "https://example.org/squares.png"
    monkeypatch.setattr(download, "_open", lambda given: photo.open("rb"))
    refused = edgerun("detect", model, address, exit_code=3).stderr
    assert "--allow-download" in refused
    result = edgerun("detect", model, address, "--allow-download", "--json")
    (entry,) = json.loads(result.stdout)["results"]
    assert entry["path"] == address
    monkeypatch.setattr(download, "_open", lambda given: model.open("rb"))
    edgerun("detect", "https://example.org/colours.onnx", photo, "--allow-download")


def test_the_five_options_that_one_needs_come_first(edgerun, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = edgerun("detect", "--help").stdout
    first = text[text.index("Options ─") :].partition("╰")[0]
    for option in ("--save ", "--json", "--conf", "--classes", "--labels"):
        assert option in first
    assert first.count("--") == 6  # and --help
    assert "--conf" not in edgerun("inspect", "--help").stdout.partition("╰")[2].partition("╰")[0]
