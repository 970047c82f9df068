"""The dialect of TFLite files: TFLite Metadata, label files in the archive, and what the last operator gives.

Read from the keys that the plugin `edgerun-tflite` describes: `tflite.metadata`, `tflite.labels`, `tflite.postprocess`.
Sources: https://ai.google.dev/edge/litert/models/metadata; detection_postprocess.cc of LiteRT (Apache-2.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.cards import labels
from edgerun.contract import Dialect

__all__ = ["DIALECT"]

ROLES = ("boxes", "classes", "scores", "count")
"""What TFLite_Detection_PostProcess gives, in this order; the names that exporters give to the four are mixed up."""

BACKGROUNDS = ("background", "???", "__background__", "bg")

ORDERS = {("boundaries", (1, 0, 3, 2)): "boxes", ("boundaries", (0, 1, 2, 3)): "boxes x1y1x2y2"}
"""Type and index of a box -> role. `index` says where left, top, right, bottom lie."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    described = _parsed(metadata.get("tflite.metadata", "{}"))
    last = _parsed(metadata.get("tflite.postprocess", "{}"))
    fields: dict[str, Any] = {}
    for tensor in described.get("inputs", ()):
        if tensor["content"] == "image":
            fields |= _of_image(tensor)
    outputs = described.get("outputs", ())
    roles = dict(zip(last["outputs"], ROLES, strict=True)) if last else {}
    for tensor in outputs:
        if tensor["content"] == "boxes" and roles.get(tensor["tensor"]) == "boxes":
            roles[tensor["tensor"]] = _box_role(tensor)
            fields["box_units"] = "pixels" if tensor["coordinates"] == "pixel" else "unit"
        if 0 < tensor.get("threshold", 0) < 1:
            fields["conf"] = tensor["threshold"]
    if roles:
        fields["outputs"] = roles
    text = metadata.get("tflite.labels")
    if isinstance(text, str):
        fields["labels"] = _named(labels.parse(text), last)
    return fields


def _parsed(text: str | bytes) -> dict[str, Any]:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    return content


def _of_image(tensor: Mapping[str, Any]) -> dict[str, Any]:
    """Normalisation as (p - mean) / std of bytes 0..255; a quantised input stores the result.

    Without NormalizationOptions an input of bytes takes the picture as it is; so does one that is not quantised,
    which could not store anything else.
    """
    fields: dict[str, Any] = {"color": tensor["color"]} if tensor["color"] else {}
    stored = tensor.get("quantization")
    if tensor.get("mean") and tensor.get("std") and (stored or tensor.get("dtype") != "uint8"):
        fields |= {"scale": 1.0, "mean": tensor["mean"], "std": tensor["std"]}
    elif tensor.get("dtype") == "uint8":
        factor, zero = stored or (1.0, 0)
        fields |= {"scale": 1.0, "mean": float(zero), "std": 1 / factor}
    return fields


def _box_role(tensor: Mapping[str, Any]) -> str:
    key = (tensor["type"], tuple(tensor["index"]))
    if key not in ORDERS:
        raise ValueError(f"boxes of type {key[0]!r} in the order {list(key[1])} are not known")
    return ORDERS[key]


def _named(names: tuple[str, ...], last: Mapping[str, Any]) -> tuple[str, ...]:
    """Labels by class number.

    TFLite_Detection_PostProcess leaves out the columns that it is fed beyond the classes that it counts: where it is
    fed a background first and does not count it, class 0 is the second label.
    """
    surplus = last.get("scores", 0) - last.get("classes", 0) if "classes" in last else 0
    with_background = surplus == 1 and len(names) == last["scores"] and names[0].lower() in BACKGROUNDS
    return names[1:] if with_background else names


DIALECT = Dialect("tflite", _read)
