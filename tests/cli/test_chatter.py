"""What native code prints on stderr is kept aside and shown where the run fails."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys, threading
from edgerun.cli.common import door, say
from edgerun.errors import InputError

def noise(number):
    os.write(2, b"native %d\\n" % number)

try:
    with door(debug={debug}) as way:
        say("ours", err=True)
        threads = [threading.Thread(target=noise, args=(number,)) for number in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        os.system("echo child >&2")
        if {fails}:
            raise InputError("It broke.", hint="mend it")
finally:
    os.write(2, b"afterwards\\n")
"""


def printed(**values):
    ran = subprocess.run([sys.executable, "-c", SCRIPT.format(**values)], capture_output=True, text=True, timeout=60)
    return ran.stderr.partition("Traceback")[0].splitlines()


def test_a_run_that_ends_well_is_quiet():
    assert printed(debug=False, fails=False) == ["ours", "afterwards"]


def test_a_run_that_fails_shows_what_was_printed():
    lines = printed(debug=False, fails=True)
    assert lines[:3] == ["ours", "error: It broke.", "  hint: mend it"]
    assert "--debug" in lines[3]
    assert sorted(lines[4:8]) == [f"  | native {number}" for number in range(4)]
    assert lines[8:] == ["  | child", "afterwards"]


@pytest.mark.parametrize("fails", [True, False])
def test_debug_shows_everything_as_it_comes(fails):
    lines = printed(debug=True, fails=fails)
    assert {"native 0", "native 3", "child"} <= set(lines)
    assert not [line for line in lines if line.startswith("  | ")]


def test_what_is_kept_is_bounded():
    script = """
import os
from edgerun.cli import chatter
chatter.MOST_BYTES = 1000
with chatter.kept(aside=True) as kept:
    for number in range(500):
        kept.trim()
        os.write(2, b"line %d\\n" % number)
    print(kept.lines[-1], len(kept.lines) <= chatter.MOST_LINES, os.fstat(2).st_size < 1100)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "line 499 True True\n"
    assert ran.stderr == ""
