from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from edgerun.errors import InputError
from edgerun.tools.evaluation import evaluate as module
from edgerun.tools.evaluation.error_split import Split
from edgerun.tools.evaluation.evaluate import Evaluated, evaluate
from edgerun.tools.evaluation.measures import Measures


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Two of our demo's images, labelled with what our detector finds there, but for one box each."""
    from edgerun import Detector

    folder = tmp_path_factory.mktemp("labelled")
    pictures = sorted((module.Path(__file__).parents[3] / "demo" / "pictures").glob("*.*"))[:3]
    images, annotations = [], []
    with Detector.load("codes") as detector:
        categories = [{"id": number + 5, "name": name} for number, name in enumerate(detector.card.labels)]
        for picture in pictures:
            number = len(images)
            target = folder / f"{number}.png"
            cv2.imwrite(str(target), cv2.imread(str(picture)))
            images.append({"id": number, "file_name": target.name})
            for row in detector(target):
                x1, y1, x2, y2 = row.box
                annotations.append(
                    {"id": len(annotations), "image_id": number, "category_id": row.class_id + 5}
                    | {"bbox": [x1, y1, x2 - x1, y2 - y1]}
                )
    assert len(annotations) > 3
    file = folder / "labels.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return file, sorted(folder.glob("*.png"))


def test_a_model_agrees_with_its_own_boxes(labelled):
    """Annotations are counted from 0, without areas and crowds."""
    pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    file, photos = labelled
    told = []
    found = evaluate(["codes", "codes"], file, photos, progress=lambda *step: told.append(step), conf=0.5)
    first, second = found.models
    assert found.images == len(photos)
    assert first.measures.values["AP"] == pytest.approx(1)
    assert first.split.counts == dict.fromkeys(first.split.counts, 0)
    assert (first.verdict, second.verdict) == ("", "no clear difference")
    assert second.difference == (0, 0)
    assert told[0] == (0, len(photos), "codes")
    assert json.loads(json.dumps(found.to_dict()))["models"][1]["verdict"] == "no clear difference"


def test_rows_below_the_usual_threshold_count(labelled):
    """As they do for COCO, unless a threshold is asked for."""
    pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    file, photos = labelled
    assert sum(evaluate(["codes"], file, photos).models[0].split.counts.values()) > 0


def test_images_without_labels_are_left_out_and_said(labelled, tmp_path):
    pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    file, photos = labelled
    stranger = tmp_path / "stranger.png"
    cv2.imwrite(str(stranger), np.zeros((40, 40, 3), np.uint8))
    found = evaluate(["codes"], file, [*photos, stranger])
    assert found.images == len(photos)
    assert f"1 of {len(photos) + 1} images are not in the labels and were left out." in found.notes


def test_labels_without_an_object_are_refused(labelled, tmp_path):
    _, photos = labelled
    empty = tmp_path / "empty.json"
    images = [{"id": 1, "file_name": photos[0].name}]
    empty.write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    with pytest.raises(InputError, match="No object is labelled"):
        evaluate(["codes"], empty, photos)


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [(0.03, 0.01, "better"), (-0.03, 0.01, "worse"), (0.0196, 0.01, "no clear difference"), (0.02, 0.01, "better")],
)
def test_a_difference_counts_beyond_two_standard_errors(value, error, verdict):
    assert Evaluated("m", Measures({}), Split(0, {}, {}), None, (value, error)).verdict == verdict
