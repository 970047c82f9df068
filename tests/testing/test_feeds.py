"""The kit catches sessions that change their feeds, or whose results share memory with them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from edgerun.contract import Delegate, TensorSpec
from edgerun.testing import BackendConformance

KIT = BackendConformance()
CPU = Delegate("cpu")


class Session:
    inputs = (TensorSpec("x", (1, 4)),)

    def run(self, feeds):
        return {"y": feeds["x"] * 2}

    def close(self):
        pass


class InPlace(Session):
    def run(self, feeds):
        feeds["x"] *= 2
        return {"y": feeds["x"].copy()}


class Alias(Session):
    """As a runtime that gives an output in the memory of its input."""

    def run(self, feeds):
        twice = feeds["x"].copy() * 2
        feeds["x"][:] = twice
        return {"y": feeds["x"]}


def test_a_session_that_computes_elsewhere_passes():
    KIT.test_feeds_are_left_alone(Session())
    KIT.test_results_do_not_follow_their_feeds(Session())


def test_a_session_that_writes_into_its_feed_is_caught():
    with pytest.raises(AssertionError):
        KIT.test_feeds_are_left_alone(InPlace())


def test_a_result_in_the_memory_of_its_feed_is_caught():
    with pytest.raises(AssertionError):
        KIT.test_results_do_not_follow_their_feeds(Alias())


@pytest.mark.parametrize("session", [InPlace, Alias])
def test_a_program_that_writes_into_its_input_is_caught_where_it_gets_no_copy(session, tmp_path):
    backend = SimpleNamespace(name="made", open=lambda path, delegate, threads: session())
    with pytest.raises(AssertionError):
        KIT.test_a_program_that_writes_into_its_input_gets_a_copy(backend, CPU, tmp_path)


def test_a_backend_without_such_a_program_skips_it():
    with pytest.raises(pytest.skip.Exception, match="no program"):
        KIT.test_a_program_that_writes_into_its_input_gets_a_copy(SimpleNamespace(name="made"), CPU, None)


class Views(Session):
    """As a runtime whose results are views of its own memory."""

    def __init__(self):
        self.memory = np.zeros((1, 4), np.float32)

    def run(self, feeds):
        self.memory[:] = feeds["x"] * 2
        return {"y": self.memory}


class Freed(Session):
    """As a runtime whose memory is another's once the session is closed."""

    def __init__(self):
        self.given = []

    def run(self, feeds):
        self.given.append(feeds["x"] * 2)
        return {"y": self.given[-1]}

    def close(self):
        for array in self.given:
            array[:] = -1


class Locked(Session):
    """As a runtime whose results must not be written to."""

    def run(self, feeds):
        result = feeds["x"] * 2
        result.setflags(write=False)
        return {"y": result}


class Confused(Session):
    """As a runtime that a run that failed leaves in disorder."""

    failed = False

    def run(self, feeds):
        if not feeds or self.failed:
            self.failed = True
            raise RuntimeError("no feeds")
        return super().run(feeds)


class Lenient(Session):
    """As a runtime that computes with whatever was fed before."""

    def run(self, feeds):
        return {"y": feeds.get("x", np.zeros((1, 4))) * 2}


def of(kind):
    return SimpleNamespace(name="made", specimen="double", open=lambda path, delegate, threads: kind())


@pytest.mark.parametrize(("kind", "error"), [(Views, AssertionError), (Freed, AssertionError), (Locked, ValueError)])
def test_results_that_are_not_the_caller_s_are_caught(kind, error):
    KIT.test_results_outlive_later_runs_and_their_session(of(Session), CPU)
    with pytest.raises(error):
        KIT.test_results_outlive_later_runs_and_their_session(of(kind), CPU)


@pytest.mark.parametrize("kind", [Confused, Lenient])
def test_a_session_that_a_failed_run_spoils_or_that_needs_no_feed_is_caught(kind):
    KIT.test_a_run_that_fails_leaves_the_session_as_it_was(Session())
    with pytest.raises((RuntimeError, pytest.fail.Exception)):
        KIT.test_a_run_that_fails_leaves_the_session_as_it_was(kind())
