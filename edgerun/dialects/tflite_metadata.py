"""The dialect of TFLite files: TFLite Metadata, label files in the archive, and what the last operator gives.

Read from the keys that the plugin `edgerun-tflite` describes: `tflite.metadata`, `tflite.labels`, `tflite.postprocess`.
Sources: https://ai.google.dev/edge/litert/models/metadata; detection_postprocess.cc of LiteRT (Apache-2.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import label_files

__all__ = ["DIALECT"]

ROLES = ("boxes", "classes", "scores", "count")
"""What TFLite_Detection_PostProcess gives, in this order; the names that exporters give to the four are mixed up."""

NAMES = {"location": "boxes", "category": "classes", "score": "scores", "number of detections": "count"}
"""How TensorFlow's own metadata writer calls them."""

SLACK = 3.0
"""Steps by which a normalisation may leave the range of a quantised input: both are rounded."""

ORDERS = {("boundaries", (1, 0, 3, 2)): "boxes", ("boundaries", (0, 1, 2, 3)): "boxes x1y1x2y2"}
"""Type and index of a box -> role. `index` says where left, top, right, bottom lie; the operator's are y1 x1 y2 x2."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    described = _parsed(metadata.get("tflite.metadata", "{}"))
    last = _parsed(metadata.get("tflite.postprocess", "{}"))
    fields: dict[str, Any] = {}
    for tensor in described.get("inputs", ()):
        if tensor["content"] == "image":
            fields |= _of_image(tensor)
    outputs = described.get("outputs", ())
    fields |= _of_detections(outputs, last)
    for tensor in outputs:
        if 0 < tensor.get("threshold", 0) < 1:
            fields["conf"] = tensor["threshold"]
    text = metadata.get("tflite.labels")
    if isinstance(text, str):
        fields["labels"] = _named(label_files.parse(text), last)
    return fields


def _parsed(text: str | bytes) -> dict[str, Any]:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    return content


def _of_image(tensor: Mapping[str, Any]) -> dict[str, Any]:
    """Normalisation as (p - mean) / std of bytes 0..255; where the tensor is quantised, that follows.

    A normalisation that a quantised input cannot hold, such as mean 0 and std 1 where it holds -1..1, is none: it is
    written by tools that mean "bytes as they are".
    """
    fields: dict[str, Any] = {"color": tensor["color"]} if tensor["color"] else {}
    factor, zero = tensor.get("quantization") or (1.0, 0)
    mean, std = tensor.get("mean", ()), tensor.get("std", ())
    told = bool(mean) and bool(std)
    if tensor.get("dtype") == "uint8":
        ends = [(pixel - mean[0]) / std[0] / factor + zero for pixel in (0, 255)] if told and std[0] else [0, 0]
        if not (-SLACK <= ends[0] < 64 and 192 < ends[1] <= 255 + SLACK):  # and hardly anything is left of less
            told, fields = False, fields | {"scale": 1.0, "mean": float(zero), "std": 1 / factor}
    return fields | {"scale": 1.0, "mean": mean, "std": std} if told else fields


def _of_detections(outputs: Sequence[Mapping[str, Any]], last: Mapping[str, Any]) -> dict[str, Any]:
    """Roles of four outputs that are finished detections, by the operator or else by their descriptions."""
    located = next((tensor for tensor in outputs if tensor["content"] == "boxes"), None)
    order = None if located is None else (located["type"], tuple(located["index"]))
    if last:
        roles = dict(zip(last["outputs"], ROLES, strict=True))
    else:
        roles = {tensor["tensor"]: NAMES[tensor["name"]] for tensor in outputs if tensor["name"] in NAMES}
        if sorted(roles.values()) != sorted(ROLES):
            return {}
    if located is None:
        return {"outputs": roles}
    if order not in ORDERS or (last and ORDERS[order] != "boxes"):
        raise ValueError(f"boxes of type {located['type']!r} in the order {list(located['index'])} cannot be")
    roles[located["tensor"]] = ORDERS[order]
    return {"outputs": roles, "box_units": "pixels" if located["coordinates"] == "pixel" else "unit"}


def _named(names: tuple[str, ...], last: Mapping[str, Any]) -> tuple[str, ...]:
    """Labels by class number.

    TFLite_Detection_PostProcess leaves out the columns that it is fed beyond the classes that it counts: where it is
    fed a background first and does not count it, class 0 is the second label.
    """
    surplus = last.get("scores", 0) - last.get("classes", 0) if "classes" in last else 0
    with_background = surplus == 1 and len(names) == last["scores"] and label_files.without_background(names)
    return label_files.without_background(names) if with_background else names


DIALECT = Dialect("tflite", _read)
