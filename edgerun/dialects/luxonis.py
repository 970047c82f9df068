"""The dialect of Luxonis' NN Archives: config.json, unpacked beside the model that it names.

Read: model.inputs[].{shape, layout, preprocessing {mean, scale (divides), dai_type, reverse_channels, resize_mode}} of
the one input that is an image; model.heads[].{parser, metadata {classes, conf_threshold, iou_threshold, n_keypoints,
n_prototypes}} where there is one head. dai_type (RGB888p, BGR888i, GRAY8) replaces the older reverse_channels, and goes
first; without it true means red first, while false is written by default too.
Not read: anchors, strides, names of outputs, max_det; parsers are DepthAI's own and say little of the graph's outputs.
Source: https://github.com/luxonis/luxonis-ml (Apache-2.0), 0.10.2, luxonis_ml/nn_archive/config_building_blocks;
https://github.com/luxonis/modelconverter (Apache-2.0), for what reverse_channels means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files
from edgerun.dialects.readers.channel_order import color_of
from edgerun.dialects.readers.fields import Table, as_is, find, sides, some, translate
from edgerun.dialects.readers.known_keys import refuse_unknown

__all__ = ["DIALECT"]

COLORS = {"RGB": "rgb", "BGR": "bgr", "GRAY": "gray"}
"""Beginnings of dai_type."""

RESIZES = {"CROP": "center-crop", "STRETCH": "stretch", "LETTERBOX": "letterbox"}
"""resize_mode; the colour of the border is written nowhere."""

PREPROCESSING = (
    "mean", "scale", "dai_type", "reverse_channels", "resize_mode", "interleaved_to_planar",
)  # fmt: skip
"""Keys of the block that are read, and one that repeats the layout."""

HEAD: Table = {"conf_threshold": ("conf", as_is), "iou_threshold": ("iou", as_is)}

TASKS = {"n_keypoints": "pose", "n_prototypes": "segment", "angles_outputs": "obb"}
"""Keys of a head's metadata that only one task has."""

DETECTORS = {"YOLO": "detect", "SSD": "detect"}
"""Beginnings of parsers' names."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    config = sibling_files.json_object(path.with_name("config.json"), '"config_version"', '"metadata"')
    model = sibling_files.first(config.get("model"))
    if not sibling_files.names(sibling_files.first(model.get("metadata")).get("path"), path):
        return {}
    images = [entry for entry in model["inputs"] if entry.get("input_type") == "image"]
    fields = _preprocessing(images[0]) if len(images) == 1 else {}
    heads = model.get("heads") or []
    return fields | (_head(heads[0]) if len(heads) == 1 else {})


def _preprocessing(tensor: Mapping[str, Any]) -> dict[str, Any]:
    axes = dict(zip(str(tensor.get("layout", "NCHW")).upper(), tensor["shape"], strict=True))
    fields = sides(axes, "H", "W")
    wanted = sibling_files.first(tensor.get("preprocessing"))
    refuse_unknown(wanted, PREPROCESSING, "preprocessing in config.json")
    mode = wanted.get("resize_mode")
    if mode is not None:
        fields["resize"] = RESIZES[mode]
    given = some(mean=wanted.get("mean"), std=wanted.get("scale"))
    if given:
        fields |= {"scale": 1.0, "mean": 0.0, "std": 1.0, **given}
    return fields | _color(wanted)


def _color(wanted: Mapping[str, Any]) -> dict[str, Any]:
    order = re.match("RGB|BGR|GRAY", str(wanted.get("dai_type") or ""))
    if order:
        return {"color": COLORS[order.group()]}
    reverses = wanted.get("reverse_channels")
    if reverses is True:
        return {"color": "rgb"}
    if reverses is False:
        return {"color": color_of(wanted.get("mean") or [0.0], "says reverse_channels = false and no dai_type")}
    return {}


def _head(head: Mapping[str, Any]) -> dict[str, Any]:
    values = sibling_files.first(head.get("metadata"))
    task = _task(str(head.get("parser", "")).upper(), values)
    keypoints = values["n_keypoints"] if task == "pose" else None
    return translate(values, HEAD) | some(task=task, labels=values.get("classes"), keypoints=keypoints)


def _task(parser: str, values: Mapping[str, Any]) -> str | None:
    if "CLASSIF" in parser:
        return "classify"
    return find(TASKS, values.get) or find(DETECTORS, parser.startswith)


DIALECT = Dialect("luxonis", _read)
