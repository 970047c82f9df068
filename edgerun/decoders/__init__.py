"""Families of outputs, one file each.

A family that needs several outputs is imported when a model with several is asked about: its head and its tables are a
good part of what a load costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module

from edgerun.contract import Decoder, Evidence, Match, Sure
from edgerun.decoders import (
    cell_bests,
    classify,
    corner_table,
    detection_output,
    efficient_nms,
    end2end,
    fastestdet,
    mmdetection,
    movenet,
    named_heads,
    nanodet,
    onnx_nms,
    paddle,
    rtdetr_rows,
    rtdetr_scores,
    tfod,
    yolo_corners,
    yolo_fastestv2,
    yolo_nas_finished,
    yolo_obb,
    yolo_pose,
    yolo_segment,
    yolov5,
    yolov5_points,
    yolov6,
    yolov8,
    yolox,
)

__all__ = ["BUILTIN"]


def _of_several(module: str, names: str, *, suppress: bool = True) -> Iterator[Decoder]:
    """The families of a module, none of which reads a model of one output.

    Args:
        module: its name in this folder.
        names: of the families, in their order, with spaces between them.
        suppress: whether they leave suppression to us.
    """
    for name in names.split():
        yield Decoder(name, partial(_matches, module, name), suppress=suppress)


def _matches(module: str, name: str, evidence: Evidence) -> Match:
    """A family's verdict, for which it is imported where there are several outputs."""
    if len(evidence.outputs) < 2:
        return Match(Sure.NO, "it needs several outputs")
    families: tuple[Decoder, ...] = import_module(f"{__name__}.{module}").DECODERS
    return next(family for family in families if family.name == name).matches(evidence)


BUILTIN: tuple[Decoder, ...] = (
    # one anchor or three per cell, decoded in the graph or not
    *yolov8.DECODERS,
    *yolo_corners.DECODERS,
    *corner_table.DECODERS,
    *yolov5.DECODERS,
    *yolov5_points.DECODERS,
    *_of_several("yolov4", "yolov4"),
    *_of_several("yolo_raw", "yolov5-raw yolov7-raw yolov3-raw yolov4-raw yolov3-tiny-raw yolov4-tiny-raw"),
    *yolo_pose.DECODERS,
    *yolo_segment.DECODERS,
    *yolo_obb.DECODERS,
    *yolox.DECODERS,
    *yolov6.DECODERS,
    *_of_several("centernet", "centernet", suppress=False),
    *_of_several("fcos", "fcos fcos-torchvision"),
    *_of_several("rtmdet_raw", "rtmdet-raw"),
    *_of_several("cell_boxes", "yolo-nas damo-yolo ppyoloe ppyoloe-plus rtmdet"),
    *cell_bests.DECODERS,
    *fastestdet.DECODERS,
    *yolo_fastestv2.DECODERS,
    # a distribution for each side
    *nanodet.DECODERS,
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
    *end2end.DECODERS,
    *rtdetr_rows.DECODERS,
    *rtdetr_scores.DECODERS,
    *yolo_nas_finished.DECODERS,
    *efficient_nms.DECODERS,
    *detection_output.DECODERS,
    *onnx_nms.DECODERS,
    *tfod.DECODERS,
    *_of_several("coreml_nms", "coreml-nms", suppress=False),
    *_of_several("detr", "detr", suppress=False),
    *paddle.DECODERS,
    *_of_several("detr_raw", "detr-softmax detr-sigmoid", suppress=False),
    *_of_several("torchvision", "torchvision", suppress=False),
    *mmdetection.DECODERS,
    # poses
    *_of_several("simcc", "simcc", suppress=False),
    *movenet.DECODERS,
    *_of_several("mediapipe_landmarks", "mediapipe-landmarks", suppress=False),
    # whole pictures
    *classify.DECODERS,
    # as the user says
    *named_heads.DECODERS,
)
