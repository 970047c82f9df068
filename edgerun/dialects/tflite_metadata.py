"""The dialect of TFLite files: TFLite Metadata, label files in the archive, and what the last operator gives.

Read from the keys that the plugin `edgerun-tflite` describes: `tflite.metadata`, `tflite.labels`, `tflite.postprocess`.
Sources: https://ai.google.dev/edge/litert/models/metadata; detection_postprocess.cc of LiteRT (Apache-2.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.card.labels import without_background
from edgerun.contract import Dialect
from edgerun.dialects.readers import label_files
from edgerun.dialects.readers.fields import some

__all__ = ["DIALECT"]

ROLES = ("boxes", "classes", "scores", "count")
"""What TFLite_Detection_PostProcess gives, in this order; the names that exporters give to the four are mixed up."""

NAMES = {"location": "boxes", "category": "classes", "score": "scores", "number of detections": "count"}
"""How TensorFlow's own metadata writer calls them."""

ORDERS = {("boundaries", (1, 0, 3, 2)): "boxes", ("boundaries", (0, 1, 2, 3)): "boxes x1y1x2y2"}
"""Type and index of a box -> role. `index` says where left, top, right, bottom lie; the operator's are y1 x1 y2 x2."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    described = _parsed(metadata.get("tflite.metadata", "{}"))
    operator = _parsed(metadata.get("tflite.postprocess", "{}"))
    fields: dict[str, Any] = {}
    for tensor in described.get("inputs", ()):
        if tensor["content"] == "image":
            fields |= _preprocessing(tensor)
    outputs = described.get("outputs", ())
    fields |= _detections(outputs, operator)
    for tensor in outputs:
        if 0 < tensor.get("threshold", 0) < 1 and "calibration" not in tensor:  # else it is one of calibrated scores
            fields["conf"] = tensor["threshold"]
    text = metadata.get("tflite.labels")
    if isinstance(text, str):
        fields["labels"] = _by_class_number(label_files.parse(text), operator)
    return fields


def _parsed(text: str | bytes) -> dict[str, Any]:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    return content


def _preprocessing(tensor: Mapping[str, Any]) -> dict[str, Any]:
    return some(color=tensor["color"]) | _normalisation(tensor)


def _normalisation(tensor: Mapping[str, Any]) -> dict[str, Any]:
    """Normalisation as (p - mean) / std of bytes 0..255.

    MediaPipe Tasks at 43313dc feeds an input of uint8 the bytes as they are, whatever its metadata say
    (mediapipe/tasks/cc/components/processors/image_preprocessing_graph.cc, ConfigureImageToTensorCalculator). Where the
    metadata's own normalisation comes within a level of that, it is taken at its word: EfficientDet-Lite0 reaches an AP
    of .308 on 80 images of COCO with mean = std = 127.5, and .304 with its bytes.
    """
    given = some(mean=tensor.get("mean"), std=tensor.get("std"))
    normalised = {"scale": 1.0, **given} if len(given) == 2 else {}
    if tensor.get("dtype") != "uint8":
        return normalised
    factor, zero = tensor.get("quantization") or (1.0, 0)
    if normalised and min(given["std"]) > 0 and _is_within_a_level(given["mean"], given["std"], factor, zero):
        return normalised
    return {"scale": 1.0, "mean": float(zero), "std": 1 / factor}


def _is_within_a_level(mean: Sequence[float], std: Sequence[float], factor: float, zero: float) -> bool:
    """Whether a normalisation stores 0 and 255 within one level of themselves."""
    ends = np.array([[0.0], [255.0]])
    with np.errstate(all="ignore"):  # files may say anything; what is no number is not within a level
        stored = (ends - np.array(mean)) / np.array(std) / factor + zero
        return bool((np.abs(stored - ends) <= 1).all())


def _detections(outputs: Sequence[Mapping[str, Any]], operator: Mapping[str, Any]) -> dict[str, Any]:
    """Roles of four outputs that are finished detections, by the operator or else by their descriptions."""
    roles = _roles(outputs, operator)
    if not roles:
        return {}
    boxes = next((tensor for tensor in outputs if tensor["content"] == "boxes"), None)
    if boxes is None:
        return {"outputs": roles}
    roles[boxes["tensor"]] = _order(boxes, operator)
    return {"outputs": roles, "box_units": "pixels" if boxes["coordinates"] == "pixel" else "unit"}


def _roles(outputs: Sequence[Mapping[str, Any]], operator: Mapping[str, Any]) -> dict[str, str]:
    if operator:
        return dict(zip(operator["outputs"], ROLES, strict=True))
    roles = {tensor["tensor"]: NAMES[tensor["name"]] for tensor in outputs if tensor["name"] in NAMES}
    return roles if sorted(roles.values()) == sorted(ROLES) else {}


def _order(boxes: Mapping[str, Any], operator: Mapping[str, Any]) -> str:
    """The role of the boxes. The operator's own order is fixed: a description that contradicts it is refused."""
    role = ORDERS.get((boxes["type"], tuple(boxes["index"])))
    if role is None or (operator and role != "boxes"):
        raise ValueError(f"boxes of type {boxes['type']!r} in the order {list(boxes['index'])} are not known here")
    return role


def _by_class_number(names: tuple[str, ...], operator: Mapping[str, Any]) -> tuple[str, ...]:
    """Labels by class number.

    TFLite_Detection_PostProcess leaves out the columns that it is fed beyond the classes that it counts: where it is
    fed a background first and does not count it, class 0 is the second label.
    """
    if "classes" not in operator or len(names) != operator.get("scores", 0):
        return names
    if operator["scores"] - operator["classes"] != 1:
        return names
    return without_background(names) or names


DIALECT = Dialect("tflite", _read)
