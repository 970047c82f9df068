"""A file is tried in a process that may die of it, and what passed is remembered."""

from __future__ import annotations

import pytest

from edgerun.contract.guarded_trial import REFUSED, Ending, guarded_trial


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """Tries a file of this content by a script of this code, which leaves a letter each time; gives both."""
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    count = tmp_path / "count"

    def run(code, content="content", kind="fake/1", seconds=60.0):
        path, script = tmp_path / "model", tmp_path / "script.py"
        path.write_text(content)
        script.write_text(f"import os, sys\nopen({str(count)!r}, 'a').write('x')\n{code}")
        ending = guarded_trial(path, kind, script, ["more"], seconds)
        return ending, len(count.read_text())

    return run


def test_what_passed_is_remembered_by_content_and_version(tried):
    assert tried("assert sys.argv[2:] == ['more']") == (None, 1)
    assert tried("sys.exit(1)") == (None, 1)
    assert tried("", content="other") == (None, 2)
    assert tried("", kind="fake/2") == (None, 3)


@pytest.mark.parametrize("code", [REFUSED, 134])
def test_how_it_ended_is_told_each_time(tried, code):
    script = f"sys.stderr.write('why'); sys.stderr.flush(); os._exit({code})"
    assert tried(script) == (Ending(code, "why"), 1)
    assert tried(script) == (Ending(code, "why"), 2)


def test_one_that_never_ends_has_no_status(tried):
    assert tried("import time; time.sleep(60)", seconds=0.5)[0] == Ending(None)


def test_what_lies_beside_the_script_is_not_imported(tried, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    assert tried("import json")[0] is None


def test_without_a_python_nothing_is_tried_and_that_is_said(tried, monkeypatch):
    monkeypatch.setattr("sys.executable", "")
    with pytest.warns(UserWarning, match="opened untried"), pytest.raises(FileNotFoundError):
        tried("")
