"""The dialect of OpenVINO's Model API: `model_info`, in the runtime information of an IR or in an ONNX file.

ONNX files carry the keys "model_info mean_values" and so on; an IR (`.xml`) has them as elements at its end.
Read: resize_type, pad_value, mean_values, scale_values, reverse_input_channels, labels, confidence_threshold,
iou_threshold, agnostic_nms, model_type (for the defaults of YOLO). Means are subtracted after the channels were
reversed, then scales divide. Pictures are blue-green-red there, so that reversed ones are red-green-blue; but tools
that hand over red-green-blue write the same "False", and only ImageNet's means tell them apart.
Not read: input shapes (the graph has them), task_type, hierarchical labels, thresholds of anomalies.
Source: https://github.com/open-edge-platform/model_api (Apache-2.0), docs/source/guides/model-configuration.md and
adapters/onnx_adapter.md; https://dlstreamer.github.io/dev_guide/model_info_xml.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat

from edgerun.contract import Dialect, Unsettled

__all__ = ["DIALECT", "color_of"]

SECTION = "model_info"

RESIZES = {
    "standard": "stretch",
    "fit_to_window": "letterbox-topleft",
    "fit_to_window_letterbox": "letterbox",
    "crop": "center-crop",
}

YOLO = re.compile(r"(?i)yolo_?(v5|v8|11|v11)$")
"""Model types with defaults of their own; Ultralytics writes plain "YOLO" and all the rest with it."""

YOLO_DEFAULTS = {
    "resize_type": "fit_to_window_letterbox", "pad_value": "114", "scale_values": "255",
    "reverse_input_channels": "True",
}  # fmt: skip

FEEDING = frozenset((*YOLO_DEFAULTS, "mean_values"))
"""Keys of which one at least is there where the Model API is to feed the model."""

LARGEST = 256_000_000
"""Bytes of an IR; the largest networks have some tens of millions."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    said = {
        key.split()[-1]: value if isinstance(value, str) else value.decode("utf-8")
        for key, value in metadata.items()
        if key.split()[:1] == [SECTION] and len(key.split()) == 2
    }
    if not said and path.suffix == ".xml" and path.is_file():
        said = _of_ir(path)
    if not said:
        return {}
    if _true(said.get("embedded_processing", "")):
        raise ValueError("model_info says embedded_processing: the file resizes pictures itself, who knows how")
    if said.get("intensity_mode", "none") != "none":
        raise ValueError(f"model_info says intensity_mode = {said['intensity_mode']}, which is not known here")
    fields = _of_picture(said)
    if said.get("labels", "").strip():
        fields["labels"] = said["labels"].split()
    for key, name in (("confidence_threshold", "conf"), ("iou_threshold", "iou")):
        if key in said:
            fields[name] = float(said[key])
    if "agnostic_nms" in said:
        fields["nms"] = "agnostic" if _true(said["agnostic_nms"]) else "class"
    return fields


def _of_picture(said: Mapping[str, str]) -> dict[str, Any]:
    if YOLO.match(said.get("model_type", "")):
        said = {**YOLO_DEFAULTS, **said}
    if not FEEDING.intersection(said):
        return {}
    mean, std = _numbers(said.get("mean_values", "")) or [0.0], _numbers(said.get("scale_values", "")) or [1.0]
    fields: dict[str, Any] = {"scale": 1.0, "mean": mean, "std": std}
    fields["color"] = "rgb" if _true(said.get("reverse_input_channels", "")) else color_of(mean, _UNREVERSED)
    if "resize_type" in said:
        fields["resize"] = RESIZES[said["resize_type"]]
        fields["fill"] = int(float(said.get("pad_value", "0"))) if "letterbox" in said["resize_type"] else 0
    return fields


_UNREVERSED = "says reverse_input_channels = False"


def color_of(mean: list[float], why: str) -> str | Unsettled:
    """The order of channels by that of ImageNet's means, which are largest for red; unsettled where they are equal.

    Args:
        mean: per channel, in the model's order.
        why: what is written, in half a sentence.
    """
    if mean[0] != mean[-1]:
        return "rgb" if mean[0] > mean[-1] else "bgr"
    return Unsettled(why, {'color="bgr"': "as OpenCV reads pictures", 'color="rgb"': "as the trainer has fed them"})


def _numbers(text: str) -> list[float]:
    return [float(entry) for entry in re.split(r"[\s,;\[\]]+", text) if entry]


def _true(text: str) -> bool:
    return text.strip().lower() in ("true", "yes", "1")


def _of_ir(path: Path) -> dict[str, str]:
    """The values in net > rt_info > model_info. Entities are refused: they can grow without bounds."""
    found: dict[str, str] = {}
    stack: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if stack == ["net", "rt_info", SECTION] and "value" in attributes:
            found[name] = attributes["value"]
        stack.append(name)

    def refuse(*_: Any) -> None:
        raise ValueError(f"{path.name} declares entities, which no IR does")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, lambda _: stack.pop()
    parser.EntityDeclHandler = refuse
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name} is larger than {LARGEST} bytes")
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as cause:
        raise ValueError(f"{path.name} is damaged XML: {cause}") from cause
    return found


DIALECT = Dialect("openvino", _read)
