from __future__ import annotations

import io

import pytest

from edgerun.cli import progress


class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_in_a_pipe_there_is_no_bar(capsys):
    with progress.counted() as advance:
        assert advance is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("what", ["[bold]model[/bold].onnx", "a [x] b"])
def test_names_are_shown_as_they_are(monkeypatch, what):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.counted() as advance:
        advance(2, 5, what)
    assert what in terminal.getvalue()
    assert "2/5" in terminal.getvalue()
