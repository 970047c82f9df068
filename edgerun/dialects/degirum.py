"""The dialect of DeGirum's PySDK: a JSON file beside the model, which names it in MODEL_PARAMETERS.ModelPath.

Read: PRE_PROCESS {InputH, InputW, InputColorSpace, InputPadMethod, InputImgNormEn, InputImgNormCoeff (multiplies)} and
POST_PROCESS {OutputPostprocessType, LabelsPath, OutputConfThreshold, OutputNMSThreshold}. Left out, the colour is RGB
and the image is letterboxed on black. Without InputImgNormEn nothing is said of the normalisation: models for
accelerators hold it inside.
Not read: DEVICE, Checksum, InputQuantEn, OutputNumClasses (the graph has it), MaxDetections.
Source: https://docs.degirum.com/pysdk/user-guide-pysdk/model-json-structure; https://github.com/DeGirum/
dg_gstreamer_plugin, dg_model_parameters_client.inc, for the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Alternative, Dialect, Unsettled
from edgerun.dialects.readers import sibling_files
from edgerun.dialects.readers.fields import Table, as_is, find, sides, some, translate
from edgerun.dialects.readers.known_keys import refuse_unknown_pixels

__all__ = ["DIALECT"]

LARGEST = 200_000
"""Bytes; JSON of more beside a model is a data set's."""

FITTINGS: Mapping[str, Mapping[str, Any]] = {
    "letterbox": {"resize": "letterbox", "fill": 0},
    "stretch": {"resize": "stretch"},
    "crop-first": {"resize": "center-crop"},
}
"""InputPadMethod."""

TASKS = {"classification": "classify", "segment": "segment", "pose": "pose", "detect": "detect"}
"""Parts of OutputPostprocessType, the first that is found."""

THRESHOLDS: Table = {"OutputConfThreshold": ("conf", as_is), "OutputNMSThreshold": ("iou", as_is)}

KNOWN = frozenset((
    "InputH", "InputW", "InputC", "InputN", "InputType", "InputColorSpace", "InputPadMethod", "InputCropPercentage",
    "InputImgNormEn", "InputImgNormCoeff", "InputResizeMethod", "InputQuantEn", "InputQuantOffset", "InputQuantScale",
    "InputScaleEn", "InputScaleCoeff",
))  # fmt: skip
"""Keys that are read, and those of the accelerators' own quantisation; the method of the resampling is not followed."""

STATISTICS = re.compile("Mean|Std")
"""In keys that newer versions normalise by."""

UNITS = (Alternative({}, "for pixels of 0..1 or of 0..255", "scale, mean and std"),)


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    for file in sibling_files.files(path.parent, "*.json"):
        if file.stat().st_size > LARGEST:
            continue
        config = sibling_files.json_object(file, '"MODEL_PARAMETERS"', '"ModelPath"')
        if sibling_files.names(sibling_files.first(config.get("MODEL_PARAMETERS")).get("ModelPath"), path):
            return _fields(config, path.parent)
    return {}


def _fields(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    inputs = config.get("PRE_PROCESS") or []
    fields = _preprocessing(inputs[0]) if len(inputs) == 1 else {}
    after = sibling_files.first(config.get("POST_PROCESS"))
    task = find(TASKS, str(after.get("OutputPostprocessType", "")).lower().__contains__)
    labels = sibling_files.label_file(folder, after.get("LabelsPath"))
    return fields | translate(after, THRESHOLDS) | some(task=task, labels=labels)


def _preprocessing(values: Mapping[str, Any]) -> dict[str, Any]:
    if values.get("InputType", "Image") != "Image":
        return {}
    statistics = [key for key in values if STATISTICS.search(key)]
    refuse_unknown_pixels(values, KNOWN.union(statistics), "PRE_PROCESS")
    color = str(values.get("InputColorSpace", "RGB")).lower()
    fields = {"color": color, **_fitting(values), **sides(values, "InputH", "InputW")}
    if statistics:
        fields["mean"] = Unsettled(f"gives {' and '.join(statistics)}", UNITS)
    elif values.get("InputImgNormEn") is True:
        fields |= {"scale": values.get("InputImgNormCoeff", 1 / 255), "mean": 0.0, "std": 1.0}
    return fields


def _fitting(values: Mapping[str, Any]) -> Mapping[str, Any]:
    method = str(values.get("InputPadMethod", "letterbox"))
    if method not in FITTINGS or values.get("InputCropPercentage", 1.0) != 1.0:
        raise ValueError(f"InputPadMethod = {method} with this InputCropPercentage is not known here")
    return FITTINGS[method]


DIALECT = Dialect("degirum", _read)
