"""The dialect of Ultralytics exports (YOLOv5 to YOLO26) and of the tools that write the same keys.

Keys: task, names, imgsz [h, w], stride, channels, kpt_shape, end2end, args; every value is a text that holds a
Python literal or JSON. YOLOv5 writes names and stride alone. Formats without such a table carry one text that holds
all of it: a member of the archive in TFLite files. Exports that are folders hold a metadata.yaml; it names no model,
and counts where all models in the folder are one. Read in the documentation and in exported files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import literals, sibling_files

__all__ = ["DIALECT", "fields_of"]


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    for member in TEXTS:
        if member in metadata:
            content = literals.parse(metadata[member])
            return fields_of(content) if isinstance(content, Mapping) and {"names", "stride"} <= set(content) else {}
    if "names" not in metadata or "stride" not in metadata:
        content = sibling_files.yaml_object(path.with_name("metadata.yaml"), "names", "stride")
        return fields_of(content) if {"names", "stride", "task"} <= set(content) and sibling_files.alone(path) else {}
    return fields_of({key: literals.parse(value) for key, value in metadata.items() if key in _KEYS})


TEXTS = ("metadata.json", "temp_meta.txt")
"""JSON since 2024, before that a Python literal."""

_KEYS = frozenset(("task", "names", "imgsz", "channels", "kpt_shape", "end2end", "args", "stride"))


def fields_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Card fields from parsed Ultralytics metadata.

    Every such model was trained on red-green-blue in 0..1, letterboxed with grey 114 in the middle; classifiers
    see the centre of the picture instead.
    """
    task = values.get("task")
    fields: dict[str, Any] = {
        "labels": values["names"],
        "color": "gray" if values.get("channels") == 1 else "rgb",
        "scale": 1 / 255,
        "mean": 0.0,
        "std": 1.0,
        "resize": "center-crop" if task == "classify" else "letterbox",
        "fill": 114,
    }
    if task is not None:  # YOLOv5 does not write it
        fields["task"] = task
    imgsz = values.get("imgsz")
    if isinstance(imgsz, int):
        imgsz = [imgsz, imgsz]
    if isinstance(imgsz, (list, tuple)) and len(imgsz) == 2:
        fields["height"], fields["width"] = imgsz
    kpt_shape = values.get("kpt_shape")
    if isinstance(kpt_shape, (list, tuple)) and len(kpt_shape) == 2:
        fields["keypoints"], fields["keypoint_dims"] = kpt_shape
    arguments = values.get("args")
    if values.get("end2end") is True or (isinstance(arguments, Mapping) and arguments.get("nms") is True):
        fields["suppressed"] = True
    return fields


DIALECT = Dialect("ultralytics", _read)
