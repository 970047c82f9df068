"""The best class of every cell or anchor, nothing suppressed: DeepStream-Yolo's exports and Qualcomm AI Hub's.

[1, N, 6]: x1 y1 x2 y2, score, class; or boxes [1, N, 4], scores and classes [1, N] or [1, N, 1].
With three anchors per cell it is a YOLOv5 or its like. One per cell may be any family, and they are fed differently.
Source: the layouts of github.com/marcoslucianops/DeepStream-Yolo (MIT), `utils`, and github.com/qualcomm/ai-hub-models
(BSD-3-Clause), `qai_hub_models/models/_shared/yolo`; what each is fed as in `yolov5` and `cell_boxes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.heads import box_formats, finished_rows, value_checks
from edgerun.heads.class_columns import unsuppressed
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

PLAIN = "0.00392157"
HABITS = {
    "mean": {
        f'resize="letterbox", color="rgb", scale={PLAIN}, mean=0': "YOLOv6 to YOLOv12, YOLO-NAS",
        'resize="letterbox-topleft", color="bgr", scale=1, mean=0': "YOLOX",
        f'resize="stretch", color="rgb", scale={PLAIN}, mean=0': "PP-YOLOE+",
    }
}

CONVENTIONS: Mapping[str, Any] = {"resize": "letterbox", "color": "rgb", "scale": 1 / 255, "fill": 114}


def _table(outputs: Arrays, roles: Mapping[str, str]) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Boxes [N, 4], scores [N] and classes [N]."""
    if len(outputs) == 1:
        (rows,) = (array[0] for array in outputs.values())
        return rows[:, :4], rows[:, 4], rows[:, 5]
    by_role = {roles[name]: array[0] for name, array in outputs.items()}
    return by_role["boxes"], by_role["scores"].reshape(-1), by_role["classes"].reshape(-1)


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    boxes, scores, classes = _table(outputs, frame.card.outputs)
    kept = np.flatnonzero(scores >= frame.conf)
    return Candidates(boxes[kept].astype(np.float32), scores[kept], np.rint(classes[kept]).astype(np.int32))


def _bound(evidence: Evidence) -> dict[str, str]:
    """Name -> role of three outputs; {} where it cannot be told."""
    values = evidence.probe("textured")
    shapes = {spec.name: spec.shape for spec in evidence.outputs}
    boxes = [name for name, shape in shapes.items() if len(shape) == 3 and shape[0] == 1 and shape[2] == 4]
    count = shapes[boxes[0]][1] if len(boxes) == 1 else None
    flat = [name for name, shape in shapes.items() if count and shape in ((1, count), (1, count, 1))]
    stored = {spec.name: np.dtype(spec.dtype).kind for spec in evidence.outputs if spec.quantization is None}
    whole = [name for name in flat if stored.get(name) in ("i", "u")]
    whole = whole or [name for name in flat if value_checks.integers(values[name])]
    scores = [name for name in flat if name not in whole and value_checks.shares(values[name])]
    if len(shapes) != 3 or len(whole) != 1 or len(scores) != 1:
        return {}
    return {boxes[0]: "boxes", scores[0]: "scores", whole[0]: "classes"}


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    if card.task != "detect":
        return Match(Sure.NO, f"it reads detect models, not {card.task}")
    shapes = [spec.shape for spec in evidence.outputs]
    single = len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][0] == 1 and shapes[0][2] == 6
    roles = _bound(evidence) if len(shapes) == 3 else {}
    if not single and not roles:
        return Match(Sure.NO, "it needs one output [1, N, 6], or boxes [1, N, 4], scores [1, N] and classes [1, N]")
    if lost := next(filter(None, map(value_checks.coarse, evidence.outputs[: 1 if single else 0])), ""):
        return Match(Sure.NO, lost)
    boxes, scores, classes = _table(evidence.probe("textured"), roles)
    count = len(finished_rows.filled(np.concatenate((boxes, scores[:, None], classes[:, None]), axis=1)))
    per_cell, strides = unsuppressed(scores, count, card.height, card.width)
    if not per_cell or count != len(boxes):
        return Match(Sure.NO, f"{len(boxes)} rows are not those of all cells, in no order of score")
    if wrong := finished_rows.misfit(boxes, scores, classes):
        return Match(Sure.NO, wrong)
    if wrong := box_formats.misread(boxes, "x1 y1 x2 y2", card.height, card.width, strides, per_cell):
        return Match(Sure.NO, wrong)
    if card.labels and classes.max() >= len(card.labels):
        return Match(Sure.NO, f"a probe run gives class {classes.max():.0f} of {len(card.labels)} labels")
    basis = dict.fromkeys(CONVENTIONS, "convention: YOLO is trained so")
    basis["box_units"] = f"inferred: boxes of a probe run reach {np.abs(boxes).max():.4g}"
    conventions = {**CONVENTIONS, "box_units": "unit" if value_checks.unit(boxes) else "pixels"}
    if roles:
        conventions["outputs"], basis["outputs"] = roles, "inferred: shapes, and values of a probe run"
    kind = "cells" if per_cell == 1 else "anchors, three per cell"
    why = f"{count} rows of a box, a score and a class for all {kind}, not suppressed"
    return Match(Sure.LIKELY, why, conventions, basis, HABITS if per_cell == 1 else {})


DECODERS = (Decoder("cell-bests", _matches, _decode),)
