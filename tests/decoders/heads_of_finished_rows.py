"""Made-up heads of rows after suppression, end to end and by TensorFlow's operator; see conftest.py."""

from __future__ import annotations

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
    return {"encode": lambda *a: tensorflow(*a, names=names), "image": "hwc", "large": None}


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
HEADS = {
    "end2end": {"encode": lambda *a: finished(*a, columns=6), "large": None},
    "end2end-batched": {"encode": lambda *a: finished(*a, columns=7), "large": None},
    "tfod": named(*TFLITE),
    "tfod/by name": named("detection_boxes", "detection_classes", "detection_scores", "num_detections"),
    "tfod/saved model": {"encode": saved_model, "image": "hwc", "large": None},
    "tfod/frozen graph": {"encode": frozen, "image": "hwc", "picture": "image_tensor:0", "large": None},
    "tfod/by value": named("a", "b", "c", "d"),
}
