"""The dialect of Roboflow's model packages: inference_config.json, model_config.json and class_names.txt.

Read: network_input {training_input_size, color_mode, resize_mode, padding_value, scaling_factor (divides),
normalization [means, deviations]}, post_processing, task_type, class names one a line. Pictures may be cut, made grey
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

__all__ = ["DIALECT"]

CONFIG = "inference_config.json"

RESIZES = {"stretch": "stretch", "letterbox": "letterbox", "letterbox-reflect-edges": "letterbox"}

TASKS = {
    "object-detection": "detect",
    "instance-segmentation": "segment",
    "keypoint-detection": "pose",
    "classification": "classify",
}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    config = sibling_files.json_object(path.with_name(CONFIG), '"network_input"')
    picture = config.get("network_input")
    if not isinstance(picture, Mapping) or not sibling_files.alone(path):
        return {}
    package = sibling_files.json_object(path.with_name("model_config.json"))
    before = config.get("image_pre_processing") or {}
    for step in ("static-crop", "contrast", "grayscale"):
        if (before.get(step) or {}).get("enabled"):
            raise ValueError(f"{CONFIG} wants {step} before the picture is fitted, which is not known here")
    fields = _of_picture(picture, str(package.get("model_architecture", "")))
    if package.get("task_type") in TASKS:
        fields["task"] = TASKS[package["task_type"]]
    labels = sibling_files.label_file(path.parent, "class_names.txt")
    if labels:
        fields["labels"] = labels
    return fields | _of_rows(config.get("post_processing") or {})


def _of_picture(picture: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    mode, size = picture["resize_mode"], picture["training_input_size"]
    if mode not in RESIZES:
        raise ValueError(f"{CONFIG} says resize_mode = {mode}, which is not known here")
    earlier = picture.get("dataset_version_resize_dimensions")
    if earlier and "rfdetr" in architecture.replace("-", "") and mode != "stretch":
        shapes = [int(entry["height"]) / int(entry["width"]) for entry in (earlier, size)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"{CONFIG} fits pictures twice, and the first time into another shape")
    mean, std = picture.get("normalization") or ([0.0], [1.0])
    return {
        "resize": RESIZES[mode],
        "fill": picture.get("padding_value") or 0,
        "height": int(size["height"]),
        "width": int(size["width"]),
        "color": picture["color_mode"],
        "scale": 1 / picture["scaling_factor"] if picture.get("scaling_factor") else 1.0,
        "mean": mean,
        "std": std,
    }


def _of_rows(after: Mapping[str, Any]) -> dict[str, Any]:
    if after.get("type") != "nms":
        return {}
    limits = after.get("nms_parameters") or {}
    fields: dict[str, Any] = {"suppressed": True} if after.get("fused") else {}
    if limits:
        fields |= {"conf": limits["confidence_threshold"], "iou": limits["iou_threshold"]}
        fields["nms"] = "agnostic" if limits.get("class_agnostic") else "class"
    return fields


DIALECT = Dialect("roboflow", _read, overrules=True)
"""Their data sets are stretched where their trainers letterbox, so that a package knows better than the file in it."""
