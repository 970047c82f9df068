from __future__ import annotations

import numpy as np
import pytest
from model_files import array, suppression, write

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.package import open_model
from edgerun_coreml.onnx.graph import Graph
from edgerun_coreml.running.session import open_session
from edgerun_coreml.running.suppression import Rules, Suppression, emit, pick_top, read_rules

APART = np.array([[0.2, 0.2, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2]], np.float32)
SAME = np.array([[0.5, 0.5, 0.4, 0.4], [0.52, 0.5, 0.4, 0.4]], np.float32)


def kept(confidence, coordinates, **rules):
    rules = {"iou": 0.5, "threshold": 0.25, "per_class": True} | rules
    return pick_top(np.array(confidence, np.float32), np.array(coordinates, np.float32), **rules).tolist()


def test_boxes_that_are_apart_stay_best_first():
    assert kept([[0.5, 0], [0.9, 0]], APART) == [1, 0]


def test_of_boxes_that_overlap_the_best_stays():
    assert kept([[0.5, 0], [0.9, 0]], SAME) == [1]


def test_per_class_only_the_same_best_class_takes_away():
    scores = [[0.5, 0.4], [0.3, 0.9]]
    assert kept(scores, SAME) == [1, 0]
    assert kept(scores, SAME, per_class=False) == [1]


def test_below_the_threshold_goes_and_at_the_threshold_stays():
    assert kept([[0.25, 0], [0.2499, 0]], APART) == [0]


def test_an_overlap_equal_to_the_threshold_stays():
    halves = [[0.5, 0.5, 1, 1], [0.5, 0.75, 1, 0.5]]  # the second is half of the first
    assert kept([[0.9], [0.8]], halves, iou=0.5) == [0, 1]
    assert kept([[0.9], [0.8]], halves, iou=0.499) == [0]


def test_equal_scores_keep_their_order():
    assert kept([[0.5], [0.5]], APART) == [0, 1]


def test_boxes_without_an_area_share_nothing():
    assert kept([[0.5], [0.5]], [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]]) == [0, 1]


def test_scores_and_boxes_that_are_no_numbers_do_no_harm():
    assert kept([[np.nan, 0.9], [0.5, 0]], APART) == [1]
    assert kept([[0.9], [0.5]], [[np.nan] * 4, [0.5, 0.5, 0.1, 0.1]]) == [0, 1]


def test_no_rows_at_all():
    assert kept(np.zeros((0, 3)), np.zeros((0, 4))) == []


def stage(tmp_path, **changed):
    return Suppression(open_model(write(tmp_path / "nms.mlmodel", suppression(**changed))).spec)


def test_the_thresholds_of_the_model_hold_where_none_are_given(tmp_path):
    feeds = {"scores": [[0.9, 0, 0], [0.3, 0, 0]], "boxes": APART}
    nms = stage(tmp_path)
    assert len(nms.run(feeds, None)["confidence"]) == 2
    assert len(nms.run(feeds | {"confidenceThreshold": 0.5}, None)["confidence"]) == 1
    same = feeds | {"boxes": SAME}
    assert len(nms.run(same, None)["confidence"]) == 1
    assert len(nms.run(same | {"iouThreshold": np.array([0.99])}, None)["confidence"]) == 2


def test_rows_keep_all_their_scores(tmp_path):
    scores = np.array([[0.9, 0.1, 0.2]], np.float32)
    result = stage(tmp_path).run({"scores": scores, "boxes": APART[:1]}, None)
    np.testing.assert_array_equal(result["confidence"], scores)
    np.testing.assert_array_equal(result["coordinates"], APART[:1])


def test_a_fixed_number_of_rows_is_filled_with_zeros_or_cut(tmp_path):
    output = [array("confidence", 3, 3), array("coordinates", 3, 4)]
    nms = stage(tmp_path, output=output)
    few = nms.run({"scores": [[0.9, 0, 0]], "boxes": APART[:1]}, None)
    assert few["confidence"].tolist() == [[np.float32(0.9), 0, 0], [0, 0, 0], [0, 0, 0]]
    many = nms.run({"scores": np.eye(3)[[0, 1, 2, 0, 1]], "boxes": np.tile(APART[:1], (5, 1)) * [[1]]}, None)
    assert many["coordinates"].shape == (3, 4)


def test_arrays_that_do_not_go_together_are_refused(tmp_path):
    nms = stage(tmp_path)
    with pytest.raises(RuntimeError, match=r"takes \[N, C\] and \[N, 4\]"):
        nms.run({"scores": np.zeros((2, 3)), "boxes": np.zeros((2, 5))}, None)
    with pytest.raises(RuntimeError, match="2 boxes for scores"):
        nms.run({"scores": np.zeros((3, 3)), "boxes": np.zeros((2, 4))}, None)


def test_a_leading_axis_of_one_is_taken(tmp_path):
    result = stage(tmp_path).run({"scores": np.eye(3)[None, :2], "boxes": APART[None]}, None)
    assert result["coordinates"].shape == (2, 4)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_an_impossible_threshold_is_damage(tmp_path, threshold):
    with pytest.raises(ModelDamaged, match="threshold"):
        stage(tmp_path, iouThreshold=threshold)


def test_an_impossible_number_of_rows_is_damage(tmp_path):
    rows = ((1 << 40, -1), (3, 3))
    with pytest.raises(ModelDamaged, match="at least"):
        stage(tmp_path, output=[array("confidence", ranges=rows), array("coordinates", ranges=((0, -1), (4, 4)))])


def by_onnx(rules: Rules, confidence, coordinates, iou, threshold):
    graph = Graph()
    inputs = [graph.input("c", np.float32, (None, confidence.shape[-1])), graph.input("b", np.float32, (None, 4))]
    limits = [graph.input("iou", np.float32, (1,)), graph.input("t", np.float32, (1,))]
    for value in emit(graph, rules, *inputs, *limits):
        graph.output(value)
    feeds = {"c": confidence, "b": coordinates, "iou": np.float32([iou]), "t": np.float32([threshold])}
    return open_session(graph, threads=1).run(None, feeds)


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("limits", [(0, None), (50, 60), (400, None)])
def test_the_graph_gives_what_numpy_gives(tmp_path, per_class, limits):
    random = np.random.default_rng(11)
    base = read_rules(open_model(write(tmp_path / "nms.mlmodel", suppression(5, per_class=per_class))).spec)
    rules = Rules(**{name: getattr(base, name) for name in Rules.__slots__} | {"least": limits[0], "most": limits[1]})
    confidence = random.random((300, 5), np.float32) ** 3
    coordinates = (random.random((300, 4)) * [1, 1, 0.3, 0.3]).astype(np.float32)
    threshold = float(confidence.max(axis=1)[17])  # a score that equals the threshold
    rows = pick_top(confidence, coordinates, iou=0.45, threshold=threshold, per_class=per_class)[: limits[1]]
    assert len(rows) > 20
    missing = ((0, max(0, limits[0] - len(rows))), (0, 0))
    scores, boxes = by_onnx(rules, confidence, coordinates, 0.45, threshold)
    np.testing.assert_array_equal(scores, np.pad(confidence[rows], missing))
    np.testing.assert_array_equal(boxes, np.pad(coordinates[rows], missing))


def test_the_graph_gives_nothing_where_nothing_scores(tmp_path):
    rules = read_rules(open_model(write(tmp_path / "nms.mlmodel", suppression(3))).spec)
    scores, boxes = by_onnx(rules, np.zeros((8, 3), np.float32), np.ones((8, 4), np.float32), 0.5, 0.25)
    assert scores.shape == (0, 3)
    assert boxes.shape == (0, 4)
