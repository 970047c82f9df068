"""The kit catches sessions that change their feeds, or whose results share memory with them."""

from __future__ import annotations

from types import SimpleNamespace

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
