"""The dialect of Frigate: the block `model:` of its configuration, where it names this model.

Read: path, width, height, input_pixel_format, input_dtype, labelmap_path and labelmap, from config.yml beside the
model or above a folder model_cache. `int` and `float_denorm` are bytes 0..255, `float` is a share of 255. What is left
out says nothing here, for Frigate's defaults are those of its own models. Frigate cuts squares out of a frame, so that
nothing is said of how a whole picture is fitted.
Not read: model_type, input_tensor (the graph tells), the rest of the configuration.
Source: https://docs.frigate.video/configuration/object_detectors and configuration/reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files

__all__ = ["DIALECT"]

FILES = ("config.yml", "config.yaml", "frigate.yml", "frigate.yaml")
SCALES = {"int": 1.0, "float_denorm": 1.0, "float": 1 / 255}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    folders = [path.parent, *([path.parent.parent] if path.parent.name == "model_cache" else [])]
    for folder in folders:
        for name in FILES:
            config = sibling_files.yaml_object(folder / name, "model", "path", path.name)
            entries = [config.get("model"), *(config.get("models") or [])]
            for said in entries:
                if isinstance(said, Mapping) and sibling_files.names(said.get("path"), path):
                    return _of(said, folder)
    return {}


def _of(said: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    fields = {name: said[name] for name in ("width", "height") if name in said}
    if "input_pixel_format" in said:
        if said["input_pixel_format"] == "yuv":
            raise ValueError("Frigate feeds it YUV pictures, which is not known here")
        fields["color"] = said["input_pixel_format"]
    if "input_dtype" in said:
        fields |= {"scale": SCALES[said["input_dtype"]], "mean": 0.0, "std": 1.0}
    labels = sibling_files.label_file(folder, said.get("labelmap_path"))
    if labels:
        renamed = {int(number): str(name) for number, name in sibling_files.first(said.get("labelmap")).items()}
        fields["labels"] = [renamed.get(number, name) for number, name in enumerate(labels)]
    return fields


DIALECT = Dialect("frigate", _read)
