"""The dialect of MMDeploy: deploy.json, which names the model, and the list of transforms in pipeline.json.

Read, in their order: Resize {size [w, h], keep_ratio}, LetterResize, Pad {size [w, h], size_divisor, pad_to_square,
pad_val}, CenterCrop {crop_size}, Normalize {mean, std, to_rgb}. What is padded after the normalisation has the colour
of the mean. Means are in the model's own order of channels, after `to_rgb`.
Not read: score_thr and iou_threshold, which are made for measuring; there are no labels in these files; detail.json.
Source: https://github.com/open-mmlab/mmdeploy (Apache-2.0), backend/sdk/export_info.py, csrc/mmdeploy/preprocess.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files
from edgerun.dialects.readers.numbers import pair
from edgerun.dialects.readers.steps import Preprocessing, Step, follow, nothing, rounded_up, zero_border

__all__ = ["DIALECT"]

KNOWN = frozenset((
    "scale", "mean", "std", "to_rgb", "pad_val", "pad_to_square", "crop_size", "interpolation", "allow_scale_up",
))  # fmt: skip
"""Keys of steps that speak of pixels; the method of the resampling is not followed."""

TASKS = {"Classifier": "classify", "Detector": "detect", "PoseDetector": "pose", "RotatedDetector": "obb"}
"""`task` of deploy.json."""

HARMLESS = (
    "LoadImageFromFile", "LoadImageFromNDArray", "DefaultFormatBundle", "ImageToTensor", "Collect", "Lift",
    "PackDetInputs", "PackInputs", "PackPoseInputs", "TopDownGetBboxCenterScale", "TopDownAffine",
)  # fmt: skip
"""Steps that change no pixel, and those that cut a person out, which is the caller's."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    deploy = sibling_files.json_object(path.with_name("deploy.json"), '"models"', '"net"', path.name)
    if not _names_model(deploy.get("models"), path):
        return {}
    pipeline = sibling_files.json_object(path.with_name("pipeline.json"), '"pipeline"').get("pipeline", {})
    tasks = pipeline.get("tasks", [])
    fields: dict[str, Any] = {}
    for task in tasks:
        if task.get("module") == "Transform":
            fields |= _preprocessing(task["transforms"])
    if deploy.get("task") in TASKS:
        has_masks = any(task.get("component") == "ResizeInstanceMask" for task in tasks)
        fields["task"] = "segment" if has_masks else TASKS[deploy["task"]]
    return fields


def _names_model(models: Any, path: Path) -> bool:
    if not isinstance(models, list):
        return False
    return any(sibling_files.names(sibling_files.first(entry).get("net"), path) for entry in models)


def _preprocessing(transforms: Any) -> dict[str, Any]:
    steps = [(str(step["type"]).rpartition(".")[2], step) for step in transforms]
    return follow(steps, STEPS, Preprocessing(), "pipeline.json", KNOWN)


def _resize(step: Mapping[str, Any], state: Preprocessing) -> None:
    width, height = pair(step["size"])
    state.fields["resize"] = "letterbox-topleft" if step.get("keep_ratio", False) else "stretch"
    state.sized(height, width)


def _letter_resize(step: Mapping[str, Any], state: Preprocessing) -> None:
    width, height = pair(step.get("scale", step.get("size")))
    state.fields |= {"resize": "letterbox", "width": width, "height": height}
    state.padded(_color(step))


def _pad(step: Mapping[str, Any], state: Preprocessing) -> None:
    state.fields |= _padded(step, state.fields)
    if "size" in step or step.get("pad_to_square") or step.get("size_divisor", 1) > 1:
        state.padded(zero_border(state.fields) if state.normalised else _color(step))


def _center_crop(step: Mapping[str, Any], state: Preprocessing) -> None:
    width, height = pair(step["crop_size"])
    state.fields |= {"resize": "center-crop", "width": width, "height": height}


def _normalize(step: Mapping[str, Any], state: Preprocessing) -> None:
    state.normalised = True
    state.fields |= {"scale": 1.0, "mean": step["mean"], "std": step["std"]}
    state.fields["color"] = "rgb" if step.get("to_rgb", True) else "bgr"


STEPS: dict[str, Step] = {
    "Resize": _resize,
    "LetterResize": _letter_resize,
    "Pad": _pad,
    "CenterCrop": _center_crop,
    "Normalize": _normalize,
    **dict.fromkeys(HARMLESS, nothing),
}


def _padded(step: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, int]:
    """The size after padding; {} where it is not given, or the image is not fitted before."""
    if step.get("logical_or_val"):
        raise ValueError("pipeline.json pads images on all sides, which is not known here")
    if "size" in step:
        width, height = pair(step["size"])
        return {"width": width, "height": height}
    if "width" in fields and step.get("pad_to_square"):
        return dict.fromkeys(("width", "height"), max(fields["width"], fields["height"]))
    return rounded_up(fields, int(step.get("size_divisor", 1)))


def _color(step: Mapping[str, Any]) -> Any:
    """The colour of the padding, which some write for images and for label maps."""
    value = step.get("pad_val", 0)
    return value["img"] if isinstance(value, Mapping) else value


DIALECT = Dialect("mmdeploy", _read)
