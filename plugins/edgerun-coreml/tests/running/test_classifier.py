from __future__ import annotations

import numpy as np
import pytest

from edgerun_coreml.running.classifier import classified


def test_the_most_probable_label_and_all_probabilities():
    label, table = classified(np.array([[0.125, 0.75, 0.125]], np.float32), ("cat", "dog", "bird"))
    assert label == "dog"
    assert table == {"cat": 0.125, "dog": 0.75, "bird": 0.125}
    assert all(type(value) is float for value in table.values())


def test_labels_may_be_numbers():
    label, table = classified(np.array([0.75, 0.25]), (7, 9))
    assert label == 7
    assert table == {7: 0.75, 9: 0.25}


def test_of_equals_the_first_is_named():
    assert classified(np.array([0.5, 0.5]), ("a", "b"))[0] == "a"


def test_another_number_of_probabilities_is_refused():
    with pytest.raises(RuntimeError, match="3 probabilities for 2 labels"):
        classified(np.zeros(3), ("a", "b"))
    with pytest.raises(RuntimeError):
        classified(np.zeros(0), ())
