"""torchvision beside a PyTorch without CUDA, and what the referees' tests share."""

from __future__ import annotations

import importlib.util
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width,"
    " int sampling_ratio, bool aligned) -> Tensor",
)
"""What torchvision 0.28 asks for when it is imported, and what its detectors compute with."""


def _suppressed(dets, scores, iou_threshold):
    """Greedy suppression, plain and slow: rows to keep, best first."""
    import torch

    boxes, order, kept = dets.detach().numpy(), np.argsort(-scores.detach().numpy(), kind="stable"), []
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        near, far = np.maximum(boxes[order, :2], boxes[best, :2]), np.minimum(boxes[order, 2:], boxes[best, 2:])
        shared = np.maximum(far - near, 0).prod(axis=1)
        order = order[~(shared / (areas[order] + areas[best] - shared) > iou_threshold)]
    return torch.tensor(np.array(kept, np.int64))


def _operators_are_there() -> bool:
    return True


def _import_torchvision():
    """PyPI's wheels of torchvision are built for CUDA: beside another PyTorch their operators cannot be loaded.

    The two that its detectors need are given in Python then; everything else of torchvision is Python anyway.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or importlib.util.find_spec("torch") is None or "torchvision" in sys.modules:
        return
    import torch

    for library in Path(found.submodule_search_locations[0]).glob("_C.*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
        return
    operators = torch.library.Library("torchvision", "DEF")
    for schema in OPERATORS:
        operators.define(schema)
    import torchvision

    rois = sys.modules["torchvision.ops.roi_align"]
    torchvision.extension._has_ops = rois._has_ops = _operators_are_there
    operators.impl("nms", _suppressed, "CPU")
    operators.impl("roi_align", rois._roi_align, "CPU")
    torchvision.operators = operators  # they go when this goes


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
    nearest of the same class, each taken once.
    """

    def paired(got, expected):
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
