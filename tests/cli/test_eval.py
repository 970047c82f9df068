from __future__ import annotations

import json
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "demo" / "pictures"


@pytest.fixture
def data(tmp_path):
    """Labels for the demo's pictures: one box that is not there."""
    picture = sorted(DEMO.glob("*.*"))[0]
    file = tmp_path / "labels.json"
    content = {
        "images": [{"id": 1, "file_name": picture.name}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9]}],
        "categories": [{"id": 1, "name": "qr_code"}],
    }
    file.write_text(json.dumps(content))
    return file


def test_it_prints_measures_and_mistakes(edgerun, data):
    pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    result = edgerun("eval", "codes", "--data", str(data), "--images", str(DEMO), "--per-class")
    head = next(line for line in result.stdout.splitlines() if "AP50" in line)
    assert head.split()[:4] == ["model", "AP", "AP50", "AP75"]
    assert "missed" in result.stdout
    assert "qr_code" in result.stdout
    assert "left out" in result.stdout


@pytest.mark.parametrize(("arguments", "rows"), [((), None), (("--max-det", "300"), 300), (("--max-det", "7"), 7)])
def test_a_number_of_rows_counts_where_it_is_said(edgerun, data, monkeypatch, arguments, rows):
    """300 is also what the option is without a word."""
    from edgerun.errors import InputError
    from edgerun.tools.evaluation import evaluate as module

    told = {}

    def evaluate(models, data, photos, **load):
        told.update(load)
        raise InputError("enough")

    monkeypatch.setattr(module, "evaluate", evaluate)
    edgerun("eval", "codes", "--data", str(data), "--images", str(DEMO), *arguments, exit_code=3)
    assert told.get("max_det") == rows


def test_json_has_the_same(edgerun, data):
    pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    result = edgerun("eval", "codes", "--data", str(data), "--images", str(DEMO), "--json")
    (entry,) = json.loads(result.stdout)["models"]
    assert entry["measures"]["values"]["AP"] == 0
    assert entry["split"]["counts"]["missed"] == 1


def test_labels_that_are_not_there_are_one_sentence(edgerun, tmp_path):
    result = edgerun("eval", "codes", "--data", str(tmp_path / "none.json"), "--images", str(DEMO), exit_code=3)
    assert "There are no labels at" in result.stderr


def test_a_folder_without_images_is_refused(edgerun, data, tmp_path):
    (tmp_path / "empty").mkdir()
    result = edgerun("eval", "codes", "--data", str(data), "--images", str(tmp_path / "empty"), exit_code=3)
    assert "error: " in result.stderr
