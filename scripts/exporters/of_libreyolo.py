"""LibreYOLO's detection families, random weights, as it exports them to ONNX, against its own back end for ONNX."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from judging import Image, Line, Rows, judged, named

FAMILIES = (
    "YOLO2", "YOLO3", "YOLO4", "YOLO7", "YOLO9", "YOLO9E2E", "YOLO9P2", "YOLONAS", "YOLOX", "RTDETR", "RTDETRv4",
    "RFDETR", "DFINE", "DEIM", "DEIMv2", "TinyFormer", "DETR", "DeformableDETR", "DINODETR", "LWDETR", "RTDETRv2",
    "FCOS", "FasterRCNN", "RetinaNet", "SSD", "CenterNet", "EfficientDet", "EC", "GTR", "PICODET", "PPYOLOE", "RTMDet",
)  # fmt: skip


def lines(folder: Path) -> Iterator[Line]:
    """A line for each family, the smallest of its sizes."""
    logging.disable(logging.WARNING)
    for family in FAMILIES:
        file = folder / f"{family}.onnx"
        try:
            _export(family, file)
        except Exception as cause:  # whatever an exporter raises is what the table is to say
            yield Line(named("libreyolo"), family, "not made", f"{type(cause).__name__}: {cause}".splitlines()[0][:200])
            continue
        yield judged(named("libreyolo"), family, file, _reference(file))
        file.unlink()


def _export(family: str, file: Path) -> None:
    """Weights as its training begins with; batch normalisation has seen noise, so that activations keep their size."""
    import libreyolo
    import torch

    kind: Any = getattr(libreyolo, f"Libre{family}")
    model = kind._from_scratch(size=next(iter(kind.INPUT_SIZES)), nb_classes=80, device="cpu")
    for parameter in model.model.parameters():
        if parameter.dim() > 1 and not parameter.any():  # some heads begin with nought, and all scores would be alike
            torch.nn.init.normal_(parameter, std=0.02)
    normalising = [part for part in model.model.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    for part in normalising:
        part.momentum = None
        part.reset_running_stats()
    model.model.eval()
    for part in normalising:
        part.train()
    with torch.no_grad():
        model.model(torch.rand(1, 3, *(model._get_input_size(),) * 2))
    model.model.eval()
    model.export(format="onnx", output_path=str(file))


def _reference(file: Path) -> Any:
    import cv2
    from libreyolo.backends.onnx import OnnxBackend

    backend = OnnxBackend(str(file), device="cpu")

    def rows(image: Image, conf: float, iou: float) -> Rows:
        place = file.with_suffix(".png")
        cv2.imwrite(str(place), image)
        found = backend(str(place), conf=conf, iou=iou, max_det=1000)
        boxes = (found[0] if isinstance(found, list) else found).boxes
        corners = np.clip(np.asarray(boxes.xyxy).reshape(-1, 4), 0, np.tile(image.shape[1::-1], 2))
        return np.column_stack([corners, np.asarray(boxes.conf).ravel(), np.asarray(boxes.cls).ravel()]).astype(float)

    return rows
