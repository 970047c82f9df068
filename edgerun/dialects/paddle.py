"""The dialect of PaddleDetection: infer_cfg.yml (or inference.yml) beside the exported model.

Read, in their order: Resize {target_size [h, w], keep_ratio}, LetterBoxResize, NormalizeImage {mean, std, is_scale,
norm_type}, Permute, Pad {size, fill_value}, PadStride {stride}; label_list, draw_threshold, NMS. `is_scale` divides
by 255 before means in 0..1 are subtracted. Where there is no NormalizeImage it is part of the graph (fuse_normalize),
and the model takes bytes. Images are red-green-blue.
Not read: arch, which names the suppression rather than the head; min_subgraph_size, mode.
The file names no model: it counts where all models in the folder are one.
Source: https://github.com/PaddlePaddle/PaddleDetection (Apache-2.0), ppdet/engine/export_utils.py,
deploy/python/preprocess.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files
from edgerun.dialects.readers.fields import Table, as_is, some, translate
from edgerun.dialects.readers.numbers import pair
from edgerun.dialects.readers.steps import Preprocessing, Step, follow, rounded_up, zero_border

__all__ = ["DIALECT"]

FILES = ("infer_cfg.yml", "inference.yml")

KNOWN = frozenset(("is_scale", "mean", "std", "to_bgr", "channel_first"))
"""Keys of steps that speak of pixels."""

SUPPRESSION: Table = {"nms_threshold": ("iou", as_is)}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    for name in FILES:
        config = sibling_files.yaml_object(path.with_name(name), "Preprocess", "label_list")
        if isinstance(config.get("Preprocess"), list) and sibling_files.alone(path):
            return _fields(config)
    return {}


def _fields(config: Mapping[str, Any]) -> dict[str, Any]:
    steps = [(step["type"], step) for step in config["Preprocess"]]
    before = Preprocessing({"color": "rgb", "scale": 1.0, "mean": 0.0, "std": 1.0})
    fields = follow(steps, STEPS, before, "its Preprocess", KNOWN)
    fields |= translate(config, {"draw_threshold": ("conf", as_is)})
    fields |= translate(sibling_files.first(config.get("NMS")), SUPPRESSION)
    return fields | some(labels=config.get("label_list"))


def _resize(step: Mapping[str, Any], state: Preprocessing) -> None:
    state.fields["resize"] = "letterbox-topleft" if step.get("keep_ratio") else "stretch"
    state.sized(*pair(step["target_size"]))


def _letterbox(step: Mapping[str, Any], state: Preprocessing) -> None:
    state.fields["resize"] = "letterbox"
    state.border = 127
    state.sized(*pair(step["target_size"]))


def _normalize(step: Mapping[str, Any], state: Preprocessing) -> None:
    state.normalised = True
    state.fields["scale"] = 1 / 255 if step.get("is_scale", True) else 1.0
    if step.get("norm_type", "mean_std") == "mean_std":
        state.fields |= {"mean": step["mean"], "std": step["std"]}


def _permute(step: Mapping[str, Any], state: Preprocessing) -> None:
    state.fields["color"] = "bgr" if step.get("to_bgr") else "rgb"


def _pad(step: Mapping[str, Any], state: Preprocessing) -> None:
    state.fields |= _padded(step, state.fields)
    value = step.get("fill_value", 0)
    state.padded(zero_border(state.fields) if state.normalised and _is_zero(value) else value)


STEPS: dict[str, Step] = {
    "Resize": _resize,
    "LetterBoxResize": _letterbox,
    "NormalizeImage": _normalize,
    "Permute": _permute,
    "Pad": _pad,
    "PadStride": _pad,
}


def _is_zero(value: Any) -> bool:
    return not any(value) if isinstance(value, (list, tuple)) else not value


def _padded(step: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, int]:
    if step["type"] == "Pad" and step.get("size"):
        height, width = pair(step["size"])
        return {"height": height, "width": width}
    stride = int(step.get("stride") or step.get("size_divisor") or 1)
    return rounded_up(fields, stride) if stride > 0 else {}


DIALECT = Dialect("paddle", _read)
