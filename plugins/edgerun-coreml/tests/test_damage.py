"""Damaged packages by the hundred: each opens or is refused, quickly, within bounded memory, and nothing dies.

``COREML_DAMAGED=2000`` makes as many as a release is judged by.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from damaged_program import detector

COUNT = int(os.environ.get("COREML_DAMAGED", "250"))
MEGABYTES = 1024


MANIFEST = json.dumps({"rootModelIdentifier": "A", "itemInfoEntries": {"A": {"path": "c/model.mlmodel"}}}).encode()


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes cut off, or with some changed, removed or put in."""
    if chance.random() < 0.15:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        place, kind = chance.randrange(len(changed)), chance.randrange(4)
        if kind == 0:
            changed[place] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
        elif kind == 1:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del changed[place : place + chance.randrange(1, 20)]
        else:
            changed[place:place] = chance.randbytes(chance.randrange(1, 9))
        changed = changed or bytearray(b"\0")
    return bytes(changed)


CHILD = """
import json, resource, sys, time
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[2])
import onnxruntime
from edgerun_coreml.file.description import describe
from edgerun_coreml.errors import CoreMLError
from edgerun_coreml.listing import list_operators
from edgerun_coreml.mil import translate
from edgerun_coreml.file.package import open_model
from edgerun_coreml.running.session import open_session
onnxruntime.set_default_logger_severity(4)
opened = 0
for package in sorted(Path(sys.argv[1]).iterdir()):
    started = time.process_time()
    try:
        model = open_model(package)
        describe(model.spec)
        list_operators(model)
        if model.spec.which("Type") == "mlProgram":
            open_session(translate(model.spec, model.weights).graph, threads=1)
        opened += 1
    except CoreMLError:
        pass
    if time.process_time() - started > 2:
        print(package.name, "took", time.process_time() - started)
        raise SystemExit(3)
# the peak of this very program: ru_maxrss would hold that of the one that started it, too
status = Path("/proc/self/status")
if status.exists():
    kilobytes = int(status.read_text().partition("VmHWM:")[2].split()[0])
else:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(opened, kilobytes // 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no resource module")
def test_every_damaged_package_opens_or_is_refused(tmp_path):
    spec, weights = detector()
    chance = random.Random(11)
    for number in range(COUNT):
        files = {"Manifest.json": MANIFEST, "Data/c/model.mlmodel": spec, "Data/c/weights/weight.bin": weights}
        victim = chance.choices(list(files), [1, 8, 1])[0]
        files[victim] = damaged(files[victim], chance) if number else files[victim]
        for name, content in files.items():
            path = tmp_path / f"{number:05d}.mlpackage" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    started = time.perf_counter()
    paths: Any = json.dumps([path for path in sys.path if path] + [str(Path(__file__).parents[1])])
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), paths], capture_output=True, text=True, check=False, timeout=600
    )
    assert child.returncode == 0, (child.returncode, child.stdout[-500:], child.stderr[-2000:])
    opened, megabytes = map(int, child.stdout.split())
    assert 1 <= opened < COUNT / 2
    assert megabytes < MEGABYTES
    assert time.perf_counter() - started < 600
