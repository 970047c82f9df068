"""Families of outputs, one file each, imported when they are first asked: heads and tables are a good part of a load.

A file that shows how its outputs are made asks few of them. One that needs several outputs is not asked about one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module

from edgerun.contract import Decoder, Evidence, Match, Sure

__all__ = ["BUILTIN"]


def _families(module: str, names: str, *, suppress: bool = True, batched: bool = True) -> Iterator[Decoder]:
    """The families of a module, which is imported when one of them is asked.

    Args:
        module: its name in this folder.
        names: of the families, in their order, with spaces between them.
        suppress: whether they leave suppression to us.
        batched: False where the outputs of several pictures come in one list.
    """
    for name in names.split():
        yield Decoder(name, partial(_matches, module, name), suppress=suppress, batched=batched)


def _of_several(module: str, names: str, *, suppress: bool = True) -> Iterator[Decoder]:
    """The families of a module, none of which reads a model of one output."""
    for name in names.split():
        yield Decoder(name, partial(_matches_several, module, name), suppress=suppress)


def _matches(module: str, name: str, evidence: Evidence) -> Match:
    """A family's verdict, for which its module is imported."""
    families: tuple[Decoder, ...] = import_module(f"{__name__}.{module}").DECODERS
    return next(family for family in families if family.name == name).matches(evidence)


def _matches_several(module: str, name: str, evidence: Evidence) -> Match:
    """The same, where the module is imported only if there are several outputs."""
    if len(evidence.outputs) < 2:
        return Match(Sure.NO, "it needs several outputs")
    return _matches(module, name, evidence)


BUILTIN: tuple[Decoder, ...] = (
    # one anchor or three per cell, decoded in the graph or not
    *_families("yolov8", "yolov8 yolov8-transposed"),
    *_families("yolo_corners", "yolo-corners"),
    *_families("yolov5", "yolov5"),
    *_families("yolov5_points", "yolov5-points"),
    *_of_several("yolov4", "yolov4"),
    *_of_several("yolo_raw", "yolov5-raw yolov7-raw yolov3-raw yolov4-raw yolov3-tiny-raw yolov4-tiny-raw"),
    *_families("yolo_pose", "yolo-pose yolov7-pose"),
    *_families("yolo_pose", "yolo-pose-end2end", suppress=False),
    *_families("yolo_segment", "yolo-segment yolov5-segment"),
    *_families("yolo_segment", "yolo-segment-end2end", suppress=False),
    *_families("yolo_obb", "yolo-obb"),
    *_families("yolo_obb", "yolo-obb-end2end", suppress=False),
    *_families("yolox", "yolox yolox-split yolox-decoded"),
    *_families("yolov6", "yolov6"),
    *_of_several("centernet", "centernet", suppress=False),
    *_of_several("fcos", "fcos fcos-torchvision"),
    *_of_several("rtmdet_raw", "rtmdet-raw"),
    *_of_several("cell_boxes", "yolo-nas damo-yolo ppyoloe ppyoloe-plus rtmdet"),
    *_families("cell_bests", "cell-bests"),
    *_families("fastestdet", "fastestdet"),
    *_families("yolo_fastestv2", "yolo-fastestv2"),
    # a distribution for each side
    *_families("nanodet", "nanodet nanodet-split"),
    *_of_several("picodet", "picodet"),
    *_of_several("yolov8_split", "yolov8-split yolov8-raw"),
    *_of_several("yolov8_raw_tasks", "yolov8-raw-pose yolov8-raw-obb"),
    # offsets from prior boxes
    *_of_several("ssd_decoded", "ssd-decoded"),
    *_of_several(
        "ssd",
        "ssd-tensorflow ssd-torchvision-lite ssd-vgg-coco ssd-vgg-voc ssd-caffe-mobilenet ssd-pytorch-mobilenet "
        "ssd-ultraface",
    ),
    *_of_several("efficientdet", "efficientdet efficientdet-automl efficientdet-lite"),
    *_of_several("retinanet", "retinanet-nvidia retinanet-mmdetection efficientdet-split retinanet-torchvision"),
    # faces
    *_of_several("blazeface", "blazeface"),
    *_of_several("centerface", "centerface"),
    *_of_several("faceboxes", "faceboxes"),
    *_of_several("retinaface", "retinaface retinaface-plates"),
    *_of_several("scrfd", "scrfd"),
    *_of_several("yunet", "yunet yunet-2022"),
    # finished rows
    *_families("end2end", "end2end", suppress=False),
    *_families("end2end", "end2end-batched batch-class-score-box", suppress=False, batched=False),
    *_families(
        "end2end",
        "box-class-score score-class-box class-score-box score-box-class class-box-score",
        suppress=False,
    ),
    *_families("end2end", "batch-score-class-box", suppress=False, batched=False),
    *_families("rtdetr_rows", "rtdetr-rows", suppress=False),
    *_families("rtdetr_scores", "rtdetr-scores", suppress=False),
    *_families("yolo_nas_finished", "yolo-nas-flat", suppress=False, batched=False),
    *_families("yolo_nas_finished", "yolo-nas-batch", suppress=False),
    *_families("efficient_nms", "efficient-nms", suppress=False),
    *_families("detection_output", "detection-output detection-output-from-0", suppress=False, batched=False),
    *_families("onnx_nms", "onnx-nms", suppress=False, batched=False),
    *_families("tfod", "tfod", suppress=False),
    *_of_several("coreml_nms", "coreml-nms", suppress=False),
    *_of_several("detr", "detr", suppress=False),
    *_families("paddle", "paddle paddle-plain", suppress=False),
    *_of_several("detr_raw", "detr-softmax detr-sigmoid", suppress=False),
    *_of_several("torchvision", "torchvision", suppress=False),
    *_families("mmdetection", "mmdetection mmrotate rtmo", suppress=False),
    # poses
    *_of_several("simcc", "simcc", suppress=False),
    *_families("movenet", "movenet movenet-multipose", suppress=False),
    *_of_several("mediapipe_landmarks", "mediapipe-landmarks", suppress=False),
    # whole pictures
    *_families("classify", "classify", suppress=False),
    # as the user says
    *_families("named_heads", "named-heads"),
)
