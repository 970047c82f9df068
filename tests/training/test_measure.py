"""The figures on the model card are counted as the card says."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="measure.py runs the model by ONNX Runtime")
pytest.importorskip("cv2", reason="measure.py reads pictures by OpenCV")

from measure import Found, average_precision, hits, ious, read_truth, suppress

DATA = Path(__file__).parents[1] / "data" / "codes"
LABELS = ["qr_code", "data_matrix", "aztec", "pdf417"]


def found(*rows: tuple[float, float, float, float, int, float]) -> Found:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Found(table[:, :4], table[:, 4].astype(np.int64), table[:, 5])


def test_iou_of_halves_is_a_third() -> None:
    a, b = np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 3, 2]], np.float32)
    assert ious(a, b)[0, 0] == pytest.approx(1 / 3)


def test_a_code_is_hit_once_only() -> None:
    truth = found((0, 0, 10, 10, 0, 1))
    twice = found((0, 0, 10, 10, 0, 0.9), (0, 0, 10, 9, 0, 0.8))
    assert hits(twice, truth, 0.5, with_label=True).tolist() == [True, False]


def test_the_wrong_label_hits_only_without_regard_to_labels() -> None:
    truth, wrong = found((0, 0, 10, 10, 0, 1)), found((0, 0, 10, 10, 2, 0.9))
    assert not hits(wrong, truth, 0.5, with_label=True).any()
    assert hits(wrong, truth, 0.5, with_label=False).all()


def test_average_precision_is_one_when_all_is_found_and_falls_with_a_false_box_on_top() -> None:
    truth = [found((0, 0, 10, 10, 0, 1))]
    right = found((0, 0, 10, 10, 0, 0.7))
    assert average_precision([right], truth, 0, 0.75) == pytest.approx(1)
    worse = found((50, 50, 60, 60, 0, 0.9), (0, 0, 10, 10, 0, 0.7))
    assert average_precision([worse], truth, 0, 0.75) == pytest.approx(0.5)


def test_suppression_across_labels_leaves_one_box_in_a_place() -> None:
    output = np.zeros((8, 2), np.float32)
    output[:4] = np.array([[50, 50, 20, 20], [51, 50, 20, 20]], np.float32).T
    output[4, 0], output[6, 1] = 0.9, 0.8
    assert len(suppress(output, 0.5, agnostic=True).boxes) == 1
    assert len(suppress(output, 0.5, agnostic=False).boxes) == 2


def test_the_held_out_pictures_are_all_there() -> None:
    truth = read_truth(DATA, LABELS)
    assert len(truth) == 24
    assert sum(len(t.boxes) == 0 for t in truth.values()) == 4
    assert {int(label) for t in truth.values() for label in t.labels} == {0, 1, 2, 3}
    sizes = {
        i["file_name"]: (i["width"], i["height"]) for i in json.loads((DATA / "annotations.json").read_text())["images"]
    }
    for name, true in truth.items():
        assert (DATA / name).is_file()
        assert (true.boxes >= 0).all() and (true.boxes <= np.tile(sizes[name], 2) + 0.1).all()
