"""One model, every runtime, one answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector, boxes
from edgerun.errors import BackendMissing, BackendUnavailable

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "tests" / "data" / "codes_models"
PICTURES = sorted((ROOT / "tests" / "data" / "codes").glob("*.jpg")) + sorted(
    (ROOT / "demo" / "pictures").glob("*.jpg")
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(torch.jit|TorchScript):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:executorch stays at"),  # other tests leave models open
]


@pytest.fixture(scope="module")
def reference():
    """What ONNX Runtime finds, best first, per picture."""
    with Detector.load("codes", backend="onnxruntime", threads=1) as detector:
        return [detector(picture, conf=0.25) for picture in PICTURES]


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Loads a model and gives what it finds, per picture; skips where its runtime is not here."""
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path))

    def run(name, conf):
        try:
            detector = Detector.load(MODELS / name, threads=1)
        except (BackendMissing, BackendUnavailable) as absent:
            pytest.skip(f"{name}: {absent.message}")
        with detector:
            assert detector.labels == ("qr_code", "data_matrix", "aztec", "pdf417")
            assert detector.card.source("labels") == "edgerun metadata"
            return [detector(picture, conf=conf) for picture in PICTURES]

    return run


def test_there_is_something_to_agree_on(reference):
    assert len(PICTURES) >= 20
    assert sum(len(rows) for rows in reference) >= 20
    assert {label for rows in reference for label in rows.label} == {"qr_code", "data_matrix", "aztec", "pdf417"}


@pytest.mark.parametrize(
    "name",
    ["codes.ort", "codes.tflite", "codes.pte", "codes.torchscript", "codes_fp32.mlpackage", "codes.mlmodel"],
)
def test_float32_files_give_the_boxes_of_onnx_runtime(reference, found, name):
    for expected, rows in zip(reference, found(name, 0.25), strict=True):
        assert rows.class_id.tolist() == expected.class_id.tolist()
        np.testing.assert_allclose(rows.xyxy, expected.xyxy, rtol=0, atol=0.5)
        np.testing.assert_allclose(rows.score, expected.score, rtol=0, atol=1e-3)


def test_float16_files_give_them_to_half_a_pixel(reference, found):
    for expected, rows in zip(reference, found("codes_fp16.mlpackage", 0.25), strict=True):
        assert rows.class_id.tolist() == expected.class_id.tolist()
        np.testing.assert_allclose(rows.xyxy, expected.xyxy, rtol=0, atol=0.5)
        np.testing.assert_allclose(rows.score, expected.score, rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", ["codes_int8.onnx", "codes_int8.tflite", "codes_int8.pte"])
def test_int8_files_find_the_same_codes(reference, found, name):
    """Every code that is found beyond doubt in float32, and hardly anything that is not there at all."""
    results = found(name, 0.25)
    sure = missed = 0
    for expected, rows in zip(reference, results, strict=True):
        overlap = boxes.iou(expected.xyxy, rows.xyxy) * (expected.class_id[:, None] == rows.class_id)
        best = overlap.max(axis=1, initial=0.0)
        sure += int((expected.score >= 0.6).sum())
        missed += int(((expected.score >= 0.6) & (best < 0.5)).sum())
    assert sure >= 10
    assert missed <= sure // 10
    assert sum(int((rows.score >= 0.6).sum()) for rows in results) <= 1.3 * sure


ORDERS = (
    ("onnx", "tflite", "pte", "torchscript", "mlmodel"),
    ("mlmodel", "torchscript", "pte", "tflite", "onnx"),
    ("tflite", "onnx", "torchscript", "pte", "mlmodel"),
    ("torchscript", "tflite", "mlmodel", "onnx", "pte"),
    ("pte", "mlmodel", "onnx", "tflite", "torchscript"),
    ("torchscript", "pte", "onnx", "mlmodel", "tflite"),
    ("pte", "torchscript", "tflite", "mlmodel", "onnx"),
)
"""Seven orders in which the runtimes are imported; each stands once or more at either end."""

TOGETHER = """
import json, sys, warnings
warnings.simplefilter("ignore")  # torch deprecates TorchScript
from edgerun import Detector
detectors = [Detector.load(path, threads=1) for path in sys.argv[2:]]
for _ in range(2):  # the second time all of them have run
    found = [detector(sys.argv[1]).to_list() for detector in detectors]
print("found " + json.dumps(found))
"""


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_all_runtimes_agree_in_one_process_in_whatever_order_they_come(order, tmp_path):
    files = {suffix: MODELS / f"codes.{suffix}" for suffix in order} | {"onnx": Path("codes")}
    command = [sys.executable, "-c", TOGETHER, PICTURES[-1], *(files[suffix] for suffix in order)]
    ran = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "EDGERUN_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if 'pip install "edgerun[' in ran.stderr:
        pytest.skip("a runtime is not here: " + ran.stderr.splitlines()[-1])
    assert ran.returncode == 0, ran.stderr
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("found ")]
    first, *others = json.loads(line.removeprefix("found "))
    assert first
    for rows in others:
        assert [row["label"] for row in rows] == [row["label"] for row in first]
        for row, expected in zip(rows, first, strict=True):
            np.testing.assert_allclose(row["box"], expected["box"], rtol=0, atol=0.5)
            np.testing.assert_allclose(row["score"], expected["score"], rtol=0, atol=1e-3)
