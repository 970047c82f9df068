"""MMDetection's and MMPose's exports with their suppression inside.

"mmdetection": dets [1, N, 5] x1 y1 x2 y2 score in pixels of the input, labels [1, N] from 0, perhaps masks [1, N, h, w]
over the input or the box. "rtmo": dets [1, N, 5] and keypoints [1, N, K, 3] x y score (RTMO, YOLOX-Pose).
Source: github.com/open-mmlab/mmdeploy (Apache-2.0), `docs/en/04-supported-codebases`, `configs/mmpose`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import region_masks, value_checks
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

FIT: dict[str, Any] = {"resize": "letterbox-topleft", "fill": 114, "box_units": "pixels", "suppressed": True}
FED_PLAIN = {"color": "bgr", "scale": 1.0}
HABITS = {
    "mean": {
        "scale=1, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)": "most of MMDetection, red first",
        'color="bgr", scale=1, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395)': "RTMDet, blue first",
        'color="bgr", scale=1, mean=(103.53, 116.28, 123.675)': "Caffe's backbones",
        'color="bgr", scale=1, mean=0': "YOLOX",
        "mean=0": "YOLOv5 and v8 of MMYOLO",
    }
}


def _rows(outputs: Arrays, width: int) -> list[str]:
    """Names of the outputs [1, N, width]."""
    return [name for name, array in outputs.items() if array.ndim == 3 and array.shape[::2] == (1, width)]


def _boxes(rows: AnyArray) -> bool:
    """Whether rows [N, 5] are x1 y1 x2 y2 in pixels and a score; empty rows of fixed length hold zeros."""
    if not len(rows) or not rows[:, :4].any():
        return True
    corners = bool((rows[:, 2:4] >= rows[:, :2] - 1).all()) and not value_checks.unit(rows[:, :4])
    return value_checks.shares(rows[:, 4]) and corners


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    (name,) = _rows(outputs, 5)
    dets = outputs[name][0]
    kept = np.flatnonzero(dets[:, 4] >= frame.conf)
    classes = next((array[0] for array in outputs.values() if array.ndim == 2), np.zeros(len(dets)))
    further = next((array[0][kept].astype(np.float32) for array in outputs.values() if array.ndim == 4), None)
    numbers = np.rint(classes[kept]).astype(np.int32)
    found = Candidates(dets[kept, :4].astype(np.float32), dets[kept, 4].copy(), numbers)
    if further is None:
        return found
    if frame.card.task == "pose":
        return replace(found, keypoints=further)
    return replace(found, **region_masks.columns(further, frame))


def _matches(evidence: Evidence) -> Match:
    if len(evidence.outputs) not in (2, 3):
        return Match(Sure.NO, "it needs dets [1, N, 5] and labels [1, N]")
    values = evidence.probe("textured")
    dets, labels = _rows(values, 5), [array for array in values.values() if array.ndim == 2 and len(array) == 1]
    masks = [array for array in values.values() if array.ndim == 4 and len(array) == 1]
    if len(dets) != 1 or len(labels) != 1 or len(values) != 2 + len(masks):
        return Match(Sure.NO, "it needs dets [1, N, 5], labels [1, N] and at most masks [1, N, h, w]")
    rows, classes = values[dets[0]][0], labels[0][0]
    if len(rows) != len(classes) or any(array.shape[1] != len(rows) for array in masks):
        return Match(Sure.NO, "dets, labels and masks are not of the same number")
    if not _boxes(rows) or (len(rows) and not np.isin(classes, np.arange(-1, 100_000)).all()):
        return Match(Sure.NO, "in a probe run dets are not x1 y1 x2 y2 score, or labels no whole numbers")
    if evidence.card.labels and len(rows) and classes.max() >= len(evidence.card.labels):
        return Match(Sure.NO, f"a probe run gives class {classes.max():.0f} of {len(evidence.card.labels)} labels")
    fields = {**FIT, "task": "segment" if masks else "detect"}
    basis = dict.fromkeys(fields, "convention: MMDetection's exports") | {"task": "inferred: the outputs"}
    return Match(Sure.LIKELY, "dets with scores, and labels", fields, basis, HABITS)


def _matches_posed(evidence: Evidence) -> Match:
    if len(evidence.outputs) != 2:
        return Match(Sure.NO, "it needs dets [1, N, 5] and keypoints [1, N, K, 3]")
    values = evidence.probe("textured")
    dets, points = _rows(values, 5), [array for array in values.values() if array.ndim == 4 and array.shape[3] == 3]
    if len(dets) != 1 or len(points) != 1 or points[0].shape[1] != values[dets[0]].shape[1]:
        return Match(Sure.NO, "it needs dets [1, N, 5] and keypoints [1, N, K, 3]")
    rows = values[dets[0]][0]
    if not _boxes(rows) or (len(rows) and not value_checks.shares(points[0][..., 2])):
        return Match(Sure.NO, "in a probe run dets are not x1 y1 x2 y2 score, or keypoints not x y score")
    count = points[0].shape[2]
    fields = {**FIT, **FED_PLAIN, "task": "pose", "keypoints": count, "keypoint_dims": 3, "labels": ("person",)}
    basis = dict.fromkeys(fields, "convention: RTMO and YOLOX-Pose are trained so")
    basis |= dict.fromkeys(("task", "keypoints", "keypoint_dims"), "inferred: the outputs")
    return Match(Sure.CERTAIN if len(rows) else Sure.LIKELY, f"dets with scores and {count} keypoints", fields, basis)


DECODERS = (
    Decoder("mmdetection", _matches, _decode, suppress=False),
    Decoder("rtmo", _matches_posed, _decode, suppress=False),
)
