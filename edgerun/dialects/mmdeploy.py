"""The dialect of MMDeploy: deploy.json, which names the model, and the list of transforms in pipeline.json.

Read, in their order: Resize {size [w, h], keep_ratio}, LetterResize, Pad {size [w, h], size_divisor, pad_to_square,
pad_val}, CenterCrop {crop_size}, Normalize {mean, std, to_rgb}. What is padded after the normalisation has the colour
of the mean. Means are in the model's own order of channels, after `to_rgb`.
Not read: score_thr and iou_threshold, which are made for measuring; there are no labels in these files; detail.json.
Source: https://github.com/open-mmlab/mmdeploy (Apache-2.0), backend/sdk/export_info.py, csrc/mmdeploy/preprocess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files

__all__ = ["DIALECT"]

TASKS = {"Classifier": "classify", "Detector": "detect", "PoseDetector": "pose", "RotatedDetector": "obb"}

HARMLESS = (
    "LoadImageFromFile", "LoadImageFromNDArray", "DefaultFormatBundle", "ImageToTensor", "Collect", "Lift",
    "PackDetInputs", "PackInputs", "PackPoseInputs", "TopDownGetBboxCenterScale", "TopDownAffine",
)  # fmt: skip
"""Steps that change no pixel, and those that cut a person out, which is the caller's."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    deploy = sibling_files.json_object(path.with_name("deploy.json"), '"models"', '"net"', path.name)
    models = deploy.get("models")
    if not isinstance(models, list) or not any(
        sibling_files.names(sibling_files.first(entry).get("net"), path) for entry in models
    ):
        return {}
    tasks = (
        sibling_files.json_object(path.with_name("pipeline.json"), '"pipeline"').get("pipeline", {}).get("tasks", [])
    )
    fields: dict[str, Any] = {}
    for task in tasks:
        if task.get("module") == "Transform":
            fields |= _of_transforms(task["transforms"])
    if deploy.get("task") in TASKS:
        masks = any(task.get("component") == "ResizeInstanceMask" for task in tasks)
        fields["task"] = "segment" if masks else TASKS[deploy["task"]]
    return fields


def _of_transforms(transforms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    border: Any = None
    for step in transforms:
        kind = str(step["type"]).rpartition(".")[2]
        if kind == "Resize":
            width, height = _pair(step["size"])
            keeps = step.get("keep_ratio", False)
            fields |= {"resize": "letterbox-topleft" if keeps else "stretch"}
            if width > 0 and height > 0:
                fields |= {"width": width, "height": height}
        elif kind == "LetterResize":
            width, height = _pair(step.get("scale", step.get("size")))
            fields |= {"resize": "letterbox", "width": width, "height": height}
            border = _color(step.get("pad_val", 0)) if border is None else border
        elif kind == "Pad":
            fields |= _padded(step, fields)
            if border is None and _pads(step):
                border = (
                    [round(value) for value in fields["mean"]] if "mean" in fields else _color(step.get("pad_val", 0))
                )
        elif kind == "CenterCrop":
            width, height = _pair(step["crop_size"])
            fields |= {"resize": "center-crop", "width": width, "height": height}
        elif kind == "Normalize":
            fields |= {"scale": 1.0, "mean": step["mean"], "std": step["std"]}
            fields["color"] = "rgb" if step.get("to_rgb", True) else "bgr"
        elif kind not in HARMLESS:
            raise ValueError(f"pipeline.json has the step {kind}, which is not known here")
    if border is not None and "letterbox" in fields.get("resize", ""):
        fields["fill"] = border
    return fields


def _pads(step: Mapping[str, Any]) -> bool:
    return bool("size" in step or step.get("pad_to_square") or step.get("size_divisor", 1) > 1)


def _padded(step: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, int]:
    """The size after padding; {} where it is not told, or the picture is not fitted before."""
    if step.get("logical_or_val"):
        raise ValueError("pipeline.json pads pictures on all sides, which is not known here")
    if "size" in step:
        width, height = _pair(step["size"])
        return {"width": width, "height": height}
    if "width" not in fields:
        return {}
    sides = {name: fields[name] for name in ("width", "height")}
    if step.get("pad_to_square"):
        return dict.fromkeys(sides, max(sides.values()))
    divisor = int(step.get("size_divisor", 1))
    return {name: -(-side // divisor) * divisor for name, side in sides.items()}


def _pair(size: Any) -> tuple[int, int]:
    """Width and height."""
    width, height = (size, size) if isinstance(size, int) else size
    return int(width), int(height)


def _color(value: Any) -> Any:
    return value["img"] if isinstance(value, Mapping) else value


DIALECT = Dialect("mmdeploy", _read)
