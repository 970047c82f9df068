"""Average precision of real models on 80 labelled photos, against that of independently written reference decoders."""

from __future__ import annotations

import json
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector
from edgerun.card.labels import COCO, COCO91
from edgerun.contract import Frame
from edgerun.errors import BackendMissing, BackendUnavailable
from edgerun.media import images
from edgerun.processing import nms, quantization

pytestmark = pytest.mark.zoo

TOLERANCE = 0.003
CONF, ROWS = 0.001, 100
"""How the manifest measured."""

TIED = {"tflite/yolov8n_full_integer_quant.tflite", "tflite/efficientdet_lite0_int8.tflite"}
"""Their scores are whole steps of 8 bits. Which of equal ones comes first, in suppression and in the measure itself, is
a matter of sorting: the average precision of one set of outputs spans a range, in which the manifest's must lie."""
ORDERS = 16

BEYOND = {"onnx/FastestDet.onnx"}
"""The manifest measured boxes that stick out of the picture as they are; ours end at its edge, and fit better."""


def measured() -> list[str]:
    """Collected without a fixture, so that each model is a test of its own."""
    manifest = Path(__file__).resolve().parents[2] / "shared" / "models" / "manifest.json"
    if not manifest.is_file():
        return ["none"]
    return [entry["path"] for entry in json.loads(manifest.read_text())["models"] if "coco80" in entry]


@lru_cache(maxsize=1)
def truth(file):
    evaluation = pytest.importorskip("faster_coco_eval", reason="faster-coco-eval is not installed")
    return evaluation.COCO(str(file))


def precision(labels, found) -> float:
    """AP of IoU 0.50 to 0.95; found: number of the photo -> (xyxy, scores, names)."""
    from faster_coco_eval import COCOeval_faster

    numbers = {entry["name"]: number for number, entry in labels.cats.items()}
    rows = [
        {"image_id": photo, "category_id": numbers[name], "bbox": [x1, y1, x2 - x1, y2 - y1], "score": float(score)}
        for photo, (boxes, scores, names) in found.items()
        for (x1, y1, x2, y2), score, name in zip(boxes.tolist(), scores, names, strict=True)
        if name in numbers
    ]
    run = COCOeval_faster(labels, labels.loadRes(rows), "bbox", print_function=lambda *_: None)
    run.params.maxDets = [1, 10, ROWS]
    run.evaluate()
    run.accumulate()
    run.summarize()
    return float(run.stats[0])


def in_other_order(rows, iou, random):
    """The rows that suppression keeps where equal scores come in an order of chance."""
    scores = rows.score + random.uniform(0, 1e-5, len(rows)).astype(np.float32)
    kept = nms.suppress(rows.xyxy, scores, rows.class_id, iou=iou, max_det=ROWS, mode="class")
    return rows[kept], scores[kept]


def sticking_out(detector, path):
    """Boxes, scores and classes of a photo, suppressed, in its pixels, and not cut at its edge; for stretched ones."""
    picture, card = images.as_bgr(path, "bgr"), detector.card
    outputs = quantization.restore(detector.session.run(detector.feed(path)), detector.session.outputs)
    rows = detector._interpretation.choice.decode(outputs, Frame(card.height, card.width, CONF, card))
    rows = rows.take(nms.suppress(rows.boxes, rows.scores, rows.classes, iou=detector.iou, max_det=ROWS, mode="class"))
    size = np.array([picture.shape[1] / card.width, picture.shape[0] / card.height] * 2, np.float32)
    return rows.boxes * size, rows.scores, rows.classes


@pytest.mark.parametrize("path", measured())
def test_its_average_precision_is_that_of_the_reference(shared, path, record_property):
    entries = {
        entry["path"]: entry for entry in json.loads((shared / "models" / "manifest.json").read_text())["models"]
    }
    expected = entries[path]["coco80"]["AP"]
    folder = shared / "images" / "coco80"
    labels = truth(folder / "instances.json")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a suffix that lies is named elsewhere
            detector = Detector.load(shared / "models" / path, conf=CONF, max_det=ROWS)
    except (BackendMissing, BackendUnavailable) as absent:
        pytest.skip(f"{path}: {absent.message}")
    with detector:
        names = detector.labels or (COCO91 if detector.card.decoder == "tfod" else COCO)
        photos = {number: folder / photo["file_name"] for number, photo in labels.imgs.items()}
        found = {number: detector(file) for number, file in photos.items()}
        own = precision(labels, {n: (f.xyxy, f.score, [names[c] for c in f.class_id]) for n, f in found.items()})
        record_property("precision", f"{own:.4f} {expected:.4f}")
        if path in BEYOND:
            cut = {number: sticking_out(detector, file) for number, file in photos.items()}
            uncut = precision(labels, {n: (b, s, [names[c] for c in k]) for n, (b, s, k) in cut.items()})
            assert abs(uncut - expected) <= TOLERANCE / 10
            assert own > uncut
        elif path in TIED:
            everything = {n: detector(file, max_det=100_000, nms="none") for n, file in photos.items()}
            spans = []
            for seed in range(ORDERS):
                random = np.random.default_rng(seed)
                kept = {n: in_other_order(rows, detector.iou, random) for n, rows in everything.items()}
                spans.append(
                    precision(labels, {n: (r.xyxy, s, [names[c] for c in r.class_id]) for n, (r, s) in kept.items()})
                )
            record_property("precision", f"{own:.4f} {expected:.4f}  ties span {min(spans):.4f} to {max(spans):.4f}")
            assert min(spans) - TOLERANCE <= expected <= max(spans) + TOLERANCE
            assert min(spans) - TOLERANCE <= own <= max(spans) + TOLERANCE
        else:
            assert abs(own - expected) <= TOLERANCE
