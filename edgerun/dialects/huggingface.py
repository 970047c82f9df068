"""The dialect of Hugging Face: preprocessor_config.json and config.json beside the model.

Read: do_resize, size, do_center_crop, crop_size, do_rescale, rescale_factor, do_normalize, image_mean, image_std,
do_pad, do_flip_channel_order; id2label, architectures, model_type. Exporters put models into a folder `onnx` below.
The files name no model: they count where all models in the folder are one.
Source: https://huggingface.co/docs/transformers/main_classes/image_processor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files

__all__ = ["DIALECT"]

TASKS = {"ObjectDetection": "detect", "InstanceSegmentation": "segment", "ImageClassification": "classify"}
"""Ends of the architectures' names."""

SOFTMAX = frozenset(("detr", "yolos", "table-transformer"))
SIGMOID = frozenset((
    "conditional_detr", "d_fine", "dab-detr", "deformable_detr", "deimv2", "lw_detr", "rf_detr", "rt_detr",
    "rt_detr_v2",
))  # fmt: skip
"""Model types, by how their class logits are read."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for folder in (path.parent, *([path.parent.parent] if path.parent.name == "onnx" else [])):
        picture = sibling_files.json_object(folder / "preprocessor_config.json")
        model = sibling_files.json_object(folder / "config.json", '"architectures"', '"model_type"')
        if "image_processor_type" in picture or "feature_extractor_type" in picture:
            fields |= _of_picture(picture)
        if isinstance(model.get("architectures"), list) and "model_type" in model:
            fields |= _of_model(model)
        if fields:
            break
    if not sibling_files.alone(path):
        return {}
    if fields.get("task") == "classify" and fields.get("resize") == "letterbox-topleft":
        fields["resize"] = "center-crop"  # classifiers see the middle of a picture whose shorter side fits
        del fields["fill"]
    return fields


def _of_model(model: Mapping[str, Any]) -> dict[str, Any]:
    name = str(model["architectures"][0])
    task = next((task for end, task in TASKS.items() if name.endswith(end)), None)
    if task is None:
        return {}
    fields: dict[str, Any] = {"task": task}
    labels = model.get("id2label")
    if isinstance(labels, Mapping) and not all(str(label).startswith("LABEL_") for label in labels.values()):
        fields["labels"] = labels
    kind = model["model_type"]
    if task != "classify" and (kind in SOFTMAX or kind in SIGMOID):
        fields["decoder"] = "detr-softmax" if kind in SOFTMAX else "detr-sigmoid"
    return fields


def _of_picture(picture: Mapping[str, Any]) -> dict[str, Any]:
    rescaled = picture.get("do_rescale", True)
    fields: dict[str, Any] = {"scale": picture.get("rescale_factor", 1 / 255) if rescaled else 1.0}
    fields["mean"], fields["std"] = 0.0, 1.0
    if picture.get("do_normalize", True) and "image_mean" in picture and "image_std" in picture:
        fields["mean"], fields["std"] = picture["image_mean"], picture["image_std"]
    elif picture.get("do_normalize", "image_mean" in picture):
        raise ValueError("it wants a normalisation, and gives no image_mean and image_std")
    fields["color"] = "bgr" if picture.get("do_flip_channel_order") else "rgb"
    if not picture.get("do_resize", True):
        return fields
    size, crop = _sides(picture.get("size")), _sides(picture.get("crop_size"))
    if picture.get("do_center_crop") and crop:
        fields["resize"] = "center-crop"
        size = crop
    elif "shortest" in size:
        # the aspect is kept; what is left of a fixed input is the colour of the mean, nought after normalising
        fields["resize"] = "letterbox-topleft"
        mean = fields["mean"] if isinstance(fields["mean"], (list, tuple)) else [fields["mean"]]
        fields["fill"] = [round(float(value) / fields["scale"]) for value in mean]
    elif size:
        fields["resize"] = "stretch"
    if size:
        fields["height"], fields["width"] = (
            size.get("height", size.get("shortest")),
            size.get("width", size.get("shortest")),
        )
    return fields


def _sides(size: Any) -> dict[str, int]:
    """Sides as height and width, or as shortest; {} where there is neither."""
    if isinstance(size, int):
        return {"height": size, "width": size}
    if not isinstance(size, Mapping):
        return {}
    if "height" in size and "width" in size:
        return {"height": size["height"], "width": size["width"]}
    return {"shortest": size["shortest_edge"]} if "shortest_edge" in size else {}


DIALECT = Dialect("huggingface", _read)
