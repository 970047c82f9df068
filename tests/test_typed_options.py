"""A program that uses everything is clean for type checkers, and runs; five misspelt options are five errors."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "data" / "typed_program.py"
PICTURE = Path(__file__).parents[1] / "demo" / "pictures" / "parcel.jpg"
ROOT = Path(__file__).parents[1]

MISSPELT = {
    "delegate=": "delegat=",
    "max_det=20": "max_dets=20",
    "score_threshold=": "score_treshold=",
    "max_results=5": "max_result=5",
    "visibility=0.4, skeleton": "visible=0.4, skeleton",
}
"""Options of `load`, of a call, by another tool's name, of `acall` and of `draw`."""


def mypy(program):
    pytest.importorskip("mypy", reason="mypy is not installed")
    return [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        ROOT / ".mypy_cache",
        program,
    ]


def pyright(program):
    found = shutil.which("pyright")
    if found is None:
        pytest.skip("pyright is not installed; `pip install pyright[nodejs]` brings it")
    return [found, "--pythonpath", sys.executable, program]


CHECKERS = pytest.mark.parametrize("checker", [mypy, pyright], ids=lambda checker: checker.__name__)


def lines_with_errors(checker, program):
    """Line number of each error, in their order."""
    ran = subprocess.run(checker(program), capture_output=True, text=True, check=False, cwd=ROOT)
    marks = re.findall(rf"{re.escape(program.name)}:(\d+)(?::\d+)?(?: -|:) error:", ran.stdout)
    assert (ran.returncode == 0) == (not marks), ran.stdout + ran.stderr
    return [int(mark) for mark in marks]


@CHECKERS
def test_a_program_that_uses_everything_is_clean(checker):
    assert lines_with_errors(checker, PROGRAM) == []


@CHECKERS
def test_a_misspelt_option_is_an_error_where_it_stands(checker, tmp_path):
    code = PROGRAM.read_text()
    for right, wrong in MISSPELT.items():
        assert code.count(right) == 1
        code = code.replace(right, wrong)
    program = tmp_path / "program.py"
    program.write_text(code)
    lines = code.splitlines()
    expected = sorted(number for number, line in enumerate(lines, 1) for wrong in MISSPELT.values() if wrong in line)
    assert len(expected) == 5
    found = set(lines_with_errors(checker, program))  # mypy says of an overloaded call twice what is wrong
    assert sorted(found) == expected


def test_the_program_runs(tmp_path):
    ran = subprocess.run(
        [sys.executable, PROGRAM, "codes", PICTURE, tmp_path], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr
    assert "QR_CODE" in ran.stdout
    assert (tmp_path / "drawn.png").exists()
