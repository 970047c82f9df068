"""The dialect of Hugging Face: preprocessor_config.json and config.json beside the model.

Read: do_resize, size, do_center_crop, crop_size, crop_pct, do_rescale, rescale_factor, rescale_offset, do_normalize,
image_mean, image_std, include_top, do_pad, pad_size, size_divisor, do_flip_channel_order; id2label, architectures,
model_type. Exporters put models into a folder `onnx` below. The files name no model: they count where all models in
the folder are one. The kernel of the resampling (`resample`) is not followed: images are resized bilinearly.
Sources: https://huggingface.co/docs/transformers/main_classes/image_processor; transformers 5.23.0 (Apache-2.0),
models/efficientnet/image_processing_efficientnet.py; `readers.hub_sizes` for the fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import sibling_files
from edgerun.dialects.readers.fields import find, some
from edgerun.dialects.readers.hub_sizes import fit_of
from edgerun.dialects.readers.known_keys import refuse_unknown
from edgerun.dialects.readers.numbers import listed

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

FILE = "preprocessor_config.json"

WHOLE, IMAGES = "processor_config.json", '"image_processor"'
"""The file of transformers 5 for processors of images and text, and its part."""

SIDES = ("shorter_side", "longer_side", "side_multiple", "side_rounding", "padded")

PROCESSORS = frozenset(("image_processor_type", "feature_extractor_type"))
"""Keys of which one at least is in every preprocessor_config.json for images."""

KNOWN = frozenset((
    *PROCESSORS, "do_resize", "size", "max_size", "default_to_square", "resample", "do_center_crop", "crop_size",
    "crop_pct", "do_rescale", "rescale_factor", "rescale_offset", "do_normalize", "image_mean", "image_std",
    "include_top", "do_pad", "pad_and_return_pixel_mask", "pad_size", "size_divisor", "do_flip_channel_order",
))  # fmt: skip
"""Keys that are read; of `resample` see above."""

HARMLESS = frozenset((
    "do_convert_rgb", "data_format", "input_data_format", "return_tensors", "device", "disable_grouping",
    "processor_class", "auto_map", "_valid_processor_keys", "_valid_kwargs_names", "image_seq_length", "format",
    "do_convert_annotations", "do_reduce_labels", "reduce_labels", "ignore_index", "num_labels", "model_input_names",
    "num_text", "repo_path", "class_info_file", "return_segmentation_masks", "backend",
))  # fmt: skip
"""Keys that change no pixel of an image."""

ELSEWHERE = frozenset((
    "GLPN", "ImageGPT", "LayoutLMv2", "Llava", "LlavaNext", "LlavaOnevision", "Owlv2", "Sapiens2", "SegGpt", "Siglip2",
    "VitMatte", "VitPose",
))  # fmt: skip
"""Classes with steps of their own that no key of theirs need tell."""

NEVER_NORMALISED = frozenset(("MobileViT",))
"""Classes that write means down and leave them be."""

IS_A_PROCESSOR = re.compile("(ImageProcessor|FeatureExtractor)(Fast|Pil)?$")


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
        for name in ("fill", *SIDES):
            fields.pop(name, None)
    return fields


def _in_folder(folder: Path) -> dict[str, Any]:
    processor = _processor(folder)
    model = sibling_files.json_object(folder / "config.json", '"architectures"', '"model_type"')
    fields: dict[str, Any] = {}
    if PROCESSORS & processor.keys():
        fields |= _preprocessing(processor)
    if isinstance(model.get("architectures"), list) and "model_type" in model:
        fields |= _head(model)
    return fields


def _processor(folder: Path) -> Mapping[str, Any]:
    """The image processor: in a file of its own, or as part of a processor for several kinds of input."""
    own = sibling_files.json_object(folder / FILE)
    return own or sibling_files.first(sibling_files.json_object(folder / WHOLE, IMAGES).get("image_processor"))


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
    kind = _kind(processor)
    refuse_unknown(processor, KNOWN | HARMLESS, FILE)
    if kind in ELSEWHERE:
        raise ValueError(f"{FILE} is of a {kind}ImageProcessor, whose steps are not known here")
    fields = _normalisation({**processor, "do_normalize": False} if kind in NEVER_NORMALISED else processor)
    if kind == "EfficientNet":
        fields = _efficientnet(processor, fields)
    fields["color"] = "bgr" if processor.get("do_flip_channel_order") else "rgb"
    if processor.get("do_resize", True):
        fields |= fit_of(kind, processor, fields)
    elif processor.get("do_center_crop"):
        raise ValueError(f"{FILE} cuts images that it does not resize, which is not known here")
    return fields


def _kind(processor: Mapping[str, Any]) -> str:
    """The name of the class without what all of them end in."""
    name = processor.get("image_processor_type") or processor.get("feature_extractor_type") or ""
    return IS_A_PROCESSOR.sub("", str(name))


def _efficientnet(processor: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """EfficientNet's own steps: 1 is subtracted before the normalisation, and the deviation divides once more."""
    mean, std = listed(fields["mean"]), listed(fields["std"])
    if processor.get("rescale_offset"):
        mean = [entry + 1 for entry in mean]
    if not processor.get("include_top", True):
        return {**fields, "mean": mean}
    again = listed(processor.get("image_std", 1.0))
    std = std * len(again) if len(std) == 1 else std
    mean = mean * len(again) if len(mean) == 1 else mean
    return {**fields, "mean": mean, "std": [first * second for first, second in zip(std, again, strict=True)]}


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


DIALECT = Dialect("huggingface", _read)
