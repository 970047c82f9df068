"""A child process is asked in JSON lines, and how it ended is told."""

from __future__ import annotations

import os
import sys

import pytest

from edgerun.runtime import isolation
from edgerun.runtime.isolation import Child

ECHO = """
from edgerun.runtime.isolation import Parent
parent = Parent()
print("noise that is not an answer")
for request in parent.requests():
    if request.get("stop"):
        raise SystemExit("told to stop")
    parent.send({"echo": request})
"""


@pytest.fixture
def child(monkeypatch, tmp_path):
    """Starts a child process that runs a script."""
    children = []

    def start(script):
        path = tmp_path / "child.py"
        path.write_text(script)
        monkeypatch.setattr(isolation, "command", lambda module, arguments: [sys.executable, str(path)])
        children.append(Child("any"))
        return children[-1]

    yield start
    for one in children:
        one.close()


def test_what_is_asked_is_answered_and_what_is_printed_is_not_an_answer(child):
    echo = child(ECHO)
    for number in range(3):
        echo.send({"number": number})
        assert echo.receive(30) == {"echo": {"number": number}}


def test_how_a_child_ended_is_told_with_its_last_line(child):
    echo = child(ECHO)
    echo.send({"stop": True})
    assert echo.receive(30) is None
    assert echo.ending(30) == "ended with code 1: told to stop"
    echo.send({"number": 1})  # one that has ended does not bring its parent down


def test_a_child_that_ends_well_has_nothing_to_tell(child):
    done = child('print("{}", flush=True)')
    assert done.receive(30) == {}
    assert done.receive(30) is None
    assert done.ending() == ""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_crash_is_told_by_its_signal_and_a_cut_off_answer_is_left_out(child):
    crashed = child("""import os; os.write(1, b'{"whole": 1}\\n{"cut'); os.abort()""")
    assert crashed.receive(30) == {"whole": 1}
    assert crashed.receive(30) is None
    assert crashed.ending(30) == "was killed by SIGABRT"


def test_a_child_that_does_not_answer_or_end_is_given_up(child):
    stuck = child("import time; time.sleep(600)")
    with pytest.raises(TimeoutError, match=r"no answer within 0\.1 seconds"):
        stuck.receive(0.1)
    with pytest.raises(TimeoutError):
        stuck.ending(0.1)


def test_a_request_that_json_has_no_form_for_is_refused(child):
    with pytest.raises(TypeError):
        child(ECHO).send({"value": object()})
