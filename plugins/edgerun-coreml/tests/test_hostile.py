"""Damage of every kind through the backend's door: a file is opened or refused, nothing dies, nothing leaks.

``EDGERUN_HOSTILE=2000`` opens as many as a release is judged by, real models among them, and prints what it saw.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = int(os.environ.get("EDGERUN_HOSTILE", "200"))
SEED = 20
WORST = 30
"""Seconds of computing for one file after which something is wrong; the promise is 2, the machine may be slow."""
MEGABYTES = 1024


def real_models() -> list[str]:
    """In the long run only: they are large."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "models" / "coreml"
    return sorted(map(str, folder.iterdir())) if COUNT > 1000 and folder.is_dir() else []


def run(folder: Path) -> tuple[list[list], list[int]]:
    """All cases in child processes, which are started anew where one dies; verdicts, and cases that killed."""
    helpers = Path(__file__).with_name("helpers")
    environment = os.environ | {"HOSTILE_PATH": json.dumps([str(helpers), *filter(None, sys.path)])}
    verdicts, deaths, first = [], [], 0
    while first < COUNT:
        home = folder / str(first)
        home.mkdir()
        command = [sys.executable, str(helpers / "hostile.py"), str(home)]
        child = subprocess.run(
            [*command, str(SEED), str(first), str(COUNT), *real_models()],
            capture_output=True, text=True, check=False, timeout=3600, env=environment,
        )  # fmt: skip
        lines = child.stdout.splitlines()
        verdicts += [json.loads(line[5:]) for line in lines if line.startswith("done ")]
        if child.returncode == 0:
            break
        started = [int(line[6:]) for line in lines if line.startswith("start ")]
        assert started, child.stderr[-3000:]
        deaths.append(started[-1])
        sys.stdout.write(f"died at {started[-1]}, {child.returncode}: {child.stderr[-1500:]}\n")
        first = started[-1] + 1
    return verdicts, deaths


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited and measured as Linux does")
def test_damaged_and_hostile_files_are_opened_or_refused(tmp_path):
    verdicts, deaths = run(tmp_path)
    counts: dict[str, int] = {}
    for _, verdict, *_ in verdicts:
        counts[verdict] = counts.get(verdict, 0) + 1
    slowest = sorted(verdicts, key=lambda entry: -entry[2])[:5]
    grown = max(entry[3] for entry in verdicts)
    sys.stdout.write(f"{counts}, slowest {slowest}, grown by {grown} MB\n")
    assert not deaths
    assert len(verdicts) == COUNT
    assert set(counts) == {"opened", "refused"}, counts
    assert not [entry for entry in verdicts if entry[4]], "files outside of the package were opened"
    assert slowest[0][2] < WORST, slowest
    assert grown < MEGABYTES
