"""Fixtures for every test of the house and of its plugins."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent

MOST_WORKERS = 8
"""Each collects every test and holds every runtime, 1.5 GB in all."""

THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""What OpenMP, numpy's OpenBLAS, torch's MKL and OpenCV read their number of threads from when they are loaded."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one for each core that this process may use, a container's quota counted."""
    from edgerun.runtime import cpu_cores

    return min(cpu_cores.available(), MOST_WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Workers share the cores: each computes with one thread, unless the user's environment says otherwise."""
    for name in THREAD_COUNTS:
        os.environ.setdefault(name, "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real models and photos, which lie beside a checkout and are no part of it."""
    folder = ROOT.parent / "shared"
    if not (folder / "models" / "manifest.json").is_file():
        pytest.skip("the folder ../shared with real models and photos is not beside this checkout")
    return folder


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What plugins keep between runs goes to a folder of the tests, not to the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGERUN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def onnxruntime() -> None:
    """The plugin and its runtime, for tests that open models with it in another process."""
    pytest.importorskip("edgerun_onnxruntime", reason="edgerun-onnxruntime is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of real models, right or refused, where they were run."""
    verdicts = {
        report.nodeid.partition("[")[2].rstrip("]"): dict(report.user_properties).get("verdict", "wrong")
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and "test_a_real_model_is_right_or_refused" in report.nodeid
    }
    if verdicts:
        terminalreporter.section("real models")
        for path, verdict in sorted(verdicts.items()):
            terminalreporter.write_line(f"{verdict:8} {path}")
        counts = {kind: list(verdicts.values()).count(kind) for kind in ("right", "refused", "wrong")}
        terminalreporter.write_line(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    lies: dict[str, Counter[str]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        told = dict(report.user_properties)
        if report.when == "call" and "lie" in told:
            lies.setdefault(told["lie"], Counter())[told["verdict"]] += 1
    if lies:
        terminalreporter.section("a mislabelled world: right, refused, wrong")
        for kind, verdicts_of in [*lies.items(), ("all of them", sum(lies.values(), Counter()))]:
            figures = "".join(f"{verdicts_of[verdict]:6}" for verdict in ("right", "refused", "wrong"))
            terminalreporter.write_line(f"{kind:70} {figures}")
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        if report.when == "call" and "settled" in (told := dict(report.user_properties)):
            terminalreporter.write_line(f"refused, though the file settles it: {told['settled']}")
    precisions = {
        report.nodeid.partition("[")[2].rstrip("]"): dict(report.user_properties)["precision"]
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and "precision" in dict(report.user_properties)
    }
    if precisions:
        terminalreporter.section("average precision on 80 photos: ours, the reference's")
        for path, figures in sorted(precisions.items()):
            terminalreporter.write_line(f"{path:58} {figures}")


@pytest.fixture
def colours(tmp_path: Path) -> Callable[..., Path]:
    """Writes a detector that needs no training, as ONNX: one box per grid cell, whose three class scores are the mean
    red, green and blue in that cell. Its boxes show where each colour lies, so a swapped channel, a wrong offset, a
    transposed output or a wrong scale all move or rename them.

    Arguments of the factory: size (h, w), layout "yolov8", "yolov8-transposed", "yolov5", "yolox", "end2end" or
    "tfod", channels_last, bgr (scores follow a blue-green-red input), scale (255 for inputs of 0..255), unit, batch
    (None for any), dynamic, metadata, name, dtype.
    """
    from onnx import helper, numpy_helper, save, shape_inference  # development dependency, and slow to import

    def build(
        size: tuple[int, int] = (64, 96),
        layout: str = "yolov8",
        *,
        channels_last: bool = False,
        bgr: bool = False,
        scale: float = 1.0,
        unit: bool = False,
        batch: int | None = 1,
        metadata: Mapping[str, str] | None = None,
        name: str = "colours.onnx",
        dtype: str = "float32",
        strides: tuple[int, ...] = (8, 16, 32),
    ) -> Path:
        height, width = size
        nodes, constants = [], []

        def constant(value: object, label: str) -> str:
            constants.append(numpy_helper.from_array(np.asarray(value), label))
            return label

        def node(kind: str, inputs: list[str], **attributes: object) -> str:
            output = f"{kind}_{len(nodes)}"
            nodes.append(helper.make_node(kind, inputs, [output], **attributes))
            return output

        element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        current = "images"
        if dtype != "float32":
            current = node("Cast", [current], to=1)
        if channels_last:
            current = node("Transpose", [current], perm=[0, 3, 1, 2])
        if scale != 1.0:
            current = node("Div", [current, constant(np.float32(scale), "scale")])
        pooled, centres, steps = [], [], []
        for stride in strides:
            cells = node("AveragePool", [current], kernel_shape=[stride, stride], strides=[stride, stride])
            pooled.append(node("Reshape", [cells, constant(np.array([0, 3, -1]), f"flat{stride}")]))
            y, x = np.mgrid[: height // stride, : width // stride]
            centres.append((np.stack((x, y), -1).reshape(-1, 2) + 0.5) * stride)
            steps.append(np.full((len(centres[-1]), 2), float(stride)))
        scores = node("Concat", pooled, axis=2)  # [batch, 3, N]
        if bgr:
            scores = node("Gather", [scores, constant(np.array([2, 1, 0]), "flip")], axis=1)
        # to the fourth power: 1 stays 1, and what is no pure colour scores low, as with any detector
        scores = node("Pow", [scores, constant(np.float32(4), "power")])
        boxes = np.concatenate((np.concatenate(centres), np.concatenate(steps)), 1).astype(np.float32)
        rows = len(boxes)
        if layout in ("end2end", "tfod"):
            boxes = np.concatenate((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), 1)
        if layout == "yolox":  # offsets from the cell's corner, logarithms of sizes, both in strides
            boxes = np.tile(np.array([0.5, 0.5, 0, 0], np.float32), (rows, 1))
            boxes[:, 2:] = np.log(np.concatenate(steps) / 16 * 0.25 + 0.75)  # exact for the stride of 16
        if unit or layout == "tfod":
            boxes = boxes / np.tile(np.array([width, height], np.float32), 2)
        if layout == "tfod":
            boxes = boxes[:, [1, 0, 3, 2]]
        # one zero per picture, so that constant boxes follow the batch
        zero = node("Mul", [node("ReduceMean", [scores], axes=[1, 2], keepdims=1), constant(np.float32(0), "zero")])
        outputs: dict[str, str] = {}
        if layout == "yolov8":
            placed = node("Add", [constant(boxes.T[None], "boxes"), zero])
            outputs["output0"] = node("Concat", [placed, scores], axis=1)
        else:
            placed = node("Add", [constant(boxes[None], "boxes"), zero])
            scores = node("Transpose", [scores], perm=[0, 2, 1])  # [batch, N, 3]
            if layout == "yolov8-transposed":
                outputs["output0"] = node("Concat", [placed, scores], axis=2)
            elif layout in ("yolov5", "yolox"):  # the brightest channel is the objectness
                present = node("ReduceMax", [scores], axes=[2], keepdims=1)
                row = node("Concat", [placed, present, scores], axis=2)
                if (
                    layout == "yolov5"
                ):  # three anchors per cell: the same box, with the colour, half and a quarter of it
                    thirds = []
                    for index, share in enumerate((1.0, 0.5, 0.25)):
                        gain = np.array([1, 1, 1, 1, share, 1, 1, 1], np.float32)
                        thirds.append(node("Mul", [row, constant(gain, f"gain{index}")]))
                    row = node("Concat", thirds, axis=1)
                outputs["output0"] = row
            else:
                best = node("ReduceMax", [scores], axes=[2], keepdims=1)
                number = node("Cast", [node("ArgMax", [scores], axis=2, keepdims=1)], to=1)
                if layout == "end2end":
                    finished = node("Concat", [placed, best, number], axis=2)
                    order = node("Reshape", [best, constant(np.array([0, -1]), "flat")])
                    node("TopK", [order, constant(np.array([min(20, rows)]), "top")], axis=1)
                    nodes[-1].output.append("top_rows")
                    index = node("Unsqueeze", ["top_rows", constant(np.array([2]), "last")])
                    index = node("Expand", [index, constant(np.array([1, 1, 6]), "six")])
                    outputs["output0"] = node("GatherElements", [finished, index], axis=1)
                else:
                    flat = constant(np.array([0, -1]), "flat")
                    outputs["detection_boxes"] = placed
                    outputs["detection_classes"] = node("Reshape", [number, flat])
                    outputs["detection_scores"] = node("Reshape", [best, flat])
                    count = node("Mul", [node("ReduceSum", [zero], keepdims=0), constant(np.float32(0), "none")])
                    outputs["num_detections"] = node("Add", [count, constant(np.array([rows], np.float32), "rows")])
        shape = [batch if batch is not None else "batch"]
        shape += [height, width, 3] if channels_last else [3, height, width]
        for label, source in outputs.items():
            nodes.append(helper.make_node("Identity", [source], [label]))
        graph = helper.make_graph(
            nodes,
            "colours",
            [helper.make_tensor_value_info("images", element, shape)],
            [helper.make_tensor_value_info(label, 1, None) for label in outputs],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        helper.set_model_props(model, dict(metadata or {}))
        path = tmp_path / name
        save(shape_inference.infer_shapes(model), path)
        return path

    return build


@pytest.fixture
def squares() -> NDArray[np.uint8]:
    """A black picture [64, 96, 3], blue-green-red, with a red, a green and a blue square of 16 x 16 on the grid:
    red at x 16 y 0, green at x 64 y 16, blue at x 0 y 48.
    """
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[0:16, 16:32] = (0, 0, 255)
    picture[16:32, 64:80] = (0, 255, 0)
    picture[48:64, 0:16] = (255, 0, 0)
    return picture
