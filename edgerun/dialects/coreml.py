"""The dialect of Core ML files: what the description of a `.mlpackage` or `.mlmodel` says of its image and its boxes.

Keys, as edgerun-coreml writes them: coreml.image_color, coreml.image_height, coreml.image_width, coreml.labels (JSON)
and coreml.suppression (JSON). An input that is declared as an image takes 0..255 in the declared order of channels:
what the network wants besides is part of the network.
Source: FeatureTypes.proto and NonMaximumSuppression.proto of coremltools (BSD-3-Clause).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers.fields import as_text

__all__ = ["DIALECT"]

_COLORS = {"rgb": "rgb", "bgr": "bgr", "grayscale": "gray", "grayscale_float16": "gray"}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    color = _entry(metadata, "image_color")
    if color:
        fields |= {"color": _COLORS[color]}
        fields |= {"height": int(_entry(metadata, "image_height")), "width": int(_entry(metadata, "image_width"))}
        if color != "grayscale_float16":  # its range is left to the author
            fields |= {"scale": 1.0, "mean": 0.0, "std": 1.0}
    labels = _entry(metadata, "labels")
    if labels:
        fields["labels"] = json.loads(labels)
    suppression = _entry(metadata, "suppression")
    if suppression:
        rules = json.loads(suppression)
        fields |= {"suppressed": True, "box_units": "unit", "conf": rules["conf"], "iou": rules["iou"]}
        fields["outputs"] = {rules["confidence"]: "confidence", rules["coordinates"]: "coordinates"}
    return fields


def _entry(metadata: Mapping[str, str | bytes], key: str) -> str:
    return as_text(metadata.get(f"coreml.{key}", ""))


DIALECT = Dialect("coreml", _read, overrules=True)
