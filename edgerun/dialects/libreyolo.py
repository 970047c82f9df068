"""The dialect of LibreYOLO: the same table in an ONNX file, in an archive of TorchScript, and as `model.pte.json`.

Keys: model_family, size, task, names (JSON), nc, imgsz_h and imgsz_w, nms, nms_conf, nms_iou, num_keypoints. How the
image is fed follows from the family and is written nowhere: FED holds what LibreYOLO does when it runs its exports.
Its yolo9, picodet and rtmdet answer with corners where their originals answer otherwise.
Not read: precision, dynamic, supported_tasks.
Source: https://github.com/LibreYOLO/libreyolo (MIT), export/exporter.py, export/nms.py, backends/base.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files
from edgerun.dialects.readers.fields import sides

__all__ = ["DIALECT"]

TEXT = "libreyolo_metadata.json"
"""The member of a TorchScript archive."""

VERSIONS = frozenset(("libreyolo_version", "schema_version"))
"""Keys of which LibreYOLO writes one at least."""

PLAIN = {"color": "rgb", "scale": 1 / 255, "mean": 0.0, "std": 1.0}
IMAGENET = {**PLAIN, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
BYTES = {**PLAIN, "scale": 1.0}
STRETCHED = {"resize": "stretch"}
TOPLEFT = {"resize": "letterbox-topleft", "fill": 114}

FED: dict[str, dict[str, Any]] = {
    "yolo9": {**PLAIN, **TOPLEFT},
    "yolo9_e2e": {**PLAIN, **TOPLEFT},
    "yolox": {**BYTES, **TOPLEFT, "color": "bgr"},
    "yolonas": {**PLAIN, "resize": "letterbox", "fill": 114},
    "rtmdet": {
        **BYTES, **TOPLEFT, "color": "bgr", "mean": (103.53, 116.28, 123.675), "std": (57.375, 57.12, 58.395),
    },
    "picodet": {**IMAGENET, **STRETCHED},
    "ppyoloe": {**IMAGENET, **STRETCHED},
    "damoyolo": {**BYTES, **STRETCHED},
    "rfdetr": {**IMAGENET, **STRETCHED},
    "ec": {**IMAGENET, **STRETCHED},
    "deimv2": {**IMAGENET, **STRETCHED},
    "dfine": {**PLAIN, **STRETCHED},
    "deim": {**PLAIN, **STRETCHED},
    "rtdetr": {**PLAIN, **STRETCHED},
    "rtdetrv2": {**PLAIN, **STRETCHED},
    "rtdetrv4": {**PLAIN, **STRETCHED},
}  # fmt: skip

YOLONAS_POSE = {**PLAIN, **TOPLEFT, "color": "bgr", "fill": 127}

DECODERS = {"yolonas": "yolo-nas", "ppyoloe": "ppyoloe", "rtmdet": "yolo-corners", "picodet": "yolo-corners"}
"""How families answer that others answer alike, where the suppression is left to us."""

DINO = ("s", "m", "l", "x")
"""Sizes of DEIMv2 with a backbone that wants ImageNet's normalisation; the smaller ones do not."""

TASKS = ("detect", "segment", "pose", "obb", "classify")


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    values = _values(metadata, path)
    family = values.get("model_family")
    if not isinstance(family, str) or not VERSIONS & values.keys():
        return {}
    task = values.get("task")
    if task not in TASKS:
        raise ValueError(f"its task is {task!r}, which is not run here")
    size = sides(values, "imgsz_h", "imgsz_w", int) or sides(values, "imgsz", "imgsz", int)
    fields = {"task": task, **_feeding(family, task, values), **size, **_rows(family, task, values)}
    names = values.get("names")
    if names:
        fields["labels"] = json.loads(names) if isinstance(names, str) else names
    if task == "pose" and str(values.get("num_keypoints") or "").isdigit():
        fields |= {"keypoints": int(values["num_keypoints"]), "keypoint_dims": int(values.get("keypoint_dim") or 3)}
    return fields


def _values(metadata: Mapping[str, str | bytes], path: Path) -> Mapping[str, Any]:
    if "model_family" in metadata:
        return metadata
    if TEXT in metadata:
        return sibling_files.first(json.loads(metadata[TEXT]))
    return sibling_files.json_object(path.with_name(path.name + ".json"), '"model_family"')


def _feeding(family: str, task: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if task == "classify":
        return {**IMAGENET, "resize": "center-crop"}
    if family == "deimv2" and values.get("size", values.get("model_size")) not in DINO:
        return {**PLAIN, **STRETCHED}
    if family == "yolonas" and task == "pose":
        return YOLONAS_POSE
    return FED.get(family, {})


def _rows(family: str, task: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if str(values.get("nms", "")).lower() == "true":  # finished rows first, and what they were made of
        return {"suppressed": True, "conf": float(values["nms_conf"]), "iou": float(values["nms_iou"])}
    if task == "detect" and family in DECODERS:
        return {"decoder": DECODERS[family]}
    return {}


DIALECT = Dialect("libreyolo", _read)
