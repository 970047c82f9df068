"""Heads of one-stage detectors written here as PyTorch graphs, decoded a second time by numpy in double precision.

The packages that these families come from cannot be installed under a permissive licence, or not at all; so the graphs
follow what their exporters document, and the references the published formulas, from the network's raw values on.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgerun import Detector

torch = pytest.importorskip("torch", reason="the graphs are PyTorch's")
pytest.importorskip("onnxruntime", reason="exported models are run by ONNX Runtime")

pytestmark = [pytest.mark.referee, pytest.mark.filterwarnings("ignore")]

SIZE = (96, 160)
CLASSES, BINS, JOINTS, PLANES = 6, 16, 5, 8
STRIDES = (8, 16, 32)
ANCHORS = {
    8: ((10, 13), (16, 30), (33, 23)),
    16: ((30, 61), (62, 45), (59, 119)),
    32: ((116, 90), (156, 198), (373, 326)),
}
"""Of YOLOv3; YOLOv5 has kept them."""


class Head(torch.nn.Module):
    """One convolution for each stride; what follows is `graph`."""

    def __init__(self, channels, graph, strides=STRIDES):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(3, channels, stride, stride=stride) for stride in strides)
        self.graph = graph

    def raw(self, pixels):
        return [layer(pixels - 0.5) for layer in self.layers]

    def forward(self, pixels):
        return self.graph(self.raw(pixels))


def centres(offset, strides=STRIDES):
    """[N, 2] in pixels and the stride of each [N, 1]."""
    points, steps = [], []
    for stride in strides:
        y, x = np.mgrid[: SIZE[0] // stride, : SIZE[1] // stride] + offset
        points.append(np.stack((x, y), axis=-1).reshape(-1, 2) * stride)
        steps.append(np.full((len(points[-1]), 1), float(stride)))
    return np.concatenate(points), np.concatenate(steps)


def tensors(offset):
    return tuple(torch.from_numpy(part.astype(np.float32)) for part in centres(offset))


def flat(levels):
    """[1, C, N]."""
    return torch.cat([level.flatten(2) for level in levels], dim=2)


def expected_distances(logits, bins):
    """Mean of the distribution in each of four rows of bins: [N, 4 · bins] -> [N, 4]."""
    powers = np.exp(logits.reshape(len(logits), 4, bins))
    return (powers / powers.sum(axis=2, keepdims=True) * np.arange(bins)).sum(axis=2)


def shares(values):
    return 1 / (1 + np.exp(-values))


def rows(boxes, scores):
    return np.column_stack((boxes, scores.max(axis=1), scores.argmax(axis=1)))


# ------------------------------------------------------------------------------------------- the graphs


def distances_in_graph(values):
    points, steps = tensors(0.5)
    sides = values[:, : 4 * BINS].reshape(1, 4, BINS, -1).softmax(dim=2)
    sides = (sides * torch.arange(BINS, dtype=torch.float32).reshape(1, 1, BINS, 1)).sum(dim=2)  # [1, 4, N]
    low, high = points.T - sides[:, :2] * steps.T, points.T + sides[:, 2:] * steps.T
    return torch.cat([(low + high) / 2, high - low], dim=1)


def yolov8(levels):
    values = flat(levels)
    return torch.cat([distances_in_graph(values), values[:, 4 * BINS :].sigmoid()], dim=1)


def yolov8_corners(values):
    points, steps = centres(0.5)
    sides = expected_distances(values[:, : 4 * BINS], BINS) * steps
    return np.concatenate((points - sides[:, :2], points + sides[:, 2:]), axis=1)


def of_yolov8(values):
    return rows(yolov8_corners(values), shares(values[:, 4 * BINS :]))


def end2end(levels):
    table = yolov8(levels).transpose(1, 2)
    best, number = table[..., 4:].max(dim=2)
    boxes = torch.cat([table[..., :2] - table[..., 2:4] / 2, table[..., :2] + table[..., 2:4] / 2], dim=2)
    finished = torch.cat([boxes, best[..., None], number[..., None].float()], dim=2)
    order = best.topk(100, dim=1).indices
    return finished.gather(1, order[..., None].expand(-1, -1, 6))


def of_end2end(values):
    found = of_yolov8(values)
    return found[np.argsort(-found[:, 4])[:100]]


def pose(levels):
    values = flat(levels)
    points, steps = tensors(0.0)
    spots = values[:, 4 * BINS + 1 :].reshape(1, JOINTS, 3, -1)
    places = (spots[:, :, :2] * 2 + (points / steps).T[None, None]) * steps.T
    joints = torch.cat([places, spots[:, :, 2:].sigmoid()], dim=2).flatten(1, 2)
    return torch.cat([distances_in_graph(values), values[:, 4 * BINS : 4 * BINS + 1].sigmoid(), joints], dim=1)


def of_pose(values):
    spots = values[:, 4 * BINS + 1 :].reshape(-1, JOINTS, 3)
    points, steps = centres(0.0)
    places = spots[..., :2] * 2 * steps[:, None] + points[:, None]
    table = rows(yolov8_corners(values), shares(values[:, 4 * BINS : 4 * BINS + 1]))
    return table, np.concatenate((places, shares(spots[..., 2:])), axis=2)


def obb(levels):
    values = flat(levels)
    points, steps = tensors(0.5)
    sides = values[:, : 4 * BINS].reshape(1, 4, BINS, -1).softmax(dim=2)
    sides = (sides * torch.arange(BINS, dtype=torch.float32).reshape(1, 1, BINS, 1)).sum(dim=2)
    angle = (values[:, -1:].sigmoid() - 0.25) * torch.pi
    middle = (sides[:, 2:] - sides[:, :2]) / 2
    turned = torch.cat(
        [
            middle[:, :1] * angle.cos() - middle[:, 1:] * angle.sin(),
            middle[:, :1] * angle.sin() + middle[:, 1:] * angle.cos(),
        ],
        dim=1,
    )
    boxes = torch.cat([points.T + turned * steps.T, (sides[:, :2] + sides[:, 2:]) * steps.T], dim=1)
    return torch.cat([boxes, values[:, 4 * BINS : -1].sigmoid(), angle], dim=1)


def of_obb(values):
    """The upright boxes that enclose, and centre, size and angle."""
    points, steps = centres(0.5)
    sides = expected_distances(values[:, : 4 * BINS], BINS) * steps
    angle = (shares(values[:, -1]) - 0.25) * np.pi
    x, y = ((sides[:, 2:] - sides[:, :2]) / 2).T
    middle = points + np.stack((x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)), axis=1)
    size = sides[:, :2] + sides[:, 2:]
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * size[:, None] / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    outline = corners @ turn + middle[:, None]
    table = rows(np.concatenate((outline.min(axis=1), outline.max(axis=1)), axis=1), shares(values[:, 4 * BINS : -1]))
    return table, np.column_stack((middle, size, angle))


def segment(levels):
    values = flat(levels)
    boxes, weights = distances_in_graph(values), values[:, 4 * BINS + CLASSES :]
    planes = torch.nn.functional.interpolate(levels[0][:, :PLANES], scale_factor=2.0, mode="nearest")
    return torch.cat([boxes, values[:, 4 * BINS : 4 * BINS + CLASSES].sigmoid(), weights], dim=1), planes


def of_segment(values):
    return rows(yolov8_corners(values), shares(values[:, 4 * BINS : 4 * BINS + CLASSES]))


def yolov5(levels):
    found = []
    for stride, level in zip(STRIDES, levels, strict=True):
        high, wide = level.shape[2:]
        table = level.reshape(1, 3, 5 + CLASSES, high, wide).permute(0, 1, 3, 4, 2).sigmoid()
        y, x = torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
        anchors = torch.tensor(ANCHORS[stride], dtype=torch.float32).reshape(1, 3, 1, 1, 2)
        places = (table[..., :2] * 2 - 0.5 + torch.stack([x, y], dim=-1).float()) * stride
        found.append(torch.cat([places, (table[..., 2:4] * 2) ** 2 * anchors, table[..., 4:]], dim=-1).flatten(1, 3))
    return torch.cat(found, dim=1)


def of_yolov5(values, *, third=False):
    """Rows [N, 3 · (5 + C)] of cells; `third` by the formula of YOLOv3."""
    points, steps = centres(0.0)
    found = []
    for number in range(3):
        table = values[:, number * (5 + CLASSES) : (number + 1) * (5 + CLASSES)]
        anchors = np.array([ANCHORS[int(step)][number] for step in steps[:, 0]], float)
        if third:
            middle, size = shares(table[:, :2]) * steps + points, np.exp(table[:, 2:4]) * anchors
        else:
            middle = (shares(table[:, :2]) * 2 - 0.5) * steps + points
            size = (shares(table[:, 2:4]) * 2) ** 2 * anchors
        found.append(
            rows(
                np.concatenate((middle - size / 2, middle + size / 2), axis=1),
                shares(table[:, 4:5]) * shares(table[:, 5:]),
            )
        )
    return np.concatenate(found)


def yolov6(levels):
    values = flat(levels)
    points, steps = tensors(0.5)
    sides = values[:, :4].exp()
    low, high = points.T - sides[:, :2] * steps.T, points.T + sides[:, 2:] * steps.T
    ones = torch.ones_like(values[:, :1])
    return torch.cat([(low + high) / 2, high - low, ones, values[:, 4:].sigmoid()], dim=1).transpose(1, 2)


def of_yolov6(values):
    points, steps = centres(0.5)
    sides = np.exp(values[:, :4]) * steps
    return rows(np.concatenate((points - sides[:, :2], points + sides[:, 2:]), axis=1), shares(values[:, 4:]))


def yolo_nas(levels):
    table = yolov6(levels)
    boxes = torch.cat([table[..., :2] - table[..., 2:4] / 2, table[..., :2] + table[..., 2:4] / 2], dim=2)
    return boxes, table[..., 5:]


def nanodet(levels):
    values = flat(levels).transpose(1, 2)
    return torch.cat([values[..., :CLASSES].sigmoid(), values[..., CLASSES:]], dim=2)


def of_nanodet(values):
    points, steps = centres(0.5)
    sides = expected_distances(values[:, CLASSES:], 8) * steps
    boxes = np.concatenate((points - sides[:, :2], points + sides[:, 2:]), axis=1)
    return rows(boxes, shares(values[:, :CLASSES]))


def scrfd(levels):
    """Two anchors per cell: score, box and five landmarks, stride by stride."""
    rows_of = [level.flatten(2).transpose(1, 2).reshape(1, -1, 15) for level in levels]
    parts = ([table[..., :1].sigmoid() for table in rows_of], [table[..., 1:5].exp() for table in rows_of])
    return (*parts[0], *parts[1], *[table[..., 5:] for table in rows_of])


def of_scrfd(values):
    points, steps = centres(0.0)
    points, steps, table = np.repeat(points, 2, axis=0), np.repeat(steps, 2, axis=0), values.reshape(-1, 15)
    sides = np.exp(table[:, 1:5]) * steps
    joints = table[:, 5:].reshape(-1, 5, 2) * steps[:, None] + points[:, None]
    found = rows(np.concatenate((points - sides[:, :2], points + sides[:, 2:]), axis=1), shares(table[:, :1]))
    return found, np.concatenate((joints, np.ones_like(joints[..., :1])), axis=2)


ONE = 4 * BINS + CLASSES
FACES = [f"{kind}_{stride}" for kind in ("score", "bbox", "kps") for stride in STRIDES]
GRAPHS = {
    "yolov8": (ONE, yolov8, of_yolov8, ["output0"]),
    "yolov8-transposed": (ONE, lambda levels: yolov8(levels).transpose(1, 2), of_yolov8, ["output0"]),
    "yolov8-raw": (ONE, tuple, of_yolov8, ["p3", "p4", "p5"]),
    "end2end": (ONE, end2end, of_end2end, ["output0"]),
    "yolo-pose": (4 * BINS + 1 + 3 * JOINTS, pose, of_pose, ["output0"]),
    "yolo-obb": (ONE + 1, obb, of_obb, ["output0"]),
    "yolo-segment": (ONE + PLANES, segment, of_segment, ["output0", "output1"]),
    "yolov5": (3 * (5 + CLASSES), yolov5, of_yolov5, ["output0"]),
    "yolov5-raw": (3 * (5 + CLASSES), tuple, of_yolov5, ["p3", "p4", "p5"]),
    "yolov3-raw": (3 * (5 + CLASSES), tuple, lambda values: of_yolov5(values, third=True), ["p3", "p4", "p5"]),
    "yolov6": (4 + CLASSES, yolov6, of_yolov6, ["outputs"]),
    "yolo-nas": (4 + CLASSES, yolo_nas, of_yolov6, ["boxes", "scores"]),
    "nanodet": (CLASSES + 32, nanodet, of_nanodet, ["output"]),
    "scrfd": (30, scrfd, of_scrfd, FACES),
}
SAID = {"yolo-pose": {"task": "pose"}, "yolo-obb": {"task": "obb"}, "yolo-segment": {"task": "segment"}}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_is_read_as_its_formula_says(
    name, tmp_path, record_property, noise, lively, export, differences, rows_of
):
    channels, graph, reference, names = GRAPHS[name]
    anchored = name.startswith(("yolov5", "yolov3"))  # an objectness takes its share of the score
    conf = 0.4 if anchored else 0.6
    model = lively(Head(channels, graph), 2.5 if anchored else 1.2)
    export(model, tmp_path / "model.onnx", torch.rand(1, 3, *SIZE), names)
    picture = noise(SIZE)
    with Detector.load(tmp_path / "model.onnx", decoder=name, **SAID.get(name, {})) as detector:
        (pixels,) = detector.feed(picture).values()
        found = detector(picture, conf=conf, nms="none", max_det=10_000)
    with torch.no_grad():
        levels = model.double().raw(torch.from_numpy(pixels).double())
    values = np.concatenate([level[0].flatten(1).T.numpy() for level in levels])
    said = reference(values)
    expected, further = said if isinstance(said, tuple) else (said, None)
    kept = expected[:, 4] >= conf
    expected = expected[kept]
    assert len(expected) > 10
    expected[:, :4] = np.clip(expected[:, :4], 0, [SIZE[1], SIZE[0]] * 2)
    errors = differences(rows_of(found), expected)
    record_property("box", float(errors[:, :4].max()))
    assert errors[:, :4].max() < 1e-3
    assert errors[:, 4].max() < 1e-5
    if further is not None:
        order = np.argsort(-expected[:, 4], kind="stable")
        ours = found.rotated if name == "yolo-obb" else found.keypoints
        np.testing.assert_allclose(ours, further[kept][order], atol=1e-3)
    assert (found.masks is not None) == (name == "yolo-segment")
