"""Families of outputs, one file each."""

from __future__ import annotations

from edgerun.contract import Decoder
from edgerun.decoders import (
    blazeface,
    cell_bests,
    cell_boxes,
    centerface,
    centernet,
    classify,
    coreml_nms,
    detr,
    detr_raw,
    efficientdet,
    end2end,
    fastestdet,
    fcos,
    mediapipe_landmarks,
    mmdetection,
    movenet,
    named_heads,
    nanodet,
    paddle,
    picodet,
    retinaface,
    retinanet,
    rtmdet_raw,
    scrfd,
    simcc,
    ssd,
    ssd_decoded,
    tfod,
    torchvision,
    yolo_corners,
    yolo_obb,
    yolo_pose,
    yolo_raw,
    yolo_segment,
    yolov4,
    yolov5,
    yolov6,
    yolov8,
    yolov8_raw_tasks,
    yolov8_split,
    yolox,
    yunet,
)

__all__ = ["BUILTIN"]

BUILTIN: tuple[Decoder, ...] = (
    # one anchor or three per cell, decoded in the graph or not
    *yolov8.DECODERS,
    *yolo_corners.DECODERS,
    *yolov5.DECODERS,
    *yolov4.DECODERS,
    *yolo_raw.DECODERS,
    *yolo_pose.DECODERS,
    *yolo_segment.DECODERS,
    *yolo_obb.DECODERS,
    *yolox.DECODERS,
    *yolov6.DECODERS,
    *centernet.DECODERS,
    *fcos.DECODERS,
    *rtmdet_raw.DECODERS,
    *cell_boxes.DECODERS,
    *cell_bests.DECODERS,
    *fastestdet.DECODERS,
    # a distribution for each side
    *nanodet.DECODERS,
    *picodet.DECODERS,
    *yolov8_split.DECODERS,
    *yolov8_raw_tasks.DECODERS,
    # offsets from prior boxes
    *ssd_decoded.DECODERS,
    *ssd.DECODERS,
    *efficientdet.DECODERS,
    *retinanet.DECODERS,
    # faces
    *blazeface.DECODERS,
    *centerface.DECODERS,
    *retinaface.DECODERS,
    *scrfd.DECODERS,
    *yunet.DECODERS,
    # finished rows
    *end2end.DECODERS,
    *tfod.DECODERS,
    *coreml_nms.DECODERS,
    *detr.DECODERS,
    *paddle.DECODERS,
    *detr_raw.DECODERS,
    *torchvision.DECODERS,
    *mmdetection.DECODERS,
    # poses
    *simcc.DECODERS,
    *movenet.DECODERS,
    *mediapipe_landmarks.DECODERS,
    # whole pictures
    *classify.DECODERS,
    # as the user says
    *named_heads.DECODERS,
)
