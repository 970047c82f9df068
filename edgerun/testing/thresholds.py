"""Which rows a threshold keeps: those that score as much or more."""

from __future__ import annotations

import numpy as np

from edgerun.tensors import AnyArray
from edgerun.testing.comparing_rows import assert_same
from edgerun.testing.heads import Head, Reading, as_floats

__all__ = ["ThresholdConformance"]

LOW = 0.005
"""A threshold that many rows of nothing pass."""

MOST_TRIED = 40
"""Scores of a head."""


class ThresholdConformance:
    """Tests of every head."""

    def test_a_higher_threshold_keeps_the_better_rows_and_no_others(self, head: Head, reading: Reading) -> None:
        """A row whose score is the threshold or more stays."""
        size = head.sizes[0]
        objects = head.made_up(size)
        outputs = head.encoded(objects, size)
        threshold = _between(objects[:, 4])
        _, candidates = reading.candidates(head, size, outputs, conf=threshold)
        assert_same(candidates, objects[objects[:, 4] > threshold], head)
        _, none = reading.candidates(head, size, outputs, conf=1.0)
        assert len(none) == 0

    def test_a_score_of_just_the_threshold_stays(self, head: Head, reading: Reading) -> None:
        """Scores of eight bits have few values, and a threshold often is one of them."""
        size = head.sizes[0]
        outputs = head.encoded(head.made_up(size), size)
        _, read = reading.reader(head, size, outputs)
        scores = np.sort(read(as_floats(outputs), LOW).scores)
        assert len(scores)
        for score in scores[:: len(scores) // MOST_TRIED + 1]:
            kept = read(as_floats(outputs), float(score)).scores
            np.testing.assert_array_equal(np.sort(kept), scores[scores >= score])


def _between(scores: AnyArray) -> float:
    """A threshold that the worst object alone misses; where there is one object, one that it passes."""
    ordered = np.sort(scores)
    if len(ordered) > 1:
        return float(ordered[:2].mean())
    return float(ordered[0]) - 0.01
