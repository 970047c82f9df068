"""Measures the detector on a folder of pictures, with COCO annotations or, for pictures without codes, with none:

python training/codes/measure.py edgerun/models/codes.onnx PHOTOS [--sweep]
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
LEAST_SCORE = 0.05  # for the precision-recall curve
SWEEP = tuple(np.arange(0.3, 0.86, 0.05).round(2))

Boxes = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """boxes float32 [N, 4] x0 y0 x1 y1, image px;  labels int64 [N];  scores float32 [N], best first (truth: 1)"""

    boxes: Boxes
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]

    def above(self, threshold: float) -> "Found":
        kept = self.scores >= threshold
        return Found(self.boxes[kept], self.labels[kept], self.scores[kept])


class Model:
    """The ONNX file, its card and the few lines between a picture and its boxes."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.card = json.loads(self.session.get_modelmeta().custom_metadata_map["edgerun"])

    def __call__(self, picture: NDArray[np.uint8]) -> Found:
        """Picture uint8 [H, W, 3] BGR"""
        height, width = picture.shape[:2]
        side = self.card["width"]
        scale = side / max(height, width)
        inner = (round(width * scale), round(height * scale))
        left, top = (side - inner[0]) // 2, (side - inner[1]) // 2
        frame = np.full((side, side, 3), self.card["fill"], np.uint8)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        frame[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=way)
        tensor = np.ascontiguousarray(frame[..., ::-1].transpose(2, 0, 1)[None], np.float32) * self.card["scale"]
        (output,) = self.session.run(None, {"images": tensor.astype(np.float32)})
        found = suppress(output[0], self.card["iou"], agnostic=self.card.get("nms") == "agnostic")
        boxes = (found.boxes - np.array([left, top, left, top], np.float32)) / scale
        return Found(boxes.clip(0, [width, height, width, height]).astype(np.float32), found.labels, found.scores)


def suppress(output: NDArray[np.float32], most_overlap: float, agnostic: bool) -> Found:
    """Non-maximum suppression of float32 [4 + L, A] (cx cy w h, scores), in the frame of its boxes."""
    scores, labels = output[4:].max(0), output[4:].argmax(0)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > LEAST_SCORE]
    centre, half = output[:2, order].T, output[2:4, order].T / 2
    boxes, labels, scores = np.concatenate([centre - half, centre + half], 1), labels[order], scores[order]
    kept: list[int] = []
    for i in range(len(order)):
        rivals = [k for k in kept if agnostic or labels[k] == labels[i]]
        if not rivals or ious(boxes[i : i + 1], boxes[rivals]).max() < most_overlap:
            kept.append(i)
    return Found(boxes[kept], labels[kept], scores[kept])


def ious(a: Boxes, b: Boxes) -> Boxes:
    """IoU float32 [N, M] of boxes [N, 4] and [M, 4]."""
    x0, y0, x1, y1 = (v[:, None] for v in a.T)
    u0, v0, u1, v1 = b.T
    shared = np.clip(np.minimum(x1, u1) - np.maximum(x0, u0), 0, None)
    shared = shared * np.clip(np.minimum(y1, v1) - np.maximum(y0, v0), 0, None)
    return np.asarray(shared / ((x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - shared + 1e-9), np.float32)


def hits(found: Found, truth: Found, least_iou: float, with_label: bool) -> NDArray[np.bool_]:
    """Which of `found` [N] hit a code that no better scored one hit before."""
    free = np.ones(len(truth.boxes), bool)
    hit = np.zeros(len(found.boxes), bool)
    table = ious(found.boxes, truth.boxes)
    for i, row in enumerate(table):
        right = free & (truth.labels == found.labels[i]) if with_label else free
        row = np.where(right, row, 0)
        if len(row) and row.max() >= least_iou:
            free[row.argmax()] = False
            hit[i] = True
    return hit


def average_precision(found: Sequence[Found], truth: Sequence[Found], label: int, least_iou: float) -> float:
    """Area under the interpolated precision-recall curve of one label, at 101 recalls."""
    scores, correct, total = [], [], 0
    for some, true in zip(found, truth, strict=True):
        mine, theirs = some.labels == label, true.labels == label
        total += int(theirs.sum())
        some = Found(some.boxes[mine], some.labels[mine], some.scores[mine])
        true = Found(true.boxes[theirs], true.labels[theirs], true.scores[theirs])
        scores.append(some.scores)
        correct.append(hits(some, true, least_iou, with_label=True))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.cumsum(np.concatenate(correct)[order])
    recall, precision = right / max(total, 1), right / np.arange(1, len(right) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    wanted = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.mean([best_from_here[i] if i < len(best_from_here) else 0.0 for i in wanted]))


def read_truth(folder: Path, labels: Sequence[str]) -> dict[str, Found]:
    """File name -> truth, from `annotations.json` in COCO form; where that is absent, no picture has codes."""
    path = folder / "annotations.json"
    if not path.exists():
        nothing = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32))
        return {p.name: nothing for p in sorted(folder.iterdir()) if p.suffix.lower() in PICTURES}
    data = json.loads(path.read_text())
    label_of = {c["id"]: labels.index(c["name"]) for c in data["categories"] if c["name"] in labels}
    truth = {}
    for image in data["images"]:
        mine = [a for a in data["annotations"] if a["image_id"] == image["id"] and a["category_id"] in label_of]
        corners = [(x, y, x + w, y + h) for x, y, w, h in (a["bbox"] for a in mine)]
        boxes = np.array(corners, np.float32).reshape(-1, 4)
        own = np.array([label_of[a["category_id"]] for a in mine], np.int64)
        truth[image["file_name"]] = Found(boxes, own, np.ones(len(mine), np.float32))
    return truth


def report(found: Sequence[Found], truth: Sequence[Found], labels: Sequence[str], threshold: float) -> str:
    """One line: recall and precision with and without regard to the label, at IoU .5."""
    kept = [some.above(threshold) for some in found]
    boxes, codes = sum(len(some.boxes) for some in kept), sum(len(true.boxes) for true in truth)
    if not codes:
        return f"threshold {threshold:.2f}  {boxes} boxes on {len(truth)} pictures without codes"
    pairs = list(zip(kept, truth, strict=True))
    named, any_label = (sum(int(hits(*pair, 0.5, with_label=w).sum()) for pair in pairs) for w in (True, False))
    return (
        f"threshold {threshold:.2f}  {codes} codes, {boxes} boxes"
        f"  by label: recall {named / codes:.3f} precision {named / max(boxes, 1):.3f}"
        f"  any label: recall {any_label / codes:.3f} precision {any_label / max(boxes, 1):.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threshold", type=float, help="default: the model's own")
    parser.add_argument("--sweep", action="store_true", help="a line for each of many thresholds")
    parser.add_argument("--misses", action="store_true", help="name the pictures that are not all right")
    options = parser.parse_args()
    model = Model(options.model)
    labels = model.card["labels"]
    truth = read_truth(options.folder, labels)
    found = {}
    for name in truth:
        picture = cv2.imread(str(options.folder / name), cv2.IMREAD_COLOR)
        if picture is None:
            raise SystemExit(f"{options.folder / name} cannot be read as a picture")
        found[name] = model(np.asarray(picture, np.uint8))
    threshold = model.card["conf"] if options.threshold is None else options.threshold
    everything, truths = list(found.values()), list(truth.values())
    for value in SWEEP if options.sweep else (threshold,):
        print(report(everything, truths, labels, value))
    present = sorted({int(label) for true in truths for label in true.labels})
    for least_iou in (0.5, 0.75) if present else ():
        each = {labels[i]: average_precision(everything, truths, i, least_iou) for i in present}
        named = "  ".join(f"{name} {value:.3f}" for name, value in each.items())
        print(f"AP at IoU {least_iou:.2f}  mean {np.mean(list(each.values())):.3f}  {named}")
    if options.misses:
        for name, true in truth.items():
            kept = found[name].above(threshold)
            if len(kept.boxes) != len(true.boxes) or not hits(kept, true, 0.5, with_label=True).all():
                seen = [f"{labels[k]} {s:.2f}" for k, s in zip(kept.labels, kept.scores, strict=True)]
                print(f"{name}: found {seen}, true {[labels[k] for k in true.labels]}")


if __name__ == "__main__":
    main()
