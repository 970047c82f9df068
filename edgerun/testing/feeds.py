"""What a run must not do to its feeds, and what feeds must not do to results: they never share memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Backend, Delegate, Session
from edgerun.testing.fixtures import BackendFixtures, doubled

__all__ = ["FeedConformance"]


class FeedConformance(BackendFixtures):
    """A caller writes the next frame into the same array, and only where the image changes."""

    @pytest.fixture
    def overwriting(self) -> Path | None:
        """A model that doubles its input in place and returns it; give one where programs of the format can do so.

        Input and output are float32 [1, 4], as the specimen's.
        """
        return None

    def test_feeds_are_left_alone(self, session: Session) -> None:
        """A run reads its feeds and nothing more."""
        x = np.array([[1, 2, 3, 4]], np.float32)
        doubled(session, x)
        np.testing.assert_array_equal(x, [[1, 2, 3, 4]])

    def test_results_do_not_follow_their_feeds(self, session: Session) -> None:
        """What is written into the feed after a run does not show in its result."""
        x = np.array([[1, 2, 3, 4]], np.float32)
        result = doubled(session, x)
        x[:] = 9
        np.testing.assert_allclose(result, [[2, 4, 6, 8]], rtol=1e-3)

    def test_results_outlive_later_runs_and_their_session(self, healthy: Backend, delegate: Delegate) -> None:
        """They are the caller's own memory: he may write into them, and none of them is another's."""
        session = healthy.open(healthy.specimen, delegate, 1)
        feeds = [np.full((1, 4), number, np.float32) for number in (1, 2, 3)]
        results = [doubled(session, feed) for feed in feeds]
        np.testing.assert_allclose(doubled(session, feeds[0]), 2, rtol=1e-3)
        session.close()
        for number, result in enumerate(results, 1):
            np.testing.assert_allclose(result, np.full((1, 4), 2 * number), rtol=1e-3)
            result[:] = 0

    def test_a_run_that_fails_leaves_the_session_as_it_was(self, session: Session) -> None:
        """Without its feed nothing can be computed; with it the next run is right."""
        with pytest.raises(Exception):  # noqa: B017, PT011 - a runtime raises whatever it raises
            session.run({})
        np.testing.assert_allclose(doubled(session, np.ones((1, 4), np.float32)), 2, rtol=1e-3)

    def test_a_program_that_writes_into_its_input_gets_a_copy(
        self, healthy: Backend, delegate: Delegate, overwriting: Path | None
    ) -> None:
        """The feed stays as it was, run after run, and results are the caller's."""
        if overwriting is None:
            pytest.skip(f"{healthy.name} gives no program that writes into its input")
        session = healthy.open(overwriting, delegate, 1)
        x = np.array([[1, 2, 3, 4]], np.float32)
        for _ in range(2):
            result = next(iter(session.run({session.inputs[0].name: x}).values()))
            np.testing.assert_array_equal(x, [[1, 2, 3, 4]])
            np.testing.assert_array_equal(result, [[2, 4, 6, 8]])
        x[:] = 9
        np.testing.assert_array_equal(result, [[2, 4, 6, 8]])
        session.close()
