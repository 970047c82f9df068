"""Several results of one image as one."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.detections import Detections
from edgerun.errors import InputError


def row(name, score, names=("cat", "dog"), shape=(10, 10), **further):
    box = np.array([[0, 0, score, 1]], np.float32)
    return Detections(
        box, np.array([score], np.float32), np.array([names.index(name)], np.int32), names=names, shape=shape, **further
    )


def test_the_best_come_first(found):
    together = found[1:] + found[:1]
    assert together == found
    assert together.speed == {name: 2 * took for name, took in found.speed.items()}
    assert Detections.merge([found[2], found[0], found[1]]) == found


def test_classes_of_one_name_become_one():
    together = row("dog", 0.5) + row("dog", 0.75, names=("face", "dog"))
    assert together.names == ("cat", "dog", "face")
    assert together.label.tolist() == ["dog", "dog"]
    assert together.class_id.tolist() == [1, 1]


def test_a_class_that_has_another_number_elsewhere_is_renumbered():
    together = row("dog", 0.75, names=("dog", "face")) + row("cat", 0.5) + row("dog", 0.25)
    assert together.names == ("dog", "face", "cat")
    assert together.label.tolist() == ["dog", "cat", "dog"]
    assert together.class_id.tolist() == [0, 2, 0]


def test_every_column_travels(everything):
    assert everything[1:] + everything[:1] == everything


def test_results_without_rows_change_nothing(found, everything):
    for result in (found, everything):
        assert result + Detections.empty() == result
        assert Detections.empty(result.shape) + result == result
    assert len(Detections.empty() + Detections.empty()) == 0


def test_what_does_not_fit_is_refused(found, everything):
    cases = [
        ([], "nothing to merge"),
        ([row("cat", 0.5), row("cat", 0.5, shape=(20, 10))], "10 x 10 and 10 x 20"),
        ([row("cat", 0.5), Detections(found.xyxy, found.score, found.class_id, shape=(10, 10))], "no names"),
        ([row("cat", 0.5, shape=(40, 60)), everything], "other keypoints|other rotated|other bitmaps"),
    ]
    for results, words in cases:
        with pytest.raises(InputError, match=words):
            Detections.merge(results)
    with pytest.raises(TypeError):
        found + 3
