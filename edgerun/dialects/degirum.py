"""The dialect of DeGirum's PySDK: a JSON file beside the model, which names it in MODEL_PARAMETERS.ModelPath.

Read: PRE_PROCESS {InputH, InputW, InputColorSpace, InputPadMethod, InputImgNormEn, InputImgNormCoeff (multiplies)} and
POST_PROCESS {OutputPostprocessType, LabelsPath, OutputConfThreshold, OutputNMSThreshold}. Left out, the colour is RGB
and the picture is letterboxed on black. Without InputImgNormEn nothing is said of the normalisation: models for
accelerators hold it inside.
Not read: DEVICE, Checksum, InputQuantEn, OutputNumClasses (the graph has it), MaxDetections.
Source: https://docs.degirum.com/pysdk/user-guide-pysdk/model-json-structure; https://github.com/DeGirum/
dg_gstreamer_plugin, dg_model_parameters_client.inc, for the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect, Unsettled
from edgerun.dialects.readers import sibling_files

__all__ = ["DIALECT"]

LARGEST = 200_000
"""Bytes; JSON of more beside a model is a data set's."""

RESIZES = {"letterbox": "letterbox", "stretch": "stretch", "crop-first": "center-crop"}

TASKS = (("classification", "classify"), ("segment", "segment"), ("pose", "pose"), ("detect", "detect"))
"""Beginnings of words in OutputPostprocessType."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    for file in sibling_files.files(path.parent, "*.json"):
        if file.stat().st_size > LARGEST:
            continue
        config = sibling_files.json_object(file, '"MODEL_PARAMETERS"', '"ModelPath"')
        if sibling_files.names(sibling_files.first(config.get("MODEL_PARAMETERS")).get("ModelPath"), path):
            return _of(config, path.parent)
    return {}


def _of(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    before = config.get("PRE_PROCESS") or []
    fields = _of_picture(before[0]) if len(before) == 1 else {}
    after = sibling_files.first(config.get("POST_PROCESS"))
    kind = str(after.get("OutputPostprocessType", "")).lower()
    task = next((task for word, task in TASKS if word in kind), None)
    if task:
        fields["task"] = task
    for key, name in (("OutputConfThreshold", "conf"), ("OutputNMSThreshold", "iou")):
        if key in after:
            fields[name] = after[key]
    labels = sibling_files.label_file(folder, after.get("LabelsPath"))
    return fields | ({"labels": labels} if labels else {})


def _of_picture(said: Mapping[str, Any]) -> dict[str, Any]:
    if said.get("InputType", "Image") != "Image":
        return {}
    method = str(said.get("InputPadMethod", "letterbox"))
    if method not in RESIZES or said.get("InputCropPercentage", 1.0) != 1.0:
        raise ValueError(f"InputPadMethod = {method} with this InputCropPercentage is not known here")
    fields: dict[str, Any] = {"color": str(said.get("InputColorSpace", "RGB")).lower(), "resize": RESIZES[method]}
    if fields["resize"] == "letterbox":
        fields["fill"] = 0
    if "InputH" in said and "InputW" in said:
        fields |= {"height": said["InputH"], "width": said["InputW"]}
    further = [key for key in said if "Mean" in key or "Std" in key]
    if further:
        readings = {"scale, mean and std": "for pixels of 0..1 or of 0..255"}
        fields["mean"] = Unsettled(f"gives {' and '.join(further)}", readings)
    elif said.get("InputImgNormEn") is True:
        fields |= {"scale": said.get("InputImgNormCoeff", 1 / 255), "mean": 0.0, "std": 1.0}
    return fields


DIALECT = Dialect("degirum", _read)
