"""The dialect of timm on the Hugging Face Hub: config.json beside the model, with `architecture` and `pretrained_cfg`.

Read in pretrained_cfg: input_size [channels, h, w], mean, std, crop_pct, crop_mode ("center" fits the shorter side,
"squash" stretches), label_names. The file names no model: it counts where all models in the folder are one. Images are
resized bilinearly; `interpolation` is not read.
Source: timm 1.0.31 (Apache-2.0), models/_hub.py; data/transforms_factory.py, transforms_imagenet_eval.
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

CROPS = {"center": "center-crop", "squash": "stretch"}
"""crop_mode."""

KNOWN = frozenset(("mean", "std", "crop_pct", "crop_mode", "test_crop_pct", "interpolation"))

ADDED = {"color": "rgb", "scale": 1 / 255, "task": "classify"}
"""What all of its classifiers have in common."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    for folder in sibling_files.folders(path, "onnx"):
        config = sibling_files.json_object(folder / "config.json", '"architecture"', '"pretrained_cfg"')
        values = config.get("pretrained_cfg")
        if isinstance(values, Mapping) and sibling_files.alone(path):
            return _fields(values, config)
    return {}


def _fields(values: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown_pixels(values, KNOWN, "pretrained_cfg in config.json")
    labels = config.get("label_names") or values.get("label_names")
    _, height, width = values["input_size"]
    size = {"height": height, "width": width}
    return {**ADDED, "mean": values["mean"], "std": values["std"], **size, **_fit(values), **some(labels=labels)}


def _fit(values: Mapping[str, Any]) -> dict[str, Any]:
    mode = values.get("crop_mode") or "center"
    if mode not in CROPS:
        raise ValueError(f"pretrained_cfg says crop_mode = {mode}, which is not known here")
    return {"resize": CROPS[mode], "crop": values.get("crop_pct") or 0.875}


DIALECT = Dialect("timm", _read)
