"""Rows taken out of columns, compared, copied and sent to other processes."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context

import numpy as np
import pytest

from edgerun.detections import Detection, Detections


def test_labels_are_an_array_of_text_so_that_they_make_masks(found):
    assert found.label.tolist() == ["dog", "cat", "7"]
    assert found[found.label == "cat"].xyxy.tolist() == [[0, 0, 5, 5]]
    assert found[(found.label == "dog") | (found.score < 0.3)].score.tolist() == [np.float32(0.9), 0.25]
    assert len(found[found.label == "horse"]) == 0
    assert len(found[[]][found[[]].label == "dog"]) == 0
    assert [type(row.label) for row in found] == [str] * 3


@pytest.mark.parametrize("index", [True, False, np.True_, np.array(False)])
def test_a_single_bool_is_no_index(found, index):
    with pytest.raises(TypeError, match=r"a single (True|False) is no index"):
        found[index]


@pytest.mark.parametrize("index", ["dog", ["dog"], 1.0, [0.5, 1.0], None])
def test_texts_and_fractions_are_no_index(found, index):
    with pytest.raises(TypeError, match="is no index of rows"):
        found[index]


def test_masks_of_another_length_and_of_more_axes_are_refused(found):
    for index in ([True, False], np.ones(4, np.bool_), np.ones((3, 1), np.bool_), [[0, 1]]):
        with pytest.raises(IndexError):
            found[index]


def test_one_number_in_any_dress_gives_one_row(found):
    for index in (1, np.int64(1), np.array(1), -2):
        assert found[index].label.tolist() == ["cat"]


def test_equal_is_what_was_found_and_not_when(found, everything):
    again = Detections(found.xyxy, found.score, found.class_id, names=found.names, shape=found.shape)
    assert found == again
    assert again.speed != found.speed
    assert found != found[:2]
    assert found != found[[1, 0, 2]]
    assert everything == copy.deepcopy(everything)
    assert everything[:1] != everything[1:]
    assert found != 3
    moved = everything.masks.of_bitmaps(~everything.masks.bitmaps)
    assert everything != Detections(**{**{name: getattr(everything, name) for name in FIELDS}, "masks": moved})


FIELDS = ("xyxy", "score", "class_id", "names", "shape", "keypoints", "rotated", "masks")


def test_results_have_no_hash_and_rows_have(found, everything):
    with pytest.raises(TypeError, match="unhashable type: 'Detections'"):
        hash(found)
    assert len({*found, *found}) == 3
    first, second = everything
    assert first == next(iter(everything)) and first != second
    assert len({first, next(iter(everything)), second}) == 2
    assert first != 1


def same(one: Detections, other: Detections) -> bool:
    return one == other and (one.speed, one.path, one.frame) == (other.speed, other.path, other.frame)


def test_copies_are_equal_and_cannot_be_changed_either(found, everything):
    for result in (found, everything, found[[]]):
        for copied in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
            assert same(result, copied)
            assert not copied.xyxy.flags.writeable
    assert pickle.loads(pickle.dumps(list(everything))) == list(everything)


def test_they_are_dataclasses_for_asdict(everything):
    content = asdict(everything)
    assert content["shape"] == (40, 60)
    np.testing.assert_array_equal(content["keypoints"], everything.keypoints)
    assert asdict(next(iter(everything)))["label"] == "person"


def flipped(result: Detections) -> Detections:
    return result[::-1]


def test_they_pass_through_a_pool_of_processes(everything):
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        (back,) = pool.map(flipped, [everything])
    assert same(back, everything[::-1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_they_pass_through_joblib(everything, tmp_path):
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    joblib.dump(everything, tmp_path / "found.joblib")
    assert same(joblib.load(tmp_path / "found.joblib"), everything)


def test_corners_are_named_as_ultralytics_names_them(found, everything):
    assert found.xyxyxyxy is None
    assert everything.xyxyxyxy.shape == (2, 4, 2)
    np.testing.assert_allclose(everything.xyxyxyxy[0], [[3, 2], [20, 2], [20, 10], [3, 10]])
    assert everything[[]].xyxyxyxy.shape == (0, 4, 2)


def test_a_row_is_a_value(everything):
    assert isinstance(next(iter(everything)), Detection)
