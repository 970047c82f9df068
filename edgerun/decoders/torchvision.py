"""torchvision's detectors with everything inside: Faster, Mask and Keypoint R-CNN, RetinaNet, FCOS, SSD; and their kin.

boxes [N, 4] x1 y1 x2 y2 in pixels of the input, labels [N], scores [N], perhaps masks [N, 1, h, w] in 0..1 over the
input or the box, or keypoints [N, K, 3] x y visibility and their logits [N, K], which are left aside; N differs from
picture to picture and may be 0. The first axis of a batch may be there or not.
Labels count as the file counts them. Where names are given whose first is no background, it must be said whether the
first of them is label 0 (role "classes") or label 1 (role "classes from 1").
Source: torchvision.models.detection (BSD-3-Clause), `generalized_rcnn.py`, `transform.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.decoders import cell_bests
from edgerun.heads import input_conventions, region_masks, value_checks
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

BACKGROUNDS = ("background", "__background__", "bg", "n/a", "???")
FROM_ONE, LOGITS = "classes from 1", "keypoint logits"
KEYS = {"boxes", "labels", "scores", "masks", "keypoints", "keypoints_scores"}
"""The names that torchvision gives to its results."""

CONVENTIONS: dict[str, Any] = {
    "color": "rgb", "scale": 1 / 255, "resize": "letterbox-topleft", "fill": (124, 116, 104), "suppressed": True,
    "box_units": "pixels",
}  # fmt: skip
BASIS = dict.fromkeys(CONVENTIONS, "convention: torchvision normalises and suppresses inside")
HABITS = {
    "mean": {
        input_conventions.PLAIN: "torchvision, which normalises inside",
        'color="bgr", scale=1, mean=(102.98, 115.95, 122.77)': "maskrcnn-benchmark and the ONNX model zoo",
    }
}


BATCHED_HABITS = HABITS | {
    "resize": {'resize="letterbox-topleft"': "torchvision", 'resize="stretch"': "RT-DETR and its kin"},
}
"""With the axis of a batch it may as well be a DETR with its post-processing inside."""


def _bare(outputs: Arrays) -> dict[str, AnyArray]:
    """Without the axis of a batch of one; [N, 1, h, w] as [N, h, w]."""
    batched = any(array.ndim == 3 and array.shape[0] == 1 and array.shape[2] == 4 for array in outputs.values())
    bare = {name: array[0] if batched and array.ndim else array for name, array in outputs.items()}
    return {name: array[:, 0] if array.ndim == 4 else array for name, array in bare.items()}


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {frame.card.outputs[name]: array for name, array in _bare(outputs).items()}
    kept = np.flatnonzero(by_role["scores"] >= frame.conf)
    first = 1 if FROM_ONE in by_role else 0
    classes = np.rint(by_role[FROM_ONE if first else "classes"][kept]).astype(np.int32) - first
    masks = region_masks.columns(by_role["masks"][kept], frame) if "masks" in by_role else {}
    points = by_role["keypoints"][kept].astype(np.float32) if "keypoints" in by_role else None
    return Candidates(by_role["boxes"][kept].astype(np.float32), by_role["scores"][kept], classes, points, **masks)


def _bound(evidence: Evidence, values: Mapping[str, AnyArray]) -> dict[str, str]:
    """Name -> role; {} where it cannot be told. Shapes are those of a run; files give them wrongly or not at all."""
    kinds = {spec.name: np.dtype(spec.dtype).kind for spec in evidence.outputs}
    boxes = [name for name, array in values.items() if array.ndim == 2 and array.shape[1] == 4]
    flat = [name for name, array in values.items() if array.ndim == 1]
    points = [name for name, array in values.items() if array.ndim == 3 and array.shape[2] == 3]
    logits = [name for name, array in values.items() for each in points if array.shape == values[each].shape[:2]]
    boxes = [name for name in boxes if name not in logits]
    masks = [name for name, array in values.items() if array.ndim == 3 and name not in points]
    further = dict.fromkeys(masks, "masks") | dict.fromkeys(points, "keypoints") | dict.fromkeys(logits, LOGITS)
    if (len(boxes), len(flat)) != (1, 2) or len(further) > 2 or len(values) != 3 + len(further):
        return {}
    if list(further.values()) not in ([], ["masks"], ["keypoints"], ["keypoints", LOGITS]):
        return {}
    if len({len(array) for array in values.values()}) != 1:
        return {}
    whole = [name for name in flat if kinds[name] in "iu"]
    if not whole and len(values[boxes[0]]):
        whole = [name for name in flat if value_checks.integers(values[name])]
    whole = whole or [name for name in flat if name == "labels"]
    scores = [name for name in flat if name not in whole]
    if len(whole) != 1 or (values[scores[0]].size and not value_checks.shares(values[scores[0]])):
        return {}
    return {boxes[0]: "boxes", whole[0]: "classes", scores[0]: "scores", **further}


def _counting(evidence: Evidence, bound: dict[str, str], labels: AnyArray) -> tuple[str, dict[str, str]]:
    """("classes", {}) where names and labels agree, else the readings that are alive, for `Match.unsettled`."""
    names = evidence.card.labels
    if not names or names[0].lower() in BACKGROUNDS or (labels == 0).any():
        return "classes", {}
    if (labels == len(names)).any():
        return FROM_ONE, {}
    told = {
        role: {name: role if kind == "classes" else kind for name, kind in bound.items()}
        for role in ("classes", FROM_ONE)
    }
    return "classes", {
        f"outputs={told['classes']}": f"label 0 is {names[0]}",
        f"outputs={told[FROM_ONE]}": f"label 0 is a background, label 1 is {names[0]}",
    }


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    if len(evidence.outputs) not in (3, 4, 5) or any(spec.name == "orig_target_sizes" for spec in evidence.inputs):
        return Match(Sure.NO, "it needs boxes [N, 4], labels [N] and scores [N], and no input orig_target_sizes")
    values = _bare(evidence.probe("textured"))
    said = dict(card.outputs) if {"boxes", "scores"} <= set(card.outputs.values()) else {}
    bound = said or _bound(evidence, values)
    if not bound or set(bound) != set(values):
        return Match(Sure.NO, "its outputs are not boxes [N, 4], labels [N], scores [N] and perhaps masks or keypoints")
    by_role = {role: values[name] for name, role in bound.items()}
    if len(by_role["boxes"]) and (by_role["boxes"][:, 2:] < by_role["boxes"][:, :2]).any():
        return Match(Sure.NO, "the boxes of a probe run are not x1 y1 x2 y2")
    scores = by_role["scores"]
    if cell_bests.unsuppressed(scores, len(scores), card.height, card.width)[0]:
        return Match(
            Sure.NO, f"{len(scores)} rows in no order of score, one for each anchor of a grid, are not finished"
        )
    batched = values.keys() and any(
        array.ndim == 3 and array.shape[2] == 4 for array in evidence.probe("textured").values()
    )
    unit = bool(len(by_role["boxes"])) and value_checks.unit(by_role["boxes"])
    if unit and not batched:
        return Match(Sure.NO, "the boxes of a probe run are in 0..1, where torchvision gives pixels")
    labels = by_role.get("classes", by_role.get(FROM_ONE, np.empty(0)))
    role, open_counts = ("classes", {}) if said else _counting(evidence, bound, labels)
    if card.labels and labels.size and labels.max() > len(card.labels):
        return Match(Sure.NO, f"a probe run gives label {labels.max():.0f} of {len(card.labels)} labels")
    if not said:
        bound = {name: role if kind == "classes" else kind for name, kind in bound.items()}
    further = [role for role in ("masks", "keypoints") if role in bound.values()]
    task = {"masks": "segment", "keypoints": "pose"}[further[0]] if further else "detect"
    fields = {**CONVENTIONS, "outputs": bound, "task": task}
    basis = {**BASIS, "outputs": "inferred: shapes, types, and values of a probe run", "task": "inferred: the outputs"}
    if batched:
        fields["box_units"], basis["box_units"] = "unit" if unit else "pixels", "inferred: boxes of a probe run"
    unsettled = {"outputs": open_counts} if open_counts else {}
    unsettled |= BATCHED_HABITS if batched else {} if set(bound) <= KEYS else HABITS
    if "keypoints" in by_role:
        fields |= {"keypoints": by_role["keypoints"].shape[1], "keypoint_dims": 3}
        basis |= dict.fromkeys(("keypoints", "keypoint_dims"), "inferred: the outputs")
    why = f"{', '.join(('boxes', 'labels', *further))} and scores of {labels.size} finished detections"
    return Match(Sure.LIKELY, why, fields, basis, unsettled)


DECODERS = (Decoder("torchvision", _matches, _decode, suppress=False),)
