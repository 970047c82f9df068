"""DETR's kin without their post-processing: a box and a row of class logits for each query.

logits [1, Q, C], boxes [1, Q, 4] cx cy w h in 0..1; perhaps masks [1, Q, h, w] before the sigmoid.
"detr-softmax" (DETR, YOLOS, Table Transformer): the last class is "no object"; score = the largest other share.
"detr-sigmoid" (Deformable and Conditional DETR, RT-DETR, D-FINE, DEIM, LW-DETR, RF-DETR): each class stands alone, and
of all pairs of query and class the Q best are answers, so that a box may come twice.
Source: Carion et al., arXiv 2005.12872; Zhu et al., arXiv 2010.04159; the `post_process_object_detection` of each
family in transformers (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.graphs import output_kinds
from edgerun.heads import box_formats, grids, image_inputs, input_conventions, value_checks
from edgerun.heads import scores as scoring
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["DECODERS"]

ASPECT_KEPT: dict[str, Any] = {**image_inputs.IMAGENET, "resize": "letterbox-topleft", "fill": (124, 116, 104)}
"""The border is nought after normalising, so it has the colour of the mean."""

MEANS = {
    input_conventions.PLAIN: "RT-DETR, D-FINE, DEIM",
    input_conventions.IMAGENET: "RF-DETR, LW-DETR, Deformable and Conditional DETR",
}
FITS = {
    'resize="stretch"': "RT-DETR, D-FINE, DEIM, RF-DETR, LW-DETR",
    'resize="letterbox-topleft"': "Deformable and Conditional DETR",
}

LARGEST_LOGIT = 60.0
"""Beyond it a sigmoid is 0 or 1 in any float; values that are larger are pixels."""

RARE, MOST = 0.05, 0.5
"""Of a probe run's queries or logits: hardly any, most."""


def _decode(outputs: Arrays, frame: Frame, *, softmax: bool) -> Candidates:
    by_role = {frame.card.outputs[name]: array[0] for name, array in outputs.items()}
    shares = by_role["scores"] if "scores" in by_role else by_role["logits"]
    if softmax:
        shares = shares if "scores" in by_role else scoring.softmax(shares)
        queries, scores, classes = scoring.best(shares[:, :-1], frame.conf)
    else:
        shares = (shares if "scores" in by_role else scoring.sigmoid(shares)).reshape(-1)
        pairs = np.flatnonzero(shares >= frame.conf)
        pairs = pairs[np.argsort(-shares[pairs], kind="stable")[: len(by_role["boxes"])]]
        width = shares.size // max(1, len(by_role["boxes"]))
        queries, classes, scores = pairs // width, (pairs % width).astype(np.int32), shares[pairs].astype(np.float32)
    masks = _flattened(by_role["masks"][queries]) if "masks" in by_role else None
    return Candidates(cxcywh_to_xyxy(by_role["boxes"][queries].astype(np.float32)), scores, classes, masks=masks)


def _flattened(logits: AnyArray) -> FloatArray:
    """Logits of masks in 0..1 such that 0 is the half: the family enlarges logits, not shares."""
    return np.asarray(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT) / (2 * LARGEST_LOGIT) + 0.5, np.float32)


def _boxes(values: AnyArray, *, named: bool) -> bool:
    """Whether columns are cx cy w h in 0..1: widths are no far corners, which never lie left of the near ones."""
    sides = values[:, 2:]
    if not value_checks.unit(values) or sides.min() < -value_checks.TOLERANCE:
        return False
    return named or bool((sides < values[:, :2]).any())


def _bound(evidence: Evidence) -> Mapping[str, str]:
    """Name -> "boxes", "logits", "scores" or "masks"; {} where it is not so."""
    shapes = {spec.name: spec.shape for spec in evidence.outputs}
    masks = [name for name, shape in shapes.items() if len(shape) == 4]
    rows = [name for name, shape in shapes.items() if len(shape) == 3]
    queries = {shape[:2] for shape in shapes.values()}
    if len(rows) != 2 or len(masks) > 1 or len(shapes) != len(rows) + len(masks) or len(queries) != 1:
        return {}
    if evidence.card.outputs:
        roles = dict(evidence.card.outputs)
        kinds = (["boxes", "logits"], ["boxes", "scores"], ["boxes", "logits", "masks"], ["boxes", "masks", "scores"])
        return roles if set(roles) == set(shapes) and sorted(roles.values()) in kinds else {}
    values, named = evidence.probe("textured"), evidence.card.decoder is not None
    boxes = [name for name in rows if shapes[name][2] == 4 and shapes[name][1]]
    boxes = [name for name in boxes if _boxes(values[name][0], named=named)]
    if len(boxes) == 2:  # shares of four classes look like boxes
        boxes = [name for name in boxes if "box" in name.lower() or name == "dets"]
    if len(boxes) != 1:
        return {}
    (classes,) = (name for name in rows if name != boxes[0])
    if np.abs(values[classes]).max() > LARGEST_LOGIT:
        return {}
    shares = not output_kinds.unfinished(evidence, classes)
    shares = shares and all(value_checks.shares(evidence.probe(kind)[classes]) for kind in ("textured", "blank"))
    return {boxes[0]: "boxes", classes: "scores" if shares else "logits", **dict.fromkeys(masks, "masks")}


def _reading(evidence: Evidence, name: str, *, scores: bool) -> tuple[set[str], str]:
    """Which of "softmax" and "sigmoid" the class outputs allow, and why; by values only where none is named."""
    runs = [evidence.probe(kind)[name][0] for kind in ("textured", "blank")]
    classes, labels = runs[0].shape[1], len(evidence.card.labels)
    if labels and labels not in (classes, classes - 1):
        return set(), f"{classes} columns are not {labels} labels, nor these and a no-object class"
    room = {"sigmoid"} if classes == 1 or labels == classes else {"softmax", "sigmoid"}
    named = evidence.card.decoder is not None
    told = "by its name; a no-object class has no room" if len(room) == 1 else "by its name"
    if not all(np.isfinite(run).all() for run in runs):
        return set(), "a probe run gives what is no number"
    shares = runs if scores else [scoring.softmax(run) for run in runs]
    common = int(np.bincount(np.concatenate([run.argmax(axis=1) for run in runs])).argmax())
    readings, why = {"softmax", "sigmoid"}, "probe runs do not tell whether the last class is no object"
    if classes > 1 and min(float((share[:, common] > MOST).mean()) for share in shares) > MOST:
        if common != classes - 1 and named:
            return room, told
        if common != classes - 1:
            return set(), f"class {common} is the answer of most rows in both probe runs, as a background would be"
        readings, why = {"softmax"}, "the last class, no object, is the answer of most queries in both probe runs"
    else:
        answers = max(float((run > (MOST if scores else 0)).mean()) for run in runs)
        last = max(float((run.argmax(axis=1) == classes - 1).mean()) for run in runs)
        if answers < RARE and (classes == 1 or last < min(MOST, RARE + 2 / classes)):
            readings, why = {"sigmoid"}, "hardly any class answers in both probe runs, the last no more than the others"
    if named and len(readings) == 2:
        return room, told
    if scores:
        summed = all(value_checks.sum_to_one(run) for run in runs)
        readings, why = readings & {"softmax" if summed else "sigmoid"}, f"{why}; sums {'' if summed else 'not '}1"
    return readings & room, why


def _conventions(evidence: Evidence, softmax: bool) -> tuple[dict[str, Any], str, Mapping[str, Mapping[str, str]]]:
    """(fields, why, what is left open)."""
    card = evidence.card
    if softmax:
        return ASPECT_KEPT, "convention: DETR and YOLOS are trained so", {}
    if {spec.name for spec in evidence.outputs} - {"masks"} == {"dets", "labels"}:
        return (
            {**image_inputs.IMAGENET, "resize": "stretch"},
            "convention: RF-DETR, whose exporter gives these names",
            {},
        )
    if any(spec.name == "pixel_mask" for spec in evidence.inputs):
        return ASPECT_KEPT, "convention: a model that takes a pixel_mask sees whole pictures with a border", {}
    plain = {"color": "rgb", "scale": 1 / 255}
    if evidence.known("mean") and not any(card.mean):
        return {**plain, "resize": "stretch"}, "convention: RT-DETR, D-FINE and DEIM are trained so", {}
    return (
        {**plain, "fill": ASPECT_KEPT["fill"]},
        "convention: all of them are trained so",
        {"mean": MEANS} | {"resize": FITS},
    )


def _matches(evidence: Evidence, *, softmax: bool) -> Match:
    card = evidence.card
    bound = _bound(evidence)
    if not bound:
        return Match(
            Sure.NO, "it needs logits [1, Q, C] and boxes [1, Q, 4], cx cy w h in 0..1, that can be told apart"
        )
    if evidence.known("task") and card.task not in ("detect", "segment"):
        return Match(Sure.NO, f"it reads detect and segment models, not {card.task}")
    scores = "scores" in bound.values()
    name = next(name for name, role in bound.items() if role in ("scores", "logits"))
    shape = next(spec.shape for spec in evidence.outputs if spec.name == name)
    readings, why = _reading(evidence, name, scores=scores)
    if ("softmax" if softmax else "sigmoid") not in readings:
        return Match(Sure.NO, why)
    boxes = next(evidence.probe("textured")[name][0] for name, role in bound.items() if role == "boxes")
    if wrong := box_formats.outside(boxes, "cx cy w h"):
        return Match(Sure.NO, wrong)
    fields, reason, unsettled = _conventions(evidence, softmax)
    conventions = {**fields, "box_units": "unit", "outputs": bound}
    basis = dict.fromkeys(fields, reason) | {"box_units": "inferred: boxes of a probe run are cx cy w h in 0..1"}
    basis["outputs"] = "inferred: shapes, and values of a probe run"
    if "masks" in bound.values():
        conventions["task"], basis["task"] = "segment", "inferred: there are masks"
    grid = any(grids.ladder_of(shape[1] or 0, card.height, card.width, each) for each in (1, 3))
    # a head that gives shares of boxes on a grid is more likely of another family
    sure = Sure.POSSIBLE if grid or len(readings) > 1 else Sure.LIKELY
    return Match(sure, f"{shape[1]} queries with {shape[2]} classes; {why}", conventions, basis, unsettled)


DECODERS = (
    Decoder("detr-softmax", partial(_matches, softmax=True), partial(_decode, softmax=True), suppress=False),
    Decoder("detr-sigmoid", partial(_matches, softmax=False), partial(_decode, softmax=False), suppress=False),
)
