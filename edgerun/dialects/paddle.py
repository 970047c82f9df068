"""The dialect of PaddleDetection: infer_cfg.yml (or inference.yml) beside the exported model.

Read, in their order: Resize {target_size [h, w], keep_ratio}, LetterBoxResize, NormalizeImage {mean, std, is_scale,
norm_type}, Permute, Pad {size, fill_value}, PadStride {stride}; label_list, draw_threshold, NMS. `is_scale` divides
by 255 before means in 0..1 are subtracted. Where there is no NormalizeImage it is part of the graph (fuse_normalize),
and the model takes bytes. Pictures are red-green-blue.
Not read: arch, which names the suppression rather than the head; min_subgraph_size, mode.
The file names no model: it counts where all models in the folder are one.
Source: https://github.com/PaddlePaddle/PaddleDetection (Apache-2.0), ppdet/engine/export_utils.py,
deploy/python/preprocess.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files

__all__ = ["DIALECT"]

FILES = ("infer_cfg.yml", "inference.yml")


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    for name in FILES:
        config = sibling_files.yaml_object(path.with_name(name), "Preprocess", "label_list")
        if isinstance(config.get("Preprocess"), list) and sibling_files.alone(path):
            return _of(config)
    return {}


def _of(config: Mapping[str, Any]) -> dict[str, Any]:
    fields = _of_steps(config["Preprocess"])
    if config.get("label_list"):
        fields["labels"] = config["label_list"]
    if "draw_threshold" in config:
        fields["conf"] = config["draw_threshold"]
    if "nms_threshold" in sibling_files.first(config.get("NMS")):
        fields["iou"] = config["NMS"]["nms_threshold"]
    return fields


def _of_steps(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {"color": "rgb", "scale": 1.0, "mean": 0.0, "std": 1.0}
    normalised = False
    border: Any = None
    for step in steps:
        kind = step["type"]
        if kind in ("Resize", "LetterBoxResize"):
            height, width = _pair(step["target_size"])
            keeps = (
                "letterbox"
                if kind == "LetterBoxResize"
                else "letterbox-topleft"
                if step.get("keep_ratio")
                else "stretch"
            )
            fields["resize"] = keeps
            border = 127 if kind == "LetterBoxResize" else border
            if height > 0 and width > 0:
                fields |= {"height": height, "width": width}
        elif kind == "NormalizeImage":
            normalised = True
            fields["scale"] = 1 / 255 if step.get("is_scale", True) else 1.0
            if step.get("norm_type", "mean_std") == "mean_std":
                fields |= {"mean": step["mean"], "std": step["std"]}
        elif kind == "Permute":
            fields["color"] = "bgr" if step.get("to_bgr") else "rgb"
        elif kind in ("Pad", "PadStride"):
            fields |= _padded(step, fields)
            value = step.get("fill_value", 0)
            border = border if border is not None else _black(fields) if normalised and not _any(value) else value
        else:
            raise ValueError(f"its Preprocess has the step {kind}, which is not known here")
    if border is not None and "letterbox" in fields.get("resize", ""):
        fields["fill"] = border
    return fields


def _any(value: Any) -> bool:
    return any(value) if isinstance(value, (list, tuple)) else bool(value)


def _black(fields: Mapping[str, Any]) -> list[int]:
    """The colour that is nought once it is normalised."""
    mean = fields["mean"] if isinstance(fields["mean"], list) else [fields["mean"]]
    return [round(value / fields["scale"]) for value in mean]


def _padded(step: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, int]:
    if step["type"] == "Pad" and step.get("size"):
        height, width = _pair(step["size"])
        return {"height": height, "width": width}
    stride = int(step.get("stride") or step.get("size_divisor") or 1)
    if stride < 1 or "height" not in fields:
        return {}
    return {name: -(-fields[name] // stride) * stride for name in ("height", "width")}


def _pair(size: Any) -> tuple[int, int]:
    """Height and width."""
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


DIALECT = Dialect("paddle", _read)
