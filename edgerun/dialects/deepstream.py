"""The dialect of NVIDIA DeepStream: a configuration of Gst-nvinfer beside the model that it names.

Read in [property], from INI files and from YAML: onnx-file, net-scale-factor, offsets, model-color-format,
maintain-aspect-ratio, symmetric-padding, labelfile-path, infer-dims; thresholds in [class-attrs-all]. A pixel p becomes
net-scale-factor * (p - offset): the factor multiplies what is left after the subtraction. Borders are black, to the
right and the bottom unless padding is symmetric.
Not read: num-detected-classes and custom parsers (the graph tells), cluster-mode, int8 calibration, what is per class.
Source: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_plugin_gst-nvinfer.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import safe_yaml, sibling_files
from edgerun.dialects.readers.fields import Table, some, translate
from edgerun.dialects.readers.known_keys import refuse_unknown_pixels

__all__ = ["DIALECT"]

PATTERNS = ("*infer*.txt", "*infer*.y*ml", "*[ps]gie*.txt", "*[ps]gie*.y*ml")
"""config_infer_primary.txt, nvinfer_config.txt, pgie_yolo_config.yml …"""

MODELS = ("onnx-file", "model-file", "tlt-encoded-model", "model-engine-file")
"""Keys under which the model is named."""

COLORS = {"0": "rgb", "1": "bgr", "2": "gray"}
"""model-color-format."""

PADDINGS = {"1": "letterbox"}
"""symmetric-padding; else the image lies in the upper left corner."""

KNOWN = frozenset((
    "net-scale-factor", "model-color-format", "symmetric-padding", "mean-file", "scaling-filter", "scaling-compute-hw",
    "scaling-pool-memory-type", "scaling-pool-compute-hw", "crop-objects-to-roi-boundary",
))  # fmt: skip
"""Keys of [property] that speak of pixels; the filter of the resampling is not followed."""

TASKS = {"1": "classify"}
"""network-type; the others follow from the outputs."""

THRESHOLDS: Table = {"pre-cluster-threshold": ("conf", float), "nms-iou-threshold": ("iou", float)}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for file in _configurations(path.parent):
        sections = _sections(file)
        values = sections.get("property", {})
        if _names_model(values, path):
            limits = translate(sections.get("class-attrs-all", {}), THRESHOLDS)
            found[file.name] = _fields(values, path.parent) | limits
    if len(set(map(str, found.values()))) > 1:
        raise ValueError(f"{' and '.join(found)} describe it differently")
    return next(iter(found.values()), {})


def _configurations(folder: Path) -> list[Path]:
    """The files that are named like configurations, each once."""
    found: dict[Path, None] = {}
    for pattern in PATTERNS:
        found |= dict.fromkeys(sibling_files.files(folder, pattern))
    return list(found)


def _names_model(values: Mapping[str, str], model: Path) -> bool:
    return any(sibling_files.names(values.get(key), model) for key in MODELS)


def _sections(file: Path) -> dict[str, dict[str, str]]:
    """Section -> its keys and values, as texts."""
    content = sibling_files.text(file, "property")
    if not content.strip():
        return {}
    read = _ini if file.suffix == ".txt" else _yaml
    try:
        return read(content)
    except ValueError as cause:
        raise ValueError(f"{file.name} cannot be read: {cause}") from cause


def _ini(content: str) -> dict[str, dict[str, str]]:
    import configparser  # 3 ms, and few models need it

    parser = configparser.ConfigParser(
        strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",), allow_no_value=True
    )
    try:
        parser.read_string("\n".join(map(str.strip, content.splitlines())))
    except configparser.Error as cause:
        raise ValueError(cause) from cause
    sections = {}
    for name in parser.sections():
        sections[name] = {key: value or "" for key, value in parser[name].items()}
    return sections


def _yaml(content: str) -> dict[str, dict[str, str]]:
    sections = {}
    for name, section in sibling_files.first(safe_yaml.parse(content)).items():
        if isinstance(section, Mapping):
            sections[str(name)] = {str(key): str(value) for key, value in section.items()}
    return sections


def _fields(values: Mapping[str, str], folder: Path) -> dict[str, Any]:
    if "mean-file" in values:
        raise ValueError("its DeepStream configuration subtracts an image (mean-file), which is not known here")
    refuse_unknown_pixels(values, KNOWN, "its DeepStream configuration")
    factor = float(values.get("net-scale-factor", "1"))
    offsets = values.get("offsets", "0").split(";")
    fields = {
        "color": COLORS[_number(values, "model-color-format")],
        "scale": factor,
        "mean": [float(offset) * factor for offset in offsets if offset.strip()],
        "std": 1.0,
    }
    task = TASKS.get(_number(values, "network-type"))
    return fields | _fitting(values) | some(task=task, labels=_labels(folder, values))


def _number(values: Mapping[str, str], key: str) -> str:
    """A choice by number; all are 0 where they are left out."""
    return values.get(key, "0").strip()


def _fitting(values: Mapping[str, str]) -> dict[str, Any]:
    if _number(values, "maintain-aspect-ratio") != "1":
        return {"resize": "stretch"}
    return {"resize": PADDINGS.get(_number(values, "symmetric-padding"), "letterbox-topleft"), "fill": 0}


def _labels(folder: Path, values: Mapping[str, str]) -> Any:
    """One name a line, or all in one line with semicolons between them."""
    labels = sibling_files.label_file(folder, values.get("labelfile-path"))
    if labels is None or len(labels) > 1 or ";" not in labels[0]:
        return labels
    return labels[0].split(";")


DIALECT = Dialect("deepstream", _read)
