"""Boxes, scores and the indices that ONNX's NonMaxSuppression chose of them, each an output of its own.

boxes [1, M, 4], scores [1, C, M], indices [N, 3] or [1, N, 3]: number in the batch, class, row; -1 pads them. The
operator takes corners in any order, y first by its own text, so that the file does not tell: the role of the boxes is
"boxes x1y1x2y2" or "boxes y1x1y2x2". tiny-yolov3 of the ONNX model zoo has an input `image_shape` and puts y first.
Source: onnx 1.19, NonMaxSuppression-11; https://github.com/onnx/models (Apache-2.0), tiny-yolov3; keras-yolo3 (MIT) at
048b152, yolo.py, for boxes top left bottom right in pixels of `image_shape` and / 255, and yolo3/utils.py at 036cd81,
`letterbox_image`, for the border of 128.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgerun.boxes import yxyx_to_xyxy
from edgerun.contract import (
    Alternative,
    Arrays,
    Candidates,
    Convention,
    Decoder,
    Evidence,
    Frame,
    Inference,
    Match,
    Sure,
)
from edgerun.heads import finished_rows
from edgerun.heads.requirements import reject, require, verdict
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

X_FIRST, Y_FIRST = "boxes x1y1x2y2", "boxes y1x1y2x2"
IMAGE_SHAPE = "image_shape"

KERAS_YOLO = Convention("keras-yolo3 is run so", resize="letterbox", color="rgb", scale=1 / 255, fill=128)
SUPPRESSED = Inference("indices of the rows that are left", suppressed=True)
RANGES = (
    Alternative({"mean": 0.0}, "0..1"),
    Alternative({"scale": 1.0, "mean": 0.0}, "0..255"),
    Alternative({"mean": 0.5, "std": 0.5}, "-1..1"),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the three outputs of these names."""

    boxes: str
    scores: str
    indices: str
    y_first: bool

    def rows(self, outputs: Arrays, index: int = 0) -> tuple[FloatArray, AnyArray, AnyArray]:
        """Boxes x1 y1 x2 y2 [N, 4], scores [N] and class numbers [N] of what was chosen in one image."""
        chosen = np.rint(outputs[self.indices].reshape(-1, 3)).astype(np.intp)
        chosen = chosen[(chosen[:, 0] == index) & (chosen >= 0).all(axis=1)]
        classes, places = chosen[:, 1], chosen[:, 2]
        stored = outputs[self.boxes][index][places]
        ordered = np.concatenate(
            (np.minimum(stored[:, :2], stored[:, 2:]), np.maximum(stored[:, :2], stored[:, 2:])), 1
        )
        boxes = yxyx_to_xyxy(ordered) if self.y_first else ordered.astype(np.float32)
        return boxes, outputs[self.scores][index][classes, places].astype(np.float32), classes.astype(np.int32)

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The chosen rows that score enough.

        Raises:
            DecoderUnknown: the rows cannot be so.
        """
        boxes, scores, classes = self.rows(outputs, frame.index)
        found = finished_rows.settled(Candidates(boxes, scores, classes), boxes, scores, classes, frame)
        return found.take(scores >= frame.conf)


def _roles(evidence: Evidence) -> Mapping[str, str]:
    """Role -> output, by shapes."""
    values = evidence.probe("textured")
    shapes = {spec.name: values[spec.name].shape for spec in evidence.outputs}
    integers = [spec.name for spec in evidence.outputs if np.dtype(spec.dtype).kind in "iu"]
    indices = [name for name in integers if shapes[name][-1:] == (3,)]
    tables = [name for name, shape in shapes.items() if len(shape) == 3 and name not in indices]
    boxes = [name for name in tables if shapes[name][2] == 4]
    scores = [name for name in tables if name not in boxes]
    three = len(shapes) == 3 and len(indices) == len(boxes) == len(scores) == 1
    wanted = "it needs boxes [1, M, 4], scores [1, C, M] and indices [N, 3]"
    require(three, wanted)
    require(shapes[boxes[0]][1] == shapes[scores[0]][2], wanted)
    return {"boxes": boxes[0], "scores": scores[0], "indices": indices[0]}


@verdict
def _matches(evidence: Evidence) -> Match:
    names = _roles(evidence)
    said = evidence.card.outputs.get(names["boxes"], "")
    of_keras = IMAGE_SHAPE in [spec.name for spec in evidence.inputs]
    y_first = said == Y_FIRST or (of_keras and said != X_FIRST)
    reader, values = Reader(**names, y_first=y_first), evidence.probe("textured")
    boxes, scores, classes = reader.rows(values)
    reject(finished_rows.misfit(boxes, scores, classes))
    reject(finished_rows.mislabelled(classes, evidence.card))
    usual = "keras-yolo3" if of_keras else ""
    units = finished_rows.units(boxes[finished_rows.are_filled(boxes)], evidence, usual)
    fed = [KERAS_YOLO] if of_keras else []
    unsettled = {} if of_keras else {"mean": RANGES, "outputs": _orders(names)}
    why = f"indices of {values[names['scores']].shape[1]} classes beside boxes and scores"
    return Match.bringing(Sure.CERTAIN, why, SUPPRESSED, units, *fed, unsettled=unsettled, decode=reader)


def _orders(names: Mapping[str, str]) -> tuple[Alternative, ...]:
    """The two readings of the boxes."""
    orders = {X_FIRST: "x before y, PyTorch's exports", Y_FIRST: "y before x, as the operator has it"}
    return tuple(Alternative({"outputs": {names["boxes"]: role}}, who) for role, who in orders.items())


DECODERS = (Decoder("onnx-nms", _matches, suppress=False, batched=False),)
