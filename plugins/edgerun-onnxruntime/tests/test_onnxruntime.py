from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Delegate
from edgerun.testing import BackendConformance
from edgerun_onnxruntime import OPEN, OnnxRuntimeBackend


class TestConformance(BackendConformance):
    runtime_modules = ("onnxruntime",)

    @pytest.fixture
    def backend(self):
        return OnnxRuntimeBackend()


SPINNING = "session.intra_op.allow_spinning"


@pytest.fixture
def opened():
    """Opens the specimen with these options of the CPU and two threads; closes all that are open first."""
    for session in list(OPEN):
        session.close()
    backend = OnnxRuntimeBackend()

    def start(**options):
        return backend.open(backend.specimen, Delegate("cpu", options=options), 2)

    return start


def spins(session):
    return session._opened.get_session_options().get_session_config_entry(SPINNING)


def test_threads_of_a_second_session_sleep_while_they_wait(opened):
    first = opened()
    second = opened()
    assert (spins(first), spins(second)) == ("1", "0")
    first.close()
    second.close()
    assert spins(opened()) == "1"


def test_whether_they_spin_can_be_said(opened):
    first, second = opened(spinning="off"), opened(spinning="on")
    assert (spins(first), spins(second)) == ("0", "1")


COUNT = """
import os, sys
from edgerun.contract import Delegate
from {module} import {backend} as Backend
backend = Backend()
threads = int(sys.argv[1])
session = backend.open(backend.specimen, next(offer for offer in backend.delegates() if offer.available), threads)
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux shows them")
def test_so_many_threads_are_so_many_threads():
    """The one that calls is among them, so one more is one more of the system's."""
    code = COUNT.format(module="edgerun_onnxruntime", backend="OnnxRuntimeBackend")

    def count(threads):
        ran = subprocess.run([sys.executable, "-c", code, str(threads)], capture_output=True, text=True, check=True)
        return int(ran.stdout)

    assert count(4) - count(1) == 3


def profiled(session):
    """Whether the threads of the session that is opened for a profile spin."""
    started, start = [], session._start
    session._start = lambda *folder: started.append(start(*folder)) or started[-1]
    session.profile({session.inputs[0].name: np.ones((1, 4), np.float32)})
    (own,) = started
    return own.get_session_options().get_session_config_entry(SPINNING)


def test_a_profile_is_measured_with_threads_that_spin_as_the_session_s_own_do(opened):
    """The session that is profiled is no other one beside it."""
    first = opened()
    assert profiled(first) == spins(first) == "1"
    second = opened()
    assert profiled(second) == spins(second) == "0"
    assert profiled(opened(spinning="on")) == "1"


def test_a_session_that_is_closed_is_no_other_session(opened):
    first, second = opened(), opened()
    assert {first, second} <= set(OPEN)
    first.close()
    second.close()
    second.close()
    assert not {first, second} & set(OPEN)
    assert spins(opened()) == "1"
