"""TensorFlow Object Detection heads after their own suppression: boxes, classes, scores, count.

boxes [1, N, 4] y1 x1 y2 x2 in 0..1, classes [1, N], scores [1, N], count [1]. The order differs between TF1, TF2 and
MediaPipe, so each output is bound by what it is: the card's `outputs`, then names, then shapes and values.
Source: TFLite_Detection_PostProcess in LiteRT (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.boxes import yxyx_to_xyxy
from edgerun.card import labels
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure, TensorSpec
from edgerun.heads import finished_rows, image_inputs, value_checks

__all__ = ["DECODERS"]

ROLES = ("boxes", "classes", "scores", "count")
CORNERS = "boxes x1y1x2y2"
"""The role of boxes that say so in their metadata; plain "boxes" are y1 x1 y2 x2."""
POST_PROCESS = "TFLite_Detection_PostProcess"
"""The custom operator names its outputs after itself: boxes, then :1 classes, :2 scores, :3 count."""

FROM_ONE = "classes from 1"
"""Saved models keep the ids of the label map, which begin at 1; TFLite's operator begins at 0."""

DETECTIONS = {
    "detection_boxes": "boxes",
    "detection_classes": FROM_ONE,
    "detection_scores": "scores",
    "num_detections": "count",
}
"""As TensorFlow's saved models name them; theirs come with raw boxes and more, which are left aside."""

FROZEN = ("image_tensor", "input_tensor")
"""What saved models and frozen graphs call the picture; TFLite's converter calls it otherwise."""

ENOUGH = 10
"""Rows of a probe run with a saved model's names; without a class 0 among so many they may count from 1."""

FINAL = ("tflite", "sidecar", "edgerun")
"""Whoever counts labels as the model does; label files may begin with a background that no class number counts."""

VARIANTS = {CORNERS: "boxes", FROM_ONE: "classes"}


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {role: outputs[name] for name, role in frame.card.outputs.items()}
    # the custom operator pads with rows that have no meaning
    count = int(by_role["count"].reshape(-1)[0]) if "count" in by_role else by_role["scores"].shape[-1]
    scores = by_role["scores"].reshape(-1)[:count]
    kept = np.flatnonzero(scores >= frame.conf)
    stored = by_role[CORNERS if CORNERS in by_role else "boxes"].reshape(-1, 4)[kept]
    boxes = stored.astype(np.float32) if CORNERS in by_role else yxyx_to_xyxy(stored)
    numbers = by_role[FROM_ONE] - 1 if FROM_ONE in by_role else by_role["classes"]
    classes = np.rint(numbers.reshape(-1)[kept]).astype(np.int32)
    return Candidates(boxes, scores[kept].astype(np.float32), classes)


def _bound(evidence: Evidence) -> tuple[Mapping[str, str], str]:
    """Name -> role, and how that is known; {} where it is not."""
    given = evidence.card.outputs
    if {"boxes", "classes", "scores"} <= {VARIANTS.get(role, role) for role in given.values()}:
        return given, evidence.card.source("outputs")
    names = [spec.name for spec in evidence.outputs]
    if len(names) > len(ROLES):
        detections = {name: role for name in names if (role := DETECTIONS.get(name.split(":")[0]))}
        return (detections if len(detections) == len(ROLES) else {}), "inferred: the names of a saved model's outputs"
    if all(name.startswith(POST_PROCESS) for name in names):
        return dict(zip(sorted(names), ROLES, strict=True)), f"inferred: outputs of {POST_PROCESS}"
    by_name = {name: role for name in names if (role := _role_by_name(name))}
    if sorted(by_name.values()) == sorted(ROLES) and _plausible(by_name, evidence):
        if evidence.image.name.split(":")[0] in FROZEN:
            by_name = {name: FROM_ONE if role == "classes" else role for name, role in by_name.items()}
        return by_name, "inferred: the names of the outputs"
    return _by_value(evidence), "inferred: shapes, and values of a probe run"


def _plausible(by_name: Mapping[str, str], evidence: Evidence) -> bool:
    """Whether shapes and a probe run allow what the names say; some exporters mix the names of the four up."""
    shapes = {by_name[spec.name]: spec.shape for spec in evidence.outputs}
    if shapes["boxes"][-1:] != (4,) or len(shapes["boxes"]) != 3 or len(shapes["count"]) > 1:
        return False
    values = {by_name[name]: array for name, array in evidence.probe("textured").items()}
    return not values["classes"].size or (
        value_checks.integers(values["classes"]) and value_checks.shares(values["scores"])
    )


def _role_by_name(name: str) -> str:
    name = name.lower()
    for word, role in (
        ("num_det", "count"),
        ("count", "count"),
        ("box", "boxes"),
        ("class", "classes"),
        ("score", "scores"),
    ):
        if word in name:
            return role
    return ""


def _by_value(evidence: Evidence) -> dict[str, str]:
    values = evidence.probe("textured")
    found: dict[str, str] = {}
    flat: list[TensorSpec] = []
    for spec in evidence.outputs:
        if values[spec.name].size == 1 and len(spec.shape) <= 1:
            found[spec.name] = "count"
        elif spec.shape[-1:] == (4,) and len(spec.shape) == 3:
            found[spec.name] = "boxes"
        else:
            flat.append(spec)
    if sorted(found.values()) != ["boxes", "count"]:
        return {}
    whole = [spec for spec in flat if value_checks.integers(values[spec.name])]
    fractions = [spec for spec in flat if value_checks.shares(values[spec.name]) and spec not in whole]
    if len(whole) == len(fractions) == 1:
        found[whole[0].name], found[fractions[0].name] = "classes", "scores"
        return found
    return {}


def _wrong(values: Arrays, evidence: Evidence) -> str:
    """Why what a probe run gives are no finished detections in 0..1; "" where they may be."""
    role = CORNERS if CORNERS in values else "boxes"
    boxes, scores = values[role].reshape(-1, 4), values["scores"].reshape(-1)
    numbers = values[FROM_ONE if FROM_ONE in values else "classes"].reshape(-1)
    if not len(boxes) == len(scores) == len(numbers):
        return "boxes, classes and scores are not of the same number"
    count = int(values["count"].reshape(-1)[0]) if "count" in values and values["count"].size else len(boxes)
    meant = np.zeros(len(boxes), bool)
    meant[: max(0, count)] = True
    meant &= boxes.any(axis=1)
    boxes, scores, numbers = boxes[meant], scores[meant], numbers[meant]
    if not len(boxes):
        return ""
    if not value_checks.unit(boxes):
        return f"boxes of a probe run reach {np.abs(boxes).max():.4g}, where TensorFlow's detectors give 0..1"
    if wrong := finished_rows.misfit(boxes, scores, numbers):
        return wrong
    first = 1 if FROM_ONE in values else 0
    if (numbers < first).any():
        return "a probe run gives class 0, where classes should count from 1"
    labels = len(evidence.card.labels)
    if labels and numbers.max() - first >= labels:
        return f"a probe run gives class {numbers.max():.0f} of {labels} labels"
    return ""


def _background_counted(values: Arrays, bound: Mapping[str, str], evidence: Evidence) -> bool | None:
    """Whether the classes count a background that the labels begin with; None where a probe run does not tell."""
    said = evidence.card.source("outputs") in ("argument", "sidecar", "edgerun metadata")
    if FROM_ONE in values or said:
        return False
    numbers = values["classes"].reshape(-1)[values["scores"].reshape(-1) > 0]
    if (numbers == 0).any() or not len(numbers):
        return False
    return True if (numbers == len(evidence.card.labels) - 1).any() else None


def _readings(bound: Mapping[str, str], first: str) -> Mapping[str, str]:
    from_one = {name: FROM_ONE if role == "classes" else role for name, role in bound.items()}
    return {f"outputs={dict(bound)}": f"class 0 is {first}", f"outputs={from_one}": f"class 1 is {first}"}


def _counting(values: Arrays, bound: Mapping[str, str]) -> Mapping[str, str]:
    """The readings that are alive, for `Match.unsettled`; {} where it is known from which number classes count."""
    told = any(name.split(":")[0] in DETECTIONS for name in bound)
    if not told or "classes" not in values or len(values["classes"].reshape(-1)) < ENOUGH:
        return {}
    if not values["scores"].any() or values["classes"].min() < 1:
        return {}
    from_one = {name: FROM_ONE if role == "classes" else role for name, role in bound.items()}
    return {f"outputs={dict(bound)}": "TFLite's operator, from 0", f"outputs={from_one}": "saved models, from 1"}


def _matches(evidence: Evidence) -> Match:
    if len(evidence.outputs) < len(ROLES):
        return Match(Sure.NO, "it needs four outputs")
    if not any(len(spec.shape) == 3 and spec.shape[-1] == 4 for spec in evidence.outputs):
        return Match(Sure.NO, "none of the outputs is boxes [1, N, 4]")
    bound, how = _bound(evidence)
    if not bound:
        return Match(Sure.NO, "which output holds scores and which classes cannot be told; say it by `outputs`")
    card = evidence.card
    values = {role: evidence.probe("textured")[name] for name, role in bound.items()}
    open_counts: Mapping[str, str] = {}
    if labels.without_background(card.labels) and not card.source("labels").startswith(FINAL):
        counted = _background_counted(values, bound, evidence)
        if counted is False:
            return Match(Sure.NO, "the labels begin with a background, which finished detections do not count")
        if counted is None:
            open_counts = _readings(bound, card.labels[1])
    if wrong := _wrong(values, evidence):
        return Match(Sure.NO, wrong)
    fields, basis = image_inputs.tensorflow(evidence)
    conventions: dict[str, Any] = {
        **fields, "outputs": bound, "resize": "stretch", "box_units": "unit", "suppressed": True,
    }  # fmt: skip
    basis |= {"outputs": how, "resize": "convention: TensorFlow's detectors are trained so"}
    basis["box_units"] = "convention: TensorFlow's detectors answer so"
    basis["suppressed"] = "inferred: boxes, classes, scores and count are finished detections"
    counts = open_counts or _counting(values, bound)
    why = f"boxes, classes, scores and count ({how})"
    # who has named the outputs otherwise than for this has not said how classes count
    unsettled = {"counting" if open_counts else "outputs": counts} if counts else {}
    return Match(Sure.CERTAIN, why, conventions, basis, unsettled)


DECODERS = (Decoder("tfod", _matches, _decode, suppress=False),)
