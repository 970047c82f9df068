"""The dialect of Luxonis' NN Archives: config.json, unpacked beside the model that it names.

Read: model.inputs[].{shape, layout, preprocessing {mean, scale (divides), dai_type, reverse_channels}} of the one input
that is an image; model.heads[].{parser, metadata {classes, conf_threshold, iou_threshold, n_keypoints, n_prototypes}}
where there is one head. dai_type (RGB888p, BGR888i, GRAY8) replaces the older reverse_channels, and goes first; without
it true means red first, while false is written by default too.
Not read: anchors, strides, names of outputs, max_det; parsers are DepthAI's own and say little of the graph's outputs.
Source: https://github.com/luxonis/luxonis-ml (Apache-2.0), luxonis_ml/nn_archive/config_building_blocks;
https://github.com/luxonis/modelconverter (Apache-2.0), for what reverse_channels means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.openvino import color_of
from edgerun.dialects.readers import sibling_files

__all__ = ["DIALECT"]

COLORS = {"RGB": "rgb", "BGR": "bgr", "GRAY": "gray"}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    config = sibling_files.json_object(path.with_name("config.json"), '"config_version"', '"metadata"')
    model = sibling_files.first(config.get("model"))
    if not sibling_files.names(sibling_files.first(model.get("metadata")).get("path"), path):
        return {}
    pictures = [entry for entry in model["inputs"] if entry.get("input_type") == "image"]
    fields = _of_picture(pictures[0]) if len(pictures) == 1 else {}
    heads = model.get("heads") or []
    return fields | (_of_head(heads[0]) if len(heads) == 1 else {})


def _of_picture(tensor: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    sides = dict(zip(str(tensor.get("layout", "NCHW")).upper(), tensor["shape"], strict=True))
    if "H" in sides and "W" in sides:
        fields |= {"height": sides["H"], "width": sides["W"]}
    wanted = sibling_files.first(tensor.get("preprocessing"))
    mean, std = wanted.get("mean"), wanted.get("scale")
    if mean or std:
        fields |= {"scale": 1.0, "mean": mean or 0.0, "std": std or 1.0}
    order = re.match("RGB|BGR|GRAY", str(wanted.get("dai_type") or ""))
    if order:
        fields["color"] = COLORS[order.group()]
    elif wanted.get("reverse_channels") is True:
        fields["color"] = "rgb"
    elif wanted.get("reverse_channels") is False:
        fields["color"] = color_of(mean or [0.0], "says reverse_channels = false and no dai_type")
    return fields


def _of_head(head: Mapping[str, Any]) -> dict[str, Any]:
    said, parser = sibling_files.first(head.get("metadata")), str(head.get("parser", ""))
    fields: dict[str, Any] = {}
    if said.get("classes"):
        fields["labels"] = said["classes"]
    for key, name in (("conf_threshold", "conf"), ("iou_threshold", "iou")):
        if said.get(key) is not None:
            fields[name] = said[key]
    if "classif" in parser.lower():
        fields["task"] = "classify"
    elif said.get("n_keypoints"):
        fields |= {"task": "pose", "keypoints": said["n_keypoints"]}
    elif said.get("n_prototypes"):
        fields["task"] = "segment"
    elif said.get("angles_outputs"):
        fields["task"] = "obb"
    elif parser.upper().startswith(("YOLO", "SSD")):
        fields["task"] = "detect"
    return fields


DIALECT = Dialect("luxonis", _read)
