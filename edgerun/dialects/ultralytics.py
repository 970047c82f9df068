"""The dialect of Ultralytics exports (YOLOv5 to YOLO26) and of the tools that write the same keys.

Keys: task, names, imgsz [h, w], stride, channels, kpt_shape, end2end, head, args; every value is a text that holds a
Python literal or JSON. YOLOv5 writes names and stride alone; a task and the shape of keypoints count without
names too. Formats without such a table carry one text that holds all of it: a member of the archive in TFLite files.
Exports that are folders hold a metadata.yaml; it names no model, and counts where all models in the folder are one.
Read in the documentation and in exported files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import literals, sibling_files
from edgerun.dialects.readers.fields import some
from edgerun.dialects.readers.known_keys import refuse_unknown_pixels

__all__ = ["DIALECT", "fields_of"]

TEXTS = ("metadata.json", "temp_meta.txt")
"""JSON since 2024, before that a Python literal."""

KEYS = frozenset(("task", "names", "imgsz", "channels", "kpt_shape", "end2end", "args", "stride", "head"))

OTHERS = re.compile(r"[ .:/]")

ALWAYS = frozenset(("names", "stride"))
"""Keys that every version writes."""

WITHOUT_NAMES = frozenset(("task", "stride"))
"""Keys that only this exporter writes together."""

POINTS = frozenset(("task", "kpt_shape"))
"""Keys that tools write who cut the names out, or write a table of their own."""

HEADS: Mapping[str, Mapping[str, Any]] = {"RTDETRDecoder": {"resize": "stretch", "box_units": "unit"}}
"""head -> what it means for the card: its images are stretched, its boxes are cx cy w h in 0..1. Source: the metadata
and the documented prediction of ultralytics' RT-DETR (docs.ultralytics.com/reference/models/rtdetr/predict)."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    for member in TEXTS:
        if member in metadata:
            return _of_text(metadata[member])
    values = {key: literals.parse(value) for key, value in metadata.items() if key in KEYS}
    if _is_whole(values):
        refuse_unknown_pixels(_plainly_named(metadata), KEYS, "the table of its metadata")
        return fields_of(values)
    if values.keys() >= POINTS:
        return some(task=values["task"]) | _two(values["kpt_shape"], "keypoints", "keypoint_dims")
    content = sibling_files.yaml_object(path.with_name("metadata.yaml"), "names", "stride")
    is_meant = {*ALWAYS, "task"} <= content.keys() and sibling_files.alone(path)
    return fields_of(content) if is_meant else {}


def _of_text(text: str | bytes) -> dict[str, Any]:
    content = literals.parse(text)
    if isinstance(content, Mapping) and _is_whole(content):
        refuse_unknown_pixels(content, KEYS, "the table of its metadata")
        return fields_of(content)
    return {}


def _is_whole(values: Mapping[str, Any]) -> bool:
    return values.keys() >= ALWAYS or values.keys() >= WITHOUT_NAMES


def _plainly_named(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a file's metadata without those of others, whose keys have a prefix."""
    return {key: value for key, value in metadata.items() if not OTHERS.search(key)}


def fields_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Card fields from parsed Ultralytics metadata.

    Every such model was trained on red-green-blue in 0..1, letterboxed with grey 114 in the middle; classifiers
    see the centre of the image instead.
    """
    task = values.get("task")
    fields: dict[str, Any] = {
        **some(labels=values.get("names")),
        "color": "gray" if values.get("channels") == 1 else "rgb",
        "scale": 1 / 255,
        "mean": 0.0,
        "std": 1.0,
        "resize": "center-crop" if task == "classify" else "letterbox",
        "fill": 114,
    }
    if task is not None:  # YOLOv5 does not write it
        fields["task"] = task
    fields |= HEADS.get(str(values.get("head")), {})
    fields |= _two(values.get("imgsz"), "height", "width")
    fields |= _two(values.get("kpt_shape"), "keypoints", "keypoint_dims")
    return fields | some(suppressed=_is_suppressed(values))


def _two(value: Any, first: str, second: str) -> dict[str, Any]:
    """Two fields from a list of two, or from one number for a square input; {} where it is neither."""
    if isinstance(value, int) and first == "height":
        return {first: value, second: value}
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return {first: value[0], second: value[1]}
    return {}


def _is_suppressed(values: Mapping[str, Any]) -> bool:
    if values.get("end2end") is True:
        return True
    arguments = values.get("args")
    return isinstance(arguments, Mapping) and arguments.get("nms") is True


DIALECT = Dialect("ultralytics", _read)
