"""The dialect of NVIDIA DeepStream: a configuration of Gst-nvinfer beside the model that it names.

Read in [property], from INI files and from YAML: onnx-file, net-scale-factor, offsets, model-color-format,
maintain-aspect-ratio, symmetric-padding, labelfile-path, infer-dims; thresholds in [class-attrs-all]. A pixel p becomes
net-scale-factor * (p - offset): the factor multiplies what is left after the subtraction. Borders are black, to the
right and the bottom unless padding is symmetric.
Not read: num-detected-classes and custom parsers (the graph tells), cluster-mode, int8 calibration, what is per class.
Source: https://docs.nvidia.com/metropolis/deepstream/dev-guide/text/DS_plugin_gst-nvinfer.html.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import safe_yaml, sibling_files

__all__ = ["DIALECT"]

PATTERNS = ("*infer*.txt", "*infer*.y*ml", "*[ps]gie*.txt", "*[ps]gie*.y*ml")
"""config_infer_primary.txt, nvinfer_config.txt, pgie_yolo_config.yml …"""

MODELS = ("onnx-file", "model-file", "tlt-encoded-model", "model-engine-file")
COLORS = {"0": "rgb", "1": "bgr", "2": "gray"}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for file in {file: None for pattern in PATTERNS for file in sibling_files.files(path.parent, pattern)}:
        sections = _sections(file)
        said = sections.get("property", {})
        if any(sibling_files.names(said.get(key), path) for key in MODELS):
            found[file.name] = _of(said, sections.get("class-attrs-all", {}), path.parent)
    if len({str(fields) for fields in found.values()}) > 1:
        raise ValueError(f"{' and '.join(found)} describe it differently")
    return next(iter(found.values()), {})


def _sections(file: Path) -> dict[str, dict[str, str]]:
    content = sibling_files.text(file, "property")
    if not content.strip():
        return {}
    try:
        if file.suffix == ".txt":
            parser = configparser.ConfigParser(
                strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",), allow_no_value=True
            )
            parser.read_string("\n".join(line.strip() for line in content.splitlines()))
            return {name: {key: value or "" for key, value in parser[name].items()} for name in parser.sections()}
        parsed = sibling_files.first(safe_yaml.parse(content))
    except (configparser.Error, ValueError) as cause:
        raise ValueError(f"{file.name} cannot be read: {cause}") from cause
    return {
        str(name): {str(key): str(value) for key, value in section.items()}
        for name, section in parsed.items()
        if isinstance(section, Mapping)
    }


def _of(said: Mapping[str, str], limits: Mapping[str, str], folder: Path) -> dict[str, Any]:
    if "mean-file" in said:
        raise ValueError("its DeepStream configuration subtracts a picture (mean-file), which is not known here")
    factor = float(said.get("net-scale-factor", "1"))
    offsets = [float(entry) for entry in said.get("offsets", "0").split(";") if entry.strip()]
    fields: dict[str, Any] = {
        "color": COLORS[said.get("model-color-format", "0").strip()],
        "scale": factor,
        "mean": [offset * factor for offset in offsets],
        "std": 1.0,
        "resize": "stretch",
    }
    if said.get("maintain-aspect-ratio", "0").strip() == "1":
        fields["resize"] = "letterbox" if said.get("symmetric-padding", "0").strip() == "1" else "letterbox-topleft"
        fields["fill"] = 0
    if said.get("network-type", "0").strip() == "1":
        fields["task"] = "classify"
    labels = sibling_files.label_file(folder, said.get("labelfile-path"))
    if labels:
        fields["labels"] = labels[0].split(";") if len(labels) == 1 and ";" in labels[0] else labels
    for key, name in (("pre-cluster-threshold", "conf"), ("nms-iou-threshold", "iou")):
        if key in limits:
            fields[name] = float(limits[key])
    return fields


DIALECT = Dialect("deepstream", _read)
