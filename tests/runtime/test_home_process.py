"""A detector that was loaded before a fork is refused in the child, at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from edgerun import Detector
from edgerun.errors import EdgerunError
from edgerun.runtime import home_process

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}"}


@pytest.fixture
def forked(monkeypatch):
    """Makes this process another one than that which loaded the model."""
    return lambda: monkeypatch.setattr(home_process.os, "getpid", lambda: -1)


@pytest.mark.parametrize(
    "use", [lambda detector, image: detector(image), lambda detector, image: detector.profile(image)]
)
def test_a_forked_process_is_refused_at_once_in_one_sentence(colours, squares, forked, use):
    detector = Detector.load(colours(metadata=NAMES))
    detector._frames.lock.acquire()  # by a thread that is not in the forked process
    forked()
    with pytest.raises(EdgerunError, match="loaded before this process was forked") as refusal:
        use(detector, squares)
    assert "spawn" in refusal.value.hint
    detector.close()  # waits for nothing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_real_fork_is_refused(colours):
    script = """
import os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from edgerun import Detector, EdgerunError
detector = Detector.load(sys.argv[1], threads=2)
image = np.zeros((64, 96, 3), np.uint8)
detector(image)
child = os.fork()
if child == 0:
    try:
        detector(image)
    except EdgerunError as refusal:
        os._exit(7 if "forked" in refusal.message else 1)
    os._exit(2)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(detector(image)))
"""
    command = [sys.executable, "-c", script, str(colours(metadata=NAMES))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["7", "0"]
