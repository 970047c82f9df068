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
from edgerun.dialects.readers.fields import find, sides, some
from edgerun.dialects.readers.steps import zero_border

__all__ = ["DIALECT"]

TASKS = {"ObjectDetection": "detect", "InstanceSegmentation": "segment", "ImageClassification": "classify"}
"""Ends of the architectures' names."""

SOFTMAX = ("detr", "yolos", "table-transformer")
SIGMOID = (
    "conditional_detr", "d_fine", "dab-detr", "deformable_detr", "deimv2", "lw_detr", "rf_detr", "rt_detr",
    "rt_detr_v2",
)  # fmt: skip

DECODERS = dict.fromkeys(SOFTMAX, "detr-softmax") | dict.fromkeys(SIGMOID, "detr-sigmoid")
"""model_type -> how its class logits are read."""

PROCESSORS = frozenset(("image_processor_type", "feature_extractor_type"))
"""Keys of which one at least is in every preprocessor_config.json for images."""


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for folder in sibling_files.folders(path, "onnx"):
        fields = _in_folder(folder)
        if fields:
            break
    if not sibling_files.alone(path):
        return {}
    if fields.get("task") == "classify" and fields.get("resize") == "letterbox-topleft":
        fields["resize"] = "center-crop"  # classifiers see the middle of an image whose shorter side fits
        del fields["fill"]
    return fields


def _in_folder(folder: Path) -> dict[str, Any]:
    processor = sibling_files.json_object(folder / "preprocessor_config.json")
    model = sibling_files.json_object(folder / "config.json", '"architectures"', '"model_type"')
    fields: dict[str, Any] = {}
    if PROCESSORS & processor.keys():
        fields |= _preprocessing(processor)
    if isinstance(model.get("architectures"), list) and "model_type" in model:
        fields |= _head(model)
    return fields


def _head(model: Mapping[str, Any]) -> dict[str, Any]:
    task = find(TASKS, str(model["architectures"][0]).endswith)
    if task is None:
        return {}
    decoder = DECODERS.get(model["model_type"]) if task != "classify" else None
    return {"task": task, **some(labels=_labels(model.get("id2label")), decoder=decoder)}


def _labels(table: Any) -> Mapping[Any, Any] | None:
    """The names of the classes; None where they are only numbered."""
    if not isinstance(table, Mapping):
        return None
    are_numbered = all(str(label).startswith("LABEL_") for label in table.values())
    return None if are_numbered else table


def _preprocessing(processor: Mapping[str, Any]) -> dict[str, Any]:
    fields = _normalisation(processor)
    fields["color"] = "bgr" if processor.get("do_flip_channel_order") else "rgb"
    if processor.get("do_resize", True):
        fields |= _fitting(processor, fields)
    return fields


def _normalisation(processor: Mapping[str, Any]) -> dict[str, Any]:
    scale = processor.get("rescale_factor", 1 / 255) if processor.get("do_rescale", True) else 1.0
    plain = {"scale": scale, "mean": 0.0, "std": 1.0}
    if not processor.get("do_normalize", True):
        return plain
    if {"image_mean", "image_std"} <= processor.keys():
        return {"scale": scale, "mean": processor["image_mean"], "std": processor["image_std"]}
    if {"do_normalize", "image_mean"} & processor.keys():
        raise ValueError("it wants a normalisation, and gives no image_mean and image_std")
    return plain


def _fitting(processor: Mapping[str, Any], normalisation: Mapping[str, Any]) -> dict[str, Any]:
    size, crop = _sides(processor.get("size")), _sides(processor.get("crop_size"))
    if processor.get("do_center_crop") and crop:
        return {"resize": "center-crop", **crop}
    if not size:
        return {}
    if not _keeps_aspect(processor["size"]):
        return {"resize": "stretch", **size}
    # what is left of a fixed input is padded after the normalisation
    return {"resize": "letterbox-topleft", "fill": zero_border(normalisation), **size}


def _keeps_aspect(size: Any) -> bool:
    """Whether only the shorter side of the image is given."""
    return isinstance(size, Mapping) and not {"height", "width"} <= size.keys()


def _sides(size: Any) -> dict[str, Any]:
    """Height and width; {} where neither they nor the shorter side are given."""
    if isinstance(size, int):
        return {"height": size, "width": size}
    if not isinstance(size, Mapping):
        return {}
    return sides(size, "height", "width") or sides(size, "shortest_edge", "shortest_edge")


DIALECT = Dialect("huggingface", _read)
