"""Made-up heads of rows after suppression, end to end and by TensorFlow's operator; see conftest.py."""

from __future__ import annotations

from functools import partial

import numpy as np


def finished(rows, height, width, random, *, columns):
    """Rows of an end-to-end head, the best first, then nothing."""
    count = 300
    table = np.zeros((count, 6))
    corners = random.uniform(0, 200, (count, 2))
    table[:, :4] = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
    table[:, 4] = np.sort(random.uniform(0.001, 0.1, count))[::-1]
    table[: len(rows)] = rows[np.argsort(-rows[:, 4])]
    if columns == 6:
        return {"output0": table[None].astype(np.float32)}
    order = [0, 1, 2, 3, 5, 4]
    return {"output": np.concatenate((np.zeros((count, 1)), table[:, order]), axis=1).astype(np.float32)}


def reordered(rows, height, width, random, *, order):
    """The same with the columns of box, score and class in another order: "class score box"."""
    table = finished(rows, height, width, random, columns=6)["output0"][0]
    parts = {"box": table[:, :4], "score": table[:, 4:5], "class": table[:, 5:]}
    return {"output0": np.concatenate([parts[word] for word in order.split()], axis=1)[None]}


OTHER_ORDERS = {
    order.replace(" ", "-"): {"encode": partial(reordered, order=order), "large": None}
    for order in ("box class score", "score class box", "class score box", "score box class", "class box score")
}


def ranked(rows, height, width, random, count=100):
    """x1 y1 x2 y2, score, class [100, 6], the best first, then hardly anything."""
    return finished(rows, height, width, random, columns=6)["output0"][0, :count].astype(np.float64)


def centred(table, height, width):
    """The same with cx cy w h in 0..1."""
    boxes = table[:, :4] / [width, height, width, height]
    return np.column_stack(((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2], table[:, 4:]))


def queries(rows, height, width, random, *, scores):
    """RT-DETR of Ultralytics: one class and its score, or a score for each of four classes."""
    table = centred(ranked(rows, height, width, random), height, width)
    if scores:
        each = np.zeros((len(table), 4)) + random.uniform(0.001, 0.01, (len(table), 4))
        each[np.arange(len(table)), table[:, 5].astype(int)] = table[:, 4]
        table = np.column_stack((table[:, :4], each))
    return {"output0": table[None].astype(np.float32)}


def in_one_table(rows, height, width, random, *, name, order, unit=False, leading=()):
    """Rows of number in the batch and these columns of x1 y1 x2 y2 score class label."""
    table = ranked(rows, height, width, random)
    table[:, :4] /= [width, height, width, height] if unit else [1]
    table = np.column_stack((np.zeros(len(table)), table, table[:, 5] + 1))[:, [0, *(place + 1 for place in order)]]
    return {name: table.reshape(*leading, *table.shape).astype(np.float32)}


def counted(rows, height, width, random, *, names, padding):
    """A count, boxes, scores and classes, padded behind the count."""
    table = ranked(rows, height, width, random)
    behind = np.full((20, 6), padding, np.float64)
    full = np.concatenate((table, behind))[None]
    arrays = (np.array([[len(table)]]), full[..., :4], full[..., 4], full[..., 5])
    return {name: array.astype(np.float32) for name, array in zip(names, arrays, strict=True)}


def turned(rows, height, width, random):
    """MMRotate's rows without a turn."""
    table = ranked(rows, height, width, random)
    boxes = centred(table, 1, 1)[:, :4]
    dets = np.column_stack((boxes, np.zeros(len(table)), table[:, 4]))[None].astype(np.float32)
    return {"dets": dets, "labels": table[None, :, 5].astype(np.int64)}


def chosen(rows, height, width, random, *, y_first):
    """Boxes and scores of all rows, and the indices of the good ones."""
    table = ranked(rows, height, width, random)
    scores = np.zeros((1, 4, len(table)))
    scores[0, table[:, 5].astype(int), np.arange(len(table))] = table[:, 4]
    boxes = table[:, [1, 0, 3, 2] if y_first else slice(0, 4)]
    indices = np.column_stack((np.zeros(len(table)), table[:, 5], np.arange(len(table)))).astype(np.int64)
    return {"boxes": boxes[None].astype(np.float32), "scores": scores.astype(np.float32), "indices": indices}


def tensorflow(rows, height, width, random, *, names):
    count = 25
    corners = random.uniform(0, 0.7, (count, 2))
    boxes = np.concatenate((corners, corners + random.uniform(0.05, 0.3, (count, 2))), axis=1)
    classes, scores = random.integers(0, 4, count), np.sort(random.uniform(0.001, 0.1, count))[::-1].copy()
    for index, (x1, y1, x2, y2, score, number) in enumerate(rows):
        boxes[index] = y1 / height, x1 / width, y2 / height, x2 / width
        classes[index], scores[index] = number, score
    arrays = (boxes[None], classes[None], scores[None], np.array([count]))
    return {name: array.astype(np.float32) for name, array in zip(names, arrays, strict=True)}


def named(*names):
    return {"encode": partial(tensorflow, names=names), "image": "hwc", "large": None}


def saved_model(*a):
    """A saved model's eight outputs, in the order of their names."""
    names = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    extra = {
        "raw_detection_boxes": np.random.default_rng(0).uniform(0, 1, (1, 1917, 4)),
        "raw_detection_scores": np.random.default_rng(1).uniform(0, 1, (1, 1917, 5)),
        "detection_anchor_indices": np.arange(25.0)[None],
        "detection_multiclass_scores": np.random.default_rng(2).uniform(0, 1, (1, 25, 5)),
    }
    outputs = tensorflow(*a, names=names)
    outputs["detection_classes"] += 1
    outputs |= {name: array.astype(np.float32) for name, array in extra.items()}
    return dict(sorted(outputs.items()))


def frozen(*a):
    """A frozen graph's four outputs, whose classes count from 1."""
    outputs = tensorflow(*a, names=[f"{name}:0" for name in FROZEN])
    outputs["detection_classes:0"] += 1
    return outputs


FROZEN = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
TFLITE = [f"TFLite_Detection_PostProcess{suffix}" for suffix in ("", ":1", ":2", ":3")]
NAS = [f"graph2_{name}" for name in ("num_predictions", "pred_boxes", "pred_scores", "pred_classes")]
EFFICIENT_NMS = ("num_dets", "det_boxes", "det_scores", "det_classes")


def in_table(card=None, **habits):
    return {"encode": partial(in_one_table, **habits), "large": None, "card": card or {}}


HEADS = {
    "end2end": {"encode": partial(finished, columns=6), "large": None},
    "end2end-batched": {"encode": partial(finished, columns=7), "large": None},
    **OTHER_ORDERS,
    "rtdetr-rows": {"encode": partial(queries, scores=False), "large": None, "card": {"decoder": "rtdetr-rows"}},
    "rtdetr-scores": {
        "encode": partial(queries, scores=True), "large": None, "card": {"decoder": "rtdetr-scores"},
    },
    "yolo-nas-flat": in_table(name="graph2_flat_predictions", order=(0, 1, 2, 3, 4, 5)),
    "batch-class-score-box": in_table(name="batchno_classid_score_x1y1x2y2", order=(5, 4, 0, 1, 2, 3)),
    "batch-score-class-box": in_table(name="rows", order=(4, 5, 0, 1, 2, 3)),
    "detection-output": in_table(
        card={"mean": 0.0, "decoder": "detection-output"}, name="detection_out", order=(6, 4, 0, 1, 2, 3), unit=True,
        leading=(1, 1),
    ),
    "detection-output-from-0": in_table(
        card={"mean": 0.0, "decoder": "detection-output-from-0"}, name="detection_out", order=(5, 4, 0, 1, 2, 3),
        unit=True, leading=(1, 1),
    ),
    "yolo-nas-batch": {"encode": partial(counted, names=NAS, padding=-1), "large": None},
    "efficient-nms": {"encode": partial(counted, names=EFFICIENT_NMS, padding=0), "large": None},
    "mmrotate": {"encode": turned, "large": None, "card": {"mean": 0.0}},
    "onnx-nms": {
        "encode": partial(chosen, y_first=False), "large": None,
        "card": {"mean": 0.0, "outputs": {"boxes": "boxes x1y1x2y2"}},
    },
    "onnx-nms/keras-yolo3": {
        "encode": partial(chosen, y_first=True), "large": None, "inputs": ("image_shape",),
    },
    "tfod": named(*TFLITE),
    "tfod/by name": named("detection_boxes", "detection_classes", "detection_scores", "num_detections"),
    "tfod/saved model": {"encode": saved_model, "image": "hwc", "large": None},
    "tfod/frozen graph": {"encode": frozen, "image": "hwc", "picture": "image_tensor:0", "large": None},
    "tfod/by value": named("a", "b", "c", "d"),
}  # fmt: skip
