"""Small models, and libraries compiled here."""

from __future__ import annotations

import shutil
import subprocess
import sys
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
    if gcc is None or sys.platform != "linux":
        pytest.skip("there is no gcc, or no Linux")

    def build(source: str) -> Path:
        (tmp_path / "made.c").write_text(source)
        library = tmp_path / "libmade.so"
        subprocess.run([gcc, "-shared", "-fPIC", "-O1", "-o", library, tmp_path / "made.c"], check=True)
        return library

    return build


@pytest.fixture
def provider(compiled: Callable[[str], Path]) -> Path:
    """A plugin execution provider that takes Relu and Add."""
    return compiled(Path(__file__).with_name("provider.c").read_text())


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """x float32 [1, 2, 4, 4] -> Relu "first", Hardmax "odd", Add "last" -> y."""
    from onnx import TensorProto, helper, save

    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "first"),
        helper.make_node("Hardmax", ["a"], ["b"], "odd"),
        helper.make_node("Add", ["b", "x"], ["y"], "last"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 4, 4]) for name in "xy"]
    model = helper.make_model(
        helper.make_graph(nodes, "three", ends[:1], ends[1:]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    path = tmp_path / "three.onnx"
    save(model, path)
    return path
