"""The dialect of Frigate: the block `model:` of its configuration, where it names this model.

Read: path, width, height, input_pixel_format, input_dtype, labelmap_path and labelmap, from config.yml beside the
model or above a folder model_cache. `int` and `float_denorm` are bytes 0..255, `float` is a fraction of 255. What is
left out says nothing here, for Frigate's defaults are those of its own models. Frigate cuts squares out of a frame, so
that nothing is said of how a whole image is fitted.
Not read: model_type, input_tensor (the graph tells), the rest of the configuration.
Source: https://docs.frigate.video/configuration/object_detectors and configuration/reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files
from edgerun.dialects.readers.fields import Table, as_is, some, translate
from edgerun.dialects.readers.known_keys import refuse_unknown_pixels

__all__ = ["DIALECT"]

FILES = ("config.yml", "config.yaml", "frigate.yml", "frigate.yaml")

SCALES = {"int": 1.0, "float_denorm": 1.0, "float": 1 / 255}
"""input_dtype."""


def _color(pixel_format: Any) -> Any:
    if pixel_format == "yuv":
        raise ValueError("Frigate feeds it YUV images, which is not known here")
    return pixel_format


INPUT: Table = {
    "width": ("width", as_is),
    "height": ("height", as_is),
    "input_pixel_format": ("color", _color),
    "input_dtype": ("scale", SCALES.__getitem__),
}


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    for folder in sibling_files.folders(path, "model_cache"):
        for name in FILES:
            entry = _entry(folder / name, path)
            if entry:
                return _fields(entry, folder)
    return {}


def _entry(file: Path, model: Path) -> Mapping[str, Any]:
    """The block of a configuration that names the model; {} where there is none."""
    config = sibling_files.yaml_object(file, "model", "path", model.name)
    for entry in (config.get("model"), *(config.get("models") or ())):
        if isinstance(entry, Mapping) and sibling_files.names(entry.get("path"), model):
            return entry
    return {}


def _fields(entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    refuse_unknown_pixels(entry, (), "the block model of Frigate's configuration")
    fields = translate(entry, INPUT)
    if "scale" in fields:
        fields |= {"mean": 0.0, "std": 1.0}
    return fields | some(labels=_labels(entry, folder))


def _labels(entry: Mapping[str, Any], folder: Path) -> list[str]:
    """The names of the label file, some of them replaced by number."""
    labels = list(sibling_files.label_file(folder, entry.get("labelmap_path")) or ())
    renamed = {int(number): str(name) for number, name in sibling_files.first(entry.get("labelmap")).items()}
    return [renamed.get(number, name) for number, name in enumerate(labels)]


DIALECT = Dialect("frigate", _read)
