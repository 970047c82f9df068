"""Execution providers that are no part of plain onnxruntime, run for real from folders of their own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.fresh,
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="these packages are for Linux on x86-64"
    ),
]

USE = """
import json, sys
import numpy as np
import onnxruntime
from edgerun.runtime import delegate_choice
from edgerun.errors import EdgerunError
from edgerun_onnxruntime import OnnxRuntimeBackend
from pathlib import Path

path, wish, strict = sys.argv[1], sys.argv[2], sys.argv[3] == "strict"
backend = OnnxRuntimeBackend()
answer = {"version": onnxruntime.__version__, "warnings": backend.health().warnings}
try:
    (asked,), _ = delegate_choice.candidates(wish, backend.delegates(), backend.name, strict=strict)
    session = backend.open(Path(path), asked, 1)
    answer |= {"delegate": session.delegate, "providers": session._opened.get_providers()}
    delegate_choice.confirm(wish, asked, session, backend.name)
    if strict:
        delegate_choice.demand(session.coverage(), session.delegate, "odd.onnx")
    feeds = {spec.name: np.ones(spec.shape, np.float32) for spec in session.inputs}
    for name, seen in (("assigned", session.coverage()), ("measured", session.profile(feeds))):
        outside = [[str(entry), entry.name, entry.delegate] for entry in seen.outside(session.delegate)]
        answer[name] = {"evidence": seen.evidence, "nodes": seen.nodes, "outside": outside, "time": list(seen.time)}
    answer["result"] = float(session.run(feeds)[session.outputs[0].name].sum())
except EdgerunError as error:
    answer["error"] = error.to_dict()
print(json.dumps(answer))
"""


def pip(folder: Path, *packages: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, *packages]
    subprocess.run(command, check=True)


def use(path: Path, wish: str, strict: str = "", folder: Path | None = None, code: str = USE, **variables: str) -> dict:
    """What comes of a wish, in a process that finds this folder's packages first."""
    entries = [str(folder)] if folder else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*entries, *sys.path])} | variables
    command = [sys.executable, "-c", code, path, wish, strict]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def openvino(tmp_path_factory):
    """onnxruntime-openvino over the environment's onnxruntime: what a user's careless pip install does."""
    folder = tmp_path_factory.mktemp("openvino")
    pip(folder, "onnxruntime-openvino==1.24.1")
    return partial(use, folder=folder)


def test_openvino_takes_what_it_can_and_exactly_the_rest_is_named(openvino, odd):
    seen = openvino(odd, "openvino")
    assert seen["delegate"] == "openvino"
    assert seen["assigned"]["evidence"] == "assigned"
    assert seen["assigned"]["nodes"] == {"openvino": 3, "cpu": 1}
    assert seen["assigned"]["outside"] == [["Hardmax", "odd", "cpu"]]
    assert seen["measured"]["evidence"] == "measured"  # the runtime's own profile says the same
    assert seen["measured"]["nodes"] == seen["assigned"]["nodes"]
    assert seen["measured"]["outside"] == [["Hardmax [1, 2, 4, 4]", "odd", "cpu"]]
    assert set(seen["measured"]["time"]) == {"openvino", "cpu"}
    assert seen["result"] == pytest.approx(use(odd, "cpu")["result"])


def test_strict_refuses_the_model_with_the_operator_and_its_shape(openvino, odd):
    error = openvino(odd, "openvino", "strict")["error"]
    assert error["type"] == "DelegateIncomplete"
    assert error["message"] == "1 of 4 nodes of odd.onnx run on cpu, not on openvino: Hardmax [1, 2, 4, 4]."
    assert [row["name"] for row in error["outside"]] == ["odd"]


def test_strict_runs_a_model_that_openvino_takes_whole(openvino):
    from edgerun_onnxruntime import OnnxRuntimeBackend

    seen = openvino(OnnxRuntimeBackend.specimen, "openvino:device=CPU,precision=FP32", "strict")
    assert seen["assigned"]["nodes"] == {"openvino": 1}
    assert seen["assigned"]["outside"] == seen["measured"]["outside"] == []


def test_xpu_is_listed_and_does_nothing_and_is_not_believed(openvino, odd):
    seen = openvino(odd, "openvino:device=XPU")
    assert seen["providers"][0] == "OpenVINOExecutionProvider"  # the runtime's word
    assert seen["delegate"] == "cpu"
    assert "lists OpenVINOExecutionProvider, which took none of the nodes" in seen["error"]["message"]
    assert openvino(odd, "openvino:device=XPU", "strict")["error"]["message"].startswith(
        "4 of 4 nodes of odd.onnx run on"
    )


def test_a_device_that_is_not_there_is_refused_with_the_option(openvino, odd):
    error = openvino(odd, "openvino:device=GPU")["error"]
    assert "dropped OpenVINOExecutionProvider, which could not start with device=GPU" in error["message"]


def test_openvino_installed_over_onnxruntime_is_told(openvino, odd):
    seen = openvino(odd, "cpu")
    assert seen["version"] == "1.24.1"
    assert any("onnxruntime and onnxruntime-openvino are both installed" in warning for warning in seen["warnings"])
    assert use(odd, "cpu")["warnings"] == []


def test_a_plugin_provider_without_a_device_here_is_refused(tmp_path, odd):
    pip(tmp_path / "webgpu", "onnxruntime-ep-webgpu==0.4.0")
    (library,) = tmp_path.rglob("libonnxruntime_providers_webgpu.so")
    error = use(odd, str(library))["error"]
    assert error["message"].endswith("it finds no device of its kind here.")
    error = use(odd, f"{library},registration=webgpu.virtual,device=npu")["error"]
    assert error["message"].endswith("it finds no npu device, only GPU.")
    error = use(odd, f"{library},registration=webgpu.virtual")["error"]  # one that exists by name alone
    assert error["type"] == "DelegateUnavailable"
    assert "cannot run odd.onnx on external" in error["message"]
    error = use(odd, "webgpu", folder=tmp_path / "webgpu")["error"]
    assert "onnxruntime_ep_webgpu brings it as a library" in error["message"]


def test_a_plugin_provider_whose_device_fails_to_compile_is_refused(tmp_path, odd):
    pip(tmp_path, "onnxruntime-ep-openvino==1.8.1")
    (library,) = tmp_path.rglob("libonnxruntime_providers_openvino_plugin.so")
    error = use(odd, f"{library},registration=openvino.virtual,device=npu")["error"]
    assert error["type"] == "DelegateUnavailable"
    assert "ONNX Runtime cannot run odd.onnx on external: " in error["message"]


LOAD = """
import json, sys
from edgerun import Detector

opening = Detector.load(sys.argv[1], delegate=sys.argv[2]).report().to_dict()["opening"]
print(json.dumps(opening))
"""


def test_what_openvino_compiles_is_kept_and_told(openvino, colours, tmp_path):
    """On the processor there is nothing to keep; told to choose a device itself, it keeps what it compiled."""
    path = colours(metadata={"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"})
    cache = tmp_path / "cache"

    def opening(wish):
        return openvino(path, wish, code=LOAD, EDGERUN_CACHE=str(cache))

    assert opening("openvino")["cache"] == ""
    first, second = opening("openvino:device=AUTO:CPU"), opening("openvino:device=AUTO:CPU")
    assert (first["compiled"], second["compiled"]) == (True, False)
    assert first["cache"] == second["cache"]
    assert [entry.suffix for entry in Path(first["cache"]).iterdir() if entry.suffix] == [".blob"]
