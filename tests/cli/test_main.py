"""The front door: help, version, what is imported before a command runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgerun import __version__

HEAVY = {"numpy", "cv2", "onnxruntime", "torch", "ai_edge_litert", "executorch", "coremltools", "tensorflow", "pluggy"}


@pytest.mark.parametrize("arguments", [["--help"], ["detect", "--help"], ["--version"], ["nonsense"]])
def test_nothing_heavy_is_imported_before_a_command_runs(arguments):
    script = f"""
import sys
from edgerun.cli import main
sys.argv = ["edgerun", *{arguments!r}]
try:
    main()
except SystemExit:
    pass
import json
print("\\n" + json.dumps(sorted(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(ran.stdout.splitlines()[-1])}
    assert not loaded & HEAVY
    assert "edgerun" in loaded


def test_the_version_is_printed(edgerun):
    assert edgerun("--version").stdout == f"edgerun {__version__}\n"


def test_help_names_every_command_and_the_exit_codes(edgerun):
    text = edgerun("--help").stdout
    for word in ("detect", "inspect", "card", "doctor", "plugins", "Exit codes"):
        assert word in text


def test_no_command_shows_the_help(edgerun):
    result = edgerun(exit_code=2)
    assert "Usage:" in result.output


@pytest.mark.parametrize("command", ["detect", "inspect", "card", "doctor", "plugins"])
def test_every_command_has_help_json_and_debug(edgerun, command):
    text = edgerun(command, "-h").stdout
    assert "--json" in text
    assert "--debug" in text


def test_a_command_that_is_not_is_wrong_usage(edgerun):
    assert "detekt" in edgerun("detekt", exit_code=2).stderr


def test_the_module_is_the_command(process):
    ran = process("--version")
    assert (ran.returncode, ran.stdout) == (0, f"edgerun {__version__}\n")
