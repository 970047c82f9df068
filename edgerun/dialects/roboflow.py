"""The dialect of Roboflow's model packages: inference_config.json, model_config.json and class_names.txt.

Read: network_input {training_input_size, color_mode, resize_mode, padding_value, scaling_factor (divides),
normalization [means, deviations]}, post_processing, task_type, class names one a line. Images may be cut, made grey
or changed in contrast before (image_pre_processing), and RF-DETR fits them twice where the dataset was resized; where
that is so, the model is refused, for a card cannot say it.
Not read: forward_pass, class_names_operations, dynamic_spatial_size_mode.
Source: https://github.com/roboflow/inference (Apache-2.0), inference_models/docs/how-to/roboflow-model-packages.md and
models/common/roboflow/.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files
from edgerun.dialects.readers.fields import some
from edgerun.dialects.readers.known_keys import refuse_unknown_pixels

__all__ = ["DIALECT"]

CONFIG = "inference_config.json"

RESIZES = {"stretch": "stretch", "letterbox": "letterbox", "letterbox-reflect-edges": "letterbox"}
"""resize_mode."""

KNOWN = frozenset((
    "resize_mode", "padding_value", "color_mode", "scaling_factor", "normalization", "input_channels",
    "dataset_version_resize_dimensions",
))  # fmt: skip
"""Keys of network_input that speak of pixels; the number of channels is the graph's."""

TASKS = {
    "object-detection": "detect",
    "instance-segmentation": "segment",
    "keypoint-detection": "pose",
    "classification": "classify",
}
"""task_type."""

UNKNOWN_STEPS = ("static-crop", "contrast", "grayscale")
"""Of image_pre_processing: a card has no fields for these."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    config = sibling_files.json_object(path.with_name(CONFIG), '"network_input"')
    wanted = config.get("network_input")
    if not isinstance(wanted, Mapping) or not sibling_files.alone(path):
        return {}
    package = sibling_files.json_object(path.with_name("model_config.json"))
    _refuse_steps(config.get("image_pre_processing") or {})
    architecture = str(package.get("model_architecture", "")).replace("-", "")
    if "rfdetr" in architecture:
        _refuse_fitting_twice(wanted)
    task = TASKS.get(package.get("task_type", ""))
    labels = sibling_files.label_file(path.parent, "class_names.txt")
    return _preprocessing(wanted) | some(task=task, labels=labels) | _rows(config.get("post_processing") or {})


def _refuse_steps(before: Mapping[str, Any]) -> None:
    for step in UNKNOWN_STEPS:
        if (before.get(step) or {}).get("enabled"):
            raise ValueError(f"{CONFIG} wants {step} before the image is fitted, which is not known here")


def _refuse_fitting_twice(wanted: Mapping[str, Any]) -> None:
    earlier = wanted.get("dataset_version_resize_dimensions")
    if not earlier or wanted["resize_mode"] == "stretch":
        return
    if _shape(earlier) != _shape(wanted["training_input_size"]):
        raise ValueError(f"{CONFIG} fits images twice, and the first time into another shape")


def _shape(size: Mapping[str, Any]) -> float:
    return int(size["height"]) / int(size["width"])


def _preprocessing(wanted: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown_pixels(wanted, KNOWN, "network_input")
    mode, size = wanted["resize_mode"], wanted["training_input_size"]
    if mode not in RESIZES:
        raise ValueError(f"{CONFIG} says resize_mode = {mode}, which is not known here")
    mean, std = wanted.get("normalization") or ([0.0], [1.0])
    return {
        "resize": RESIZES[mode],
        "fill": wanted.get("padding_value") or 0,
        "height": int(size["height"]),
        "width": int(size["width"]),
        "color": wanted["color_mode"],
        "scale": 1 / (wanted.get("scaling_factor") or 1),
        "mean": mean,
        "std": std,
    }


def _rows(after: Mapping[str, Any]) -> dict[str, Any]:
    if after.get("type") != "nms":
        return {}
    fields = some(suppressed=bool(after.get("fused")))
    limits = after.get("nms_parameters")
    if limits:
        nms = "agnostic" if limits.get("class_agnostic") else "class"
        fields |= {"conf": limits["confidence_threshold"], "iou": limits["iou_threshold"], "nms": nms}
    return fields


DIALECT = Dialect("roboflow", _read, overrules=True)
"""Their data sets are stretched where their trainers letterbox, so that a package knows better than the file in it."""
