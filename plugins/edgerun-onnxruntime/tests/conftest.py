"""Small models, and libraries compiled here."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """x float32 [1, 2, 4, 4] -> Conv "first", Sigmoid "second", Hardmax "odd", Add "last" -> y.

    OpenVINO lacks Hardmax.
    """
    from onnx import TensorProto, helper, numpy_helper, save

    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "first"),
        helper.make_node("Sigmoid", ["a"], ["b"], "second"),
        helper.make_node("Hardmax", ["b"], ["c"], "odd"),
        helper.make_node("Add", ["c", "c"], ["y"], "last"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 4, 4]) for name in "xy"]
    weights = numpy_helper.from_array(np.ones((2, 2, 1, 1), np.float32), "w")
    graph = helper.make_graph(nodes, "odd", ends[:1], ends[1:], [weights])
    path = tmp_path / "odd.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[str], Path]:
    """Compiles C into a library."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("there is no gcc")

    def build(source: str) -> Path:
        (tmp_path / "made.c").write_text(source)
        library = tmp_path / "libmade.so"
        subprocess.run([gcc, "-shared", "-fPIC", "-o", library, tmp_path / "made.c"], check=True)
        return library

    return build
