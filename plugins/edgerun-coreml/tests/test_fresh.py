"""An environment with numpy, OpenCV and ONNX Runtime, without coremltools, torch, onnx and Pillow."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest
from model_files import colours, package

from edgerun import Detector

ROOT = Path(__file__).resolve().parents[3]
NEEDED = ("numpy", "onnxruntime", "opencv-python-headless", "pluggy", "typer", "rich")
ABSENT = ("coremltools", "torch", "onnx", "PIL")

USE = f"""
import json, sys
from importlib.util import find_spec
import numpy as np
from edgerun import Detector

def there(name):
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False

found = {{}}
for path in sys.argv[2:]:
    with Detector.load(path) as detector:
        rows = detector(np.load(sys.argv[1]))
        found[path] = [rows.xyxy.tolist(), rows.score.tolist(), rows.class_id.tolist()]
print(json.dumps([[name for name in {ABSENT} if there(name)], found]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Of an environment with what the plugin needs and nothing else."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=True)
    interpreter = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    ours = ["--editable", str(ROOT), "--editable", str(ROOT / "plugins" / "edgerun-coreml")]
    for command in ([*pip, *constraints, *NEEDED], [*pip, "--no-deps", *ours]):
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            pytest.skip(f"pip cannot install here: {ran.stderr.strip().splitlines()[-1:]}")
    return str(interpreter)


def detected(python, picture, *paths):
    ran = subprocess.run(
        [python, "-c", USE, str(picture), *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    present, found = json.loads(ran.stdout.splitlines()[-1])
    assert present == []
    return found


@pytest.mark.fresh
def test_a_package_is_detected_with_nothing_of_apples_installed(python, tmp_path):
    path, picture = package(tmp_path / "m.mlpackage", colours()), np.zeros((64, 96, 3), np.uint8)
    picture[16:24, 40:48] = (0, 0, 255)
    np.save(tmp_path / "picture.npy", picture)
    boxes, scores, classes = detected(python, tmp_path / "picture.npy", path)[str(path)]
    np.testing.assert_allclose(boxes, [[40, 16, 48, 24]], atol=1e-4)
    assert (scores, classes) == ([1.0], [0])


@pytest.mark.fresh
@pytest.mark.zoo
def test_real_models_give_there_what_they_give_here(python, tmp_path, shared):
    import cv2

    picture = cv2.imread(str(shared / "images" / "bus.jpg"))
    np.save(tmp_path / "picture.npy", picture)
    paths = sorted((shared / "models" / "coreml").iterdir())
    found = detected(python, tmp_path / "picture.npy", *paths)
    for path in paths:
        with Detector.load(path) as detector:
            here = detector(picture)
        boxes, scores, classes = found[str(path)]
        assert len(boxes) >= 4, path.name
        np.testing.assert_allclose(boxes, here.xyxy, atol=1e-3, err_msg=path.name)
        np.testing.assert_allclose(scores, here.score, atol=1e-5, err_msg=path.name)
        np.testing.assert_array_equal(classes, here.class_id, err_msg=path.name)
