"""The kit catches backends that hold on to a file that they have refused or closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.contract import Health
from edgerun.testing import BackendConformance

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="files held are seen as Linux shows them")

PLUGIN = """
import mmap
from edgerun import hookimpl
from edgerun.contract import Delegate, Health
from pathlib import Path

HELD = []

class Session:
    inputs = outputs = ()
    delegate, metadata = "cpu", {{}}
    def __init__(self, file):
        self.file = file
    def close(self):
        if {closes}:
            self.file.close()

class Backend:
    name, formats, specimen = "made", ("made",), Path(__file__)
    def health(self):
        return Health(True, "1")
    def delegates(self):
        return [Delegate("cpu")]
    def open(self, path, delegate, threads):
        file = path.open("rb")
        HELD.append(file)
        if not file.read().startswith(b"model"):
            if {lets_go}:
                file.close()
            raise ValueError("it is damaged")
        return Session(file)

@hookimpl
def edgerun_register_backends():
    return [Backend()]
"""


class Kit(BackendConformance):
    plugin_module = "made_plugin"


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """(closes=True, lets_go=True) -> runs the test on a backend that does so."""

    def run(**habits):
        (tmp_path / "made_plugin.py").write_text(PLUGIN.format(**{"closes": True, "lets_go": True, **habits}))
        (tmp_path / "double.made").write_text("model" * 10)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")

        class Backend:
            name, specimen = "made", tmp_path / "double.made"

            def health(self):
                return Health(True, "1")

        folder = tmp_path / "files"
        folder.mkdir()
        Kit().test_a_file_is_let_go_when_its_session_is_closed_and_when_it_is_refused(Backend(), folder)

    return run


def test_a_backend_that_lets_go_passes(judged):
    judged()


@pytest.mark.parametrize("habit", ["closes", "lets_go"])
def test_a_backend_that_holds_on_to_a_file_is_caught(judged, habit):
    with pytest.raises(AssertionError):
        judged(**{habit: False})
