"""The module rebuilt from the shipped file computes what the file computes."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network is a torch module")
onnxruntime = pytest.importorskip("onnxruntime", reason="the file is run by ONNX Runtime")
pytest.importorskip("onnx", reason="the weights lie in an ONNX file")

from card import SIDE  # noqa: E402
from network import load  # noqa: E402

MODEL = Path(__file__).parents[2] / "edgerun" / "models" / "codes.onnx"


def test_the_rebuilt_module_agrees_with_the_file() -> None:
    images = np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"images": images})
    with torch.no_grad():
        found = load(MODEL)(torch.from_numpy(images)).numpy()
    assert expected.shape == (1, 8, 2100)
    assert found == pytest.approx(expected, abs=2e-3)


def test_the_file_is_small() -> None:
    assert MODEL.stat().st_size <= 1_000_000
