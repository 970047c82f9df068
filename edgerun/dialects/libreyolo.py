"""The dialect of LibreYOLO: the same table in an ONNX file, in an archive of TorchScript, and as `model.pte.json`.

Keys: model_family, size, task, names (JSON), nc, imgsz_h and imgsz_w, nms, nms_conf, nms_iou, num_keypoints; since 1.6
letterbox_pad, and of classifiers crop_pct, resize_mode, norm_mean and norm_std. How a detector is fed follows from the
family and is written nowhere: `FED` holds what LibreYOLO does when it runs its exports. Many families answer with
corners where their originals answer otherwise: `CORNERS`. Images are resized bilinearly; `interpolation` is not read.
Not read: precision, dynamic, supported_tasks.
Source: https://github.com/LibreYOLO/libreyolo (MIT), 1.6.0: export/exporter.py, export/support.py (which families are
exported), export/nms.py, backends/base.py (`_preprocess`), preprocess/ and models/*/utils.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers import numbers, sibling_files
from edgerun.dialects.readers.fields import sides, some
from edgerun.dialects.readers.known_keys import refuse_unknown_pixels

__all__ = ["DIALECT"]

TEXT = "libreyolo_metadata.json"
"""The member of a TorchScript archive."""

VERSIONS = frozenset(("libreyolo_version", "schema_version"))
"""Keys of which LibreYOLO writes one at least."""

PLAIN = {"color": "rgb", "scale": 1 / 255, "mean": 0.0, "std": 1.0}
IMAGENET = {**PLAIN, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
BYTES = {**PLAIN, "scale": 1.0}
STRETCHED = {"resize": "stretch"}
TOPLEFT = {"resize": "letterbox-topleft", "fill": 114}
OF_MEAN = {"resize": "letterbox-topleft", "fill": (124, 116, 104)}
"""A border of ImageNet's mean, which becomes 0."""

FED: dict[str, dict[str, Any]] = {
    "yolo1": {**PLAIN, **STRETCHED},
    "yolo2": {**PLAIN, **TOPLEFT, "fill": 128},
    "yolo3": {**PLAIN, **TOPLEFT, "fill": 128},
    "yolo4": {**PLAIN, **TOPLEFT, "fill": 128},
    "yolo7": {**PLAIN, **TOPLEFT},
    "yolo9": {**PLAIN, **TOPLEFT},
    "yolo9_e2e": {**PLAIN, **TOPLEFT},
    "yolo9_p2": {**PLAIN, **TOPLEFT},
    "yolox": {**BYTES, **TOPLEFT, "color": "bgr"},
    "yolonas": {**PLAIN, "resize": "letterbox", "fill": 114, "longer_side": 636},
    "rtmdet": {
        **BYTES, **TOPLEFT, "color": "bgr", "mean": (103.53, 116.28, 123.675), "std": (57.375, 57.12, 58.395),
    },
    "efficientdet": {**IMAGENET, **OF_MEAN},
    "fcos": {**IMAGENET, **OF_MEAN},
    "retinanet": {**IMAGENET, **OF_MEAN},
    "ssd": {**PLAIN, **STRETCHED, "mean": (0.48235, 0.45882, 0.40784), "std": 1 / 255},
    "faster_rcnn": {**PLAIN, **STRETCHED},
    "mask_rcnn": {**PLAIN, **STRETCHED},
    "centernet": {
        **PLAIN, "resize": "letterbox", "fill": 0, "color": "bgr", "mean": (0.408, 0.447, 0.470),
        "std": (0.289, 0.274, 0.278),
    },
    "picodet": {**IMAGENET, **STRETCHED},
    "ppyoloe": {**IMAGENET, **STRETCHED},
    "damoyolo": {**BYTES, **STRETCHED},
    "detr": {**IMAGENET, **STRETCHED},
    "deformable_detr": {**IMAGENET, **STRETCHED},
    "dinodetr": {**IMAGENET, **STRETCHED},
    "lwdetr": {**IMAGENET, **STRETCHED},
    "tinyformer": {**IMAGENET, **STRETCHED},
    "gtr": {**IMAGENET, **STRETCHED},
    "rfdetr": {**IMAGENET, **STRETCHED},
    "ec": {**IMAGENET, **STRETCHED},
    "deimv2": {**IMAGENET, **STRETCHED},
    "dfine": {**PLAIN, **STRETCHED},
    "deim": {**PLAIN, **STRETCHED},
    "rtdetr": {**PLAIN, **STRETCHED},
    "rtdetrv2": {**PLAIN, **STRETCHED},
    "rtdetrv4": {**PLAIN, **STRETCHED},
}  # fmt: skip

FED_FOR_A_TASK: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("yolonas", "pose"): {**PLAIN, **TOPLEFT, "color": "bgr", "fill": 127},
    ("yolonas", "obb"): {**PLAIN, **TOPLEFT, "color": "bgr"},
    ("rtdetrv2", "obb"): {**PLAIN, **TOPLEFT, "fill": 0},
    ("dekr", "pose"): {**IMAGENET, **TOPLEFT, "fill": 127},
}
"""Where a family is fed otherwise, or at all, for one task."""

WITHOUT_BORDER = frozenset(("faster_rcnn", "mask_rcnn"))
"""Families that resize and normalise inside: an export of open size takes an image of any."""

PADDED_TO_32 = frozenset(("fcos", "retinanet"))
"""Families whose images are padded to multiples of 32 where the size of an export is open."""

LETTERBOXES = {"center": "letterbox", "topleft": "letterbox-topleft"}
"""letterbox_pad; exports before 1.6 have none and mean the second."""

CLASSIFIER: Mapping[str, Any] = {"crop_pct": 0.875, "resize_mode": "center_crop"}
CLASSIFIERS: Mapping[str, Mapping[str, Any]] = {
    "clip": {
        "crop_pct": 1.0, "norm_mean": (0.48145466, 0.4578275, 0.40821073),
        "norm_std": (0.26862954, 0.26130258, 0.27577711),
    },
    "siglip2": {"norm_mean": (0.5, 0.5, 0.5), "norm_std": (0.5, 0.5, 0.5), "resize_mode": "stretch"},
    "pe": {"norm_mean": (0.5, 0.5, 0.5), "norm_std": (0.5, 0.5, 0.5), "resize_mode": "stretch"},
    "vit": {"crop_pct": 0.9, "norm_mean": (0.5, 0.5, 0.5), "norm_std": (0.5, 0.5, 0.5)},
}  # fmt: skip
"""What holds of classifiers whose table does not say it: of all, and of some families."""

KNOWN = frozenset(("letterbox_pad", "crop_pct", "resize_mode", "norm_mean", "norm_std", "interpolation"))

QUERIES = ("deformable_detr", "dinodetr", "lwdetr", "tinyformer")

CORNERS = (
    "yolo1", "yolo2", "yolo3", "yolo4", "yolo7", "yolo9", "yolo9_e2e", "yolo9_p2", "ssd", "picodet", "rtmdet",
)  # fmt: skip
"""Families with a table of x1 y1 x2 y2 in pixels and a score per class, one row or several for each cell
(backends/base.py: `_parse_yolo9`, `_parse_ssd`, `_parse_picodet`, `_parse_rtmdet`)."""

DECODERS = {
    "yolonas": "yolo-nas", "ppyoloe": "ppyoloe", "detr": "detr-softmax", **dict.fromkeys(CORNERS, "yolo-corners"),
    **dict.fromkeys(QUERIES, "detr-sigmoid"),
}  # fmt: skip
"""How families answer that others answer alike, where the suppression is left to us."""

ONE_FOR_EACH_OBJECT = frozenset(("yolo9_e2e",))
"""Families trained to answer once for each object, which nothing suppresses afterwards (`_parse_yolo9`)."""

RANKED_ALONE = frozenset(("efficientdet",))
"""Families with rows x1 y1 x2 y2, score, class that are the best 5,000 candidates, not yet suppressed
(models/efficientdet/nn.py, `max_candidates`; backends/base.py suppresses them class by class)."""

DINO = ("s", "m", "l", "x")
"""Sizes of DEIMv2 with a backbone that wants ImageNet's normalisation; the smaller ones do not."""

TASKS = ("detect", "segment", "pose", "obb", "classify")


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    values = _values(metadata, path)
    family = values.get("model_family")
    if not isinstance(family, str) or not VERSIONS & values.keys():
        return {}
    task = values.get("task")
    if task not in TASKS:
        raise ValueError(f"its task is {task!r}, which is not run here")
    size = sides(values, "imgsz_h", "imgsz_w", int) or sides(values, "imgsz", "imgsz", int)
    fields = {"task": task, **_feeding(family, task, values), **size, **_rows(family, task, values)}
    names = values.get("names")
    if names:
        fields["labels"] = json.loads(names) if isinstance(names, str) else names
    if task == "pose" and str(values.get("num_keypoints") or "").isdigit():
        fields |= {"keypoints": int(values["num_keypoints"]), "keypoint_dims": int(values.get("keypoint_dim") or 3)}
    return fields


def _values(metadata: Mapping[str, str | bytes], path: Path) -> Mapping[str, Any]:
    if "model_family" in metadata:
        return metadata
    if TEXT in metadata:
        return sibling_files.first(json.loads(metadata[TEXT]))
    return sibling_files.json_object(path.with_name(path.name + ".json"), '"model_family"')


def _feeding(family: str, task: str, values: Mapping[str, Any]) -> dict[str, Any]:
    refuse_unknown_pixels(values, KNOWN, "its table")
    if task == "classify":
        return _classifying({**CLASSIFIER, **CLASSIFIERS.get(family, {}), **some(**values)})
    if family == "deimv2" and values.get("size", values.get("model_size")) not in DINO:
        return {**PLAIN, **STRETCHED}
    fields = dict(FED_FOR_A_TASK.get((family, task), FED.get(family, {})))
    if numbers.is_true(values.get("dynamic", "")):
        fields |= _of_open_size(family)
    pad = values.get("letterbox_pad")
    if pad and fields.get("resize") == "letterbox-topleft":
        fields["resize"] = LETTERBOXES[pad]
    return fields


def _of_open_size(family: str) -> dict[str, Any]:
    """What is done otherwise to images for an export that takes any size."""
    if family in PADDED_TO_32:
        raise ValueError(f"images of a {family} of open size are padded to multiples of 32, which is not known here")
    return {"resize": "letterbox-topleft", "padded": False} if family in WITHOUT_BORDER else {}


def _classifying(said: Mapping[str, Any]) -> dict[str, Any]:
    """How a classifier is fed; the side of what it is fitted to is rounded down (data/augment/classify.py)."""
    mean, std = _per_channel(said.get("norm_mean")), _per_channel(said.get("norm_std"))
    fields = {**IMAGENET, **some(mean=mean, std=std)}
    if said["resize_mode"] == "stretch":
        return {**fields, **STRETCHED}
    if said["resize_mode"] != "center_crop":
        raise ValueError(f"it says resize_mode = {said['resize_mode']}, which is not known here")
    return {**fields, "resize": "center-crop", "crop": float(said["crop_pct"])}


def _per_channel(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _rows(family: str, task: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if str(values.get("nms", "")).lower() == "true":  # finished rows first, and what they were made of
        return {"suppressed": True, "conf": float(values["nms_conf"]), "iou": float(values["nms_iou"])}
    if task == "detect" and family in DECODERS:
        alone = {"nms": "none"} if family in ONE_FOR_EACH_OBJECT else {}
        return {"decoder": DECODERS[family], **alone}
    return {"nms": "class"} if task == "detect" and family in RANKED_ALONE else {}


DIALECT = Dialect("libreyolo", _read)
