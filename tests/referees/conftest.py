"""What the referees' tests share."""

from __future__ import annotations

import importlib.util
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

TOOL = Path(__file__).parents[2] / "scripts" / "coreml_suite" / "torchvision_operators.py"


def _import_torchvision():
    """Beside a PyTorch without CUDA the wheels of torchvision can be imported only with operators of our own."""
    if importlib.util.find_spec("torch") is None or "torchvision" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location("torchvision_operators", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.provide()


_import_torchvision()


@pytest.fixture(scope="session")
def noise():
    """((h, w), seed=0) -> a picture of random colours."""
    return lambda size, seed=0: np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture(scope="session")
def lively():
    """(model, spread=1.5, seed=3) -> it with random weights whose answers differ from place to place."""
    import torch

    def weighted(model, spread=1.5, seed=3):
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    torch.nn.init.normal_(parameter, std=spread / parameter[0].numel() ** 0.5)
        return model.eval()

    return weighted


@pytest.fixture(scope="session")
def export():
    """(module, path, example, names, inputs=("images",)) -> writes it as ONNX; a module of lists takes [example]."""
    import torch

    def write(module, path, example, names, inputs=("images",)):
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module, (example,), path, dynamo=False, opset_version=17, input_names=list(inputs),
                output_names=list(names),
            )  # fmt: skip
        return path

    return write


@pytest.fixture(scope="session")
def recorded():
    """(outputs by name, path, shape of the picture, name="images") -> a file that always answers these outputs."""
    from onnx import helper, numpy_helper, save

    def write(outputs, path, shape, name="images"):
        arrays = {key: np.asarray(value) for key, value in outputs.items()}
        nodes = [helper.make_node("Constant", [], [key], value=numpy_helper.from_array(a)) for key, a in arrays.items()]
        types = {key: helper.np_dtype_to_tensor_dtype(array.dtype) for key, array in arrays.items()}
        inputs = [helper.make_tensor_value_info(name, 1, list(shape))]
        results = [helper.make_tensor_value_info(key, types[key], list(a.shape)) for key, a in arrays.items()]
        graph = helper.make_graph(nodes, "recorded", inputs, results)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return path

    return write


@pytest.fixture(scope="session")
def differences():
    """(got, expected) [N, 6]: x1 y1 x2 y2 score class -> absolute differences of rows that belong together: the
    nearest of the same class, each taken once. Boxes that a referee cuts down to nothing at the border, as random
    weights make many, are no results of ours.
    """

    def paired(got, expected):
        expected = expected[(expected[:, 2] > expected[:, 0]) & (expected[:, 3] > expected[:, 1])]
        assert len(expected)
        assert len(got) == len(expected)
        left, errors = np.ones(len(got), bool), []
        for row in expected:
            same = np.flatnonzero(left & (got[:, 5] == row[5]))
            assert len(same), f"no row of class {row[5]:.0f} is left"
            best = same[np.abs(got[same] - row).max(axis=1).argmin()]
            left[best] = False
            errors.append(np.abs(got[best] - row))
        return np.array(errors)

    return paired


@pytest.fixture(scope="session")
def rows_of():
    """Detections -> [N, 6] float64: x1 y1 x2 y2 score class."""
    return lambda found: np.column_stack([found.xyxy, found.score, found.class_id]).astype(np.float64)
