"""What a new user's environment holds and does: edgerun installed by pip into nothing, with no runtime or with one."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.fresh

ROOT = Path(__file__).resolve().parents[1]
PICTURE = str(ROOT / "demo" / "pictures" / "parcel.jpg")
LARGEST_MEGABYTES = 350
LARGEST_OWN_MEGABYTES = 3

USE = """
import json, sys, numpy as np
from edgerun import Detector
found = Detector.load(sys.argv[1], conf=0.05)(np.random.default_rng(0).integers(0, 255, (400, 300, 3), np.uint8))
print(json.dumps([len(found), sorted({name.partition(".")[0] for name in sys.modules})]))
"""


class Environment:
    """A virtual environment of its own; `install` takes folders of this checkout."""

    def __init__(self, folder: Path):
        venv.create(folder, with_pip=True)
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        (self.site,) = folder.rglob("site-packages")

    def install(self, *distributions: str) -> None:
        pip = [self.scripts / "python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt"]
        subprocess.run([*pip, *distributions], check=True, cwd=ROOT)

    def run(self, *command: str, code: int = 0) -> str:
        ran = subprocess.run([self.scripts / command[0], *command[1:]], capture_output=True, text=True, check=False)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stderr if code == 3 else ran.stdout

    def megabytes(self, *names: str, compiled: bool = True) -> float:
        """Of all packages, or of these alone, with what Python compiles or without; pip and its own are not counted."""
        tops = self.site.glob("*") if not names else [self.site / name for name in names]
        counted = [top for top in tops if not top.name.startswith(("pip", "setuptools", "_distutils", "pkg_resources"))]
        files = [file for top in counted for file in ([top] if top.is_file() else top.rglob("*"))]
        files = [file for file in files if file.is_file() and (compiled or file.suffix != ".pyc")]
        return sum(file.stat().st_size for file in files) / 1e6


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The core alone."""
    environment = Environment(tmp_path_factory.mktemp("bare") / "venv")
    environment.install(".")
    return environment


def test_without_any_runtime_the_commands_work_and_formats_name_what_to_install(bare, tmp_path):
    assert "detect" in bare.run("edgerun", "--help")
    doctor = bare.run("edgerun", "doctor", code=1)  # its answer is no: nothing can be run yet
    for extra in ("onnx", "tflite", "coreml", "executorch", "torchscript"):
        assert f'pip install "edgerun[{extra}]"' in doctor
    recording = tmp_path / "recording.npz"
    script = (
        "import sys, numpy as np; from pathlib import Path; from edgerun import replay\n"
        "from edgerun.tensors import TensorSpec\n"
        "rows = np.random.default_rng(0).random((1, 7, 84), np.float32)\n"
        "rows[:, :4] *= 64\n"
        "specs = [TensorSpec('images', (1, 3, 64, 64))], [TensorSpec('output0', rows.shape)]\n"
        "replay.write(Path(sys.argv[1]), *specs, {}, [(0, {'output0': rows})])\n"
    )
    bare.run("python", "-c", script, str(recording))
    assert "yolov8" in bare.run("edgerun", "inspect", str(recording))
    refusal = bare.run("edgerun", "detect", "codes", str(recording), code=3)
    assert 'pip install "edgerun[onnx]"' in refusal


def test_core_and_onnx_runtime_are_light(tmp_path_factory):
    environment = Environment(tmp_path_factory.mktemp("onnx") / "venv")
    environment.install(".[onnx]", "./plugins/edgerun-onnxruntime")
    whole = environment.megabytes()
    own = environment.megabytes("edgerun", "edgerun_onnxruntime", compiled=False)  # as in the wheels, but unpacked
    assert whole <= LARGEST_MEGABYTES
    assert own <= LARGEST_OWN_MEGABYTES
    assert "found" in environment.run("edgerun", "detect", "codes", PICTURE)


def test_with_litert_alone_a_tflite_detector_runs_and_nothing_else_is_imported(bare, tmp_path):
    bare.install("./plugins/edgerun-tflite")
    model = ROOT / "tests" / "data" / "codes_models" / "codes.tflite"
    count, loaded = json.loads(bare.run("python", "-c", USE, str(model)).splitlines()[-1])
    assert count >= 0
    assert "ai_edge_litert" in loaded
    assert not {"onnxruntime", "torch", "coremltools", "executorch", "tensorflow", "PIL", "matplotlib", "yaml"} & set(
        loaded
    )
    assert "edgerun[onnx]" in bare.run("edgerun", "detect", "codes", PICTURE, code=3)
