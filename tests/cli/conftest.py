"""What the tests of the command line share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}


@pytest.fixture
def edgerun(monkeypatch):
    """Runs a command in this process, in a pipe; the result has exit_code, stdout and stderr."""
    from edgerun.cli import app

    monkeypatch.setenv("COLUMNS", "")

    runner = CliRunner()

    def run(*arguments, exit_code=0):
        result = runner.invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == exit_code, result.output
        return result

    return run


@pytest.fixture
def process():
    """Runs a command as users do, in a process of its own."""

    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "edgerun", *map(str, arguments)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def model(colours) -> Path:
    """A detector of red, green and blue."""
    return colours(metadata=NAMES)


@pytest.fixture
def photo(tmp_path, squares) -> Path:
    """A picture of a red, a green and a blue square."""
    path = tmp_path / "squares.png"
    cv2.imwrite(str(path), squares)
    return path


@pytest.fixture
def clip(tmp_path, squares) -> Path:
    """A video of eight frames."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 64))
    for shift in range(8):
        writer.write(np.roll(squares, shift, 1))
    writer.release()
    return path


@pytest.fixture
def packed(model, tmp_path) -> Path:
    """The detector in an NN Archive."""
    path = tmp_path / "colours.tar.xz"
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model": {"metadata": {"name": "colours", "path": model.name}}}))
    with tarfile.open(path, "w:xz") as archive:
        archive.add(model, model.name)
        archive.add(config, config.name)
    return path
