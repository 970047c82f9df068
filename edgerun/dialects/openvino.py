"""The dialect of OpenVINO's Model API: `model_info`, in the runtime information of an IR or in an ONNX file.

ONNX files carry the keys "model_info mean_values" and so on; an IR (`.xml`) has them as elements at its end. An IR that
was made of an ONNX file keeps that file's metadata under "framework" (OpenVINO, src/frontends/onnx/frontend, where it
calls set_rt_info): they are read by the dialects that read them in the ONNX file.
Read: resize_type, pad_value, mean_values, scale_values, reverse_input_channels, labels, confidence_threshold,
iou_threshold, agnostic_nms, model_type (for the defaults of YOLO). Means are subtracted after the channels were
reversed, then scales divide. Images are blue-green-red there, so that reversed ones are red-green-blue; but tools
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

from edgerun.contract import Dialect
from edgerun.dialects import libreyolo, rapidai, ultralytics, winml
from edgerun.dialects.readers.channel_order import color_of
from edgerun.dialects.readers.fields import Table, as_text, some, translate
from edgerun.dialects.readers.known_keys import refuse_unknown_pixels
from edgerun.dialects.readers.numbers import from_text, is_true

__all__ = ["DIALECT"]

SECTION = "model_info"

FRAMEWORK = "framework"

IN_ONNX = (ultralytics.DIALECT, libreyolo.DIALECT, winml.DIALECT, rapidai.DIALECT)
"""Dialects of ONNX files' metadata."""

KNOWN = frozenset((
    "resize_type", "pad_value", "mean_values", "scale_values", "reverse_input_channels", "intensity_mode",
    "embedded_processing",
))  # fmt: skip
"""Keys of model_info that speak of pixels."""

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


def _nms(agnostic: str) -> str:
    return "agnostic" if is_true(agnostic) else "class"


ROWS: Table = {
    "confidence_threshold": ("conf", float),
    "iou_threshold": ("iou", float),
    "agnostic_nms": ("nms", _nms),
}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    values, original = _entries(metadata), dict[str, str]()
    if not values and path.suffix == ".xml" and path.is_file():
        values, original = _of_ir(path)
    return _of_original(original, path) | _of_model_info(values)


def _of_original(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    """What the ONNX file said that an IR was made of."""
    for dialect in IN_ONNX:
        fields = dialect.read(metadata, path)
        if fields:
            return dict(fields)
    return {}


def _of_model_info(values: Mapping[str, str]) -> dict[str, Any]:
    if not values:
        return {}
    refuse_unknown_pixels(values, KNOWN, SECTION)
    if is_true(values.get("embedded_processing", "")):
        raise ValueError("model_info says embedded_processing: the file resizes images itself, and does not say how")
    if values.get("intensity_mode", "none") != "none":
        raise ValueError(f"model_info says intensity_mode = {values['intensity_mode']}, which is not known here")
    labels = values.get("labels", "").split()
    return _preprocessing(values) | translate(values, ROWS) | some(labels=labels)


def _entries(metadata: Mapping[str, str | bytes]) -> dict[str, str]:
    """The entries "model_info KEY" of an ONNX file."""
    values = {}
    for name, value in metadata.items():
        section, _, key = " ".join(name.split()).partition(" ")
        if section == SECTION and key and " " not in key:
            values[key] = as_text(value)
    return values


def _preprocessing(values: Mapping[str, str]) -> dict[str, Any]:
    if YOLO.match(values.get("model_type", "")):
        values = {**YOLO_DEFAULTS, **values}
    if not FEEDING & values.keys():
        return {}
    mean = from_text(values.get("mean_values", "")) or [0.0]
    std = from_text(values.get("scale_values", "")) or [1.0]
    is_reversed = is_true(values.get("reverse_input_channels", ""))
    color = "rgb" if is_reversed else color_of(mean, "says reverse_input_channels = False")
    return {"scale": 1.0, "mean": mean, "std": std, "color": color, **_fitting(values)}


def _fitting(values: Mapping[str, str]) -> dict[str, Any]:
    kind = values.get("resize_type")
    if kind is None:
        return {}
    border = values.get("pad_value", "0") if "letterbox" in kind else "0"
    return {"resize": RESIZES[kind], "fill": int(float(border))}


def _of_ir(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The values in net > rt_info > model_info, and those in framework beside it.

    Entities are refused: they can grow without bounds.
    """
    found: dict[str, dict[str, str]] = {SECTION: {}, FRAMEWORK: {}}
    stack: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if stack[:-1] == ["net", "rt_info"] and stack[-1] in found and "value" in attributes:
            found[stack[-1]][name] = attributes["value"]
        stack.append(name)

    def end(name: str) -> None:
        stack.pop()

    def refuse(*_: Any) -> None:
        raise ValueError(f"{path.name} declares entities, which no IR does")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = refuse
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name} is larger than {LARGEST} bytes")
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as cause:
        raise ValueError(f"{path.name} is damaged XML: {cause}") from cause
    return found[SECTION], found[FRAMEWORK]


DIALECT = Dialect("openvino", _read)
