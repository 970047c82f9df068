"""TensorFlow Object Detection heads after their own suppression: boxes, classes, scores, count.

boxes [1, N, 4] y1 x1 y2 x2 in 0..1, classes [1, N], scores [1, N], count [1]. The order differs between TF1, TF2 and
MediaPipe, so each output is bound by what it is: the card's `outputs`, then names, then shapes and values.
Source: TFLite_Detection_PostProcess in LiteRT (Apache-2.0) at 044e7a1, tflite/kernels/detection_postprocess.cc.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from edgerun.card.labels import without_background
from edgerun.contract import Alternative, Convention, Decoder, Evidence, Graph, Inference, Match, Sure
from edgerun.heads import finished_outputs, input_conventions, output_roles, value_checks
from edgerun.heads.counted_outputs import X_FIRST_NAMES
from edgerun.heads.finished_outputs import CORNERS, FROM_ONE, OutputsReader
from edgerun.heads.requirements import Unmet, require, verdict
from edgerun.tensors import AnyArray, TensorSpec

__all__ = ["DECODERS"]

Roles: TypeAlias = Mapping[str, str]
"""Name of an output -> its role."""

ROLES = ("boxes", "classes", "scores", "count")
POST_PROCESS = "TFLite_Detection_PostProcess"
OPERATOR = {
    POST_PROCESS: "boxes",
    f"{POST_PROCESS}:1": "classes",
    f"{POST_PROCESS}:2": "scores",
    f"{POST_PROCESS}:3": "count",
}
"""The custom operator names its outputs after itself: boxes, then :1 classes, :2 scores, :3 count."""

DETECTIONS = {
    "detection_boxes": "boxes",
    "detection_classes": FROM_ONE,
    "detection_scores": "scores",
    "num_detections": "count",
}
"""As TensorFlow's saved models name them, whose classes keep the ids of the label map and begin at 1; TFLite's operator
begins at 0. Theirs come with raw boxes and more, which are left aside."""

WORDS = {"num_det": "count", "count": "count", "box": "boxes", "class": "classes", "score": "scores"}
"""Part of a name -> role; the first that is there counts."""

FROZEN = ("image_tensor", "input_tensor")
"""What saved models and frozen graphs call the image; TFLite's converter calls it otherwise."""

ENOUGH = 10
"""Rows of a probe run with a saved model's names; without a class 0 among so many they may count from 1."""

FINAL = ("tflite", "sidecar", "edgerun")
"""Sources that count labels as the model does; label files may begin with a background that no class number counts."""

SAID = ("argument", "sidecar", "edgerun metadata")
"""Sources of `outputs` that speak of this very file."""

TENSORFLOW = (
    Convention("TensorFlow's detectors are trained so", resize="stretch"),
    Convention("TensorFlow's detectors answer so", box_units="unit"),
    Inference("boxes, classes, scores and count are finished detections", suppressed=True),
)


# ----------------------------------------------------------------------------------------------- which output is what


def _named(evidence: Evidence, role_of: Callable[[str], str | None]) -> Roles:
    """The roles of those outputs whose names have one."""
    roles = {spec.name: role_of(spec.name) for spec in evidence.outputs}
    return {name: role for name, role in roles.items() if role}


def _of_saved_model(evidence: Evidence) -> Roles:
    found = _named(evidence, lambda name: DETECTIONS.get(name.split(":")[0]))
    return found if len(found) == len(ROLES) < len(evidence.outputs) else {}


def _of_operator(evidence: Evidence) -> Roles:
    found = _named(evidence, OPERATOR.get)
    return found if len(found) == len(ROLES) == len(evidence.outputs) else {}


def _of_names(evidence: Evidence) -> Roles:
    roles = _named(evidence, _role_by_name)
    if sorted(roles.values()) != sorted(ROLES) or not _plausible(roles, evidence):
        return {}
    frozen = evidence.image.name.split(":")[0] in FROZEN
    return output_roles.renamed(roles, "classes", FROM_ONE) if frozen else roles


def _role_by_name(name: str) -> str:
    return next((role for word, role in WORDS.items() if word in name.lower()), "")


def _plausible(roles: Roles, evidence: Evidence) -> bool:
    """Whether shapes and a probe run allow what the names say; some exporters mix the names of the four up."""
    forms = {roles[spec.name]: _form(spec) for spec in evidence.outputs}
    if (forms["boxes"], forms["count"]) != ("boxes", "count"):
        return False
    values = {roles[name]: array for name, array in evidence.probe("textured").items()}
    whole = value_checks.integers(values["classes"]) and value_checks.shares(values["scores"])
    return whole or not values["classes"].size


def _form(spec: TensorSpec) -> str:
    """What an output may be by its shape alone: "count", "boxes", or "flat" for classes and scores."""
    if tuple(spec.shape) in ((), (1,)):
        return "count"
    return "boxes" if (len(spec.shape), spec.shape[-1]) == (3, 4) else "flat"


def _of_values(evidence: Evidence) -> Roles:
    forms = {spec.name: _form(spec) for spec in evidence.outputs}
    if sorted(forms.values()) != ["boxes", "count", "flat", "flat"]:
        return {}
    flat = [spec for spec in evidence.outputs if forms[spec.name] == "flat"]
    told = finished_outputs.classes_and_scores(flat, evidence.probe("textured"))
    return {**forms, **told} if told else {}


SOURCES = {
    "the names of a saved model's outputs": _of_saved_model,
    f"outputs of {POST_PROCESS}": _of_operator,
    "the names of the outputs": _of_names,
    "shapes, and values of a probe run": _of_values,
}
"""How roles are known -> name -> role, or {} where they are not; the first counts."""


def _bound(evidence: Evidence) -> tuple[Roles, str]:
    """(name -> role, how that is known)."""
    given = finished_outputs.given(evidence)
    if given:
        return given, evidence.card.source("outputs")
    for how, roles_of in SOURCES.items():
        if roles := roles_of(evidence):
            return roles, how
    raise Unmet("which output holds scores and which classes cannot be told; say it by `outputs`")


# --------------------------------------------------------------------------------------------------- what they hold


def _reader(roles: Roles, evidence: Evidence) -> OutputsReader:
    """The reader of these outputs; the operator's count counts boxes, each of which may have several rows."""
    operator = _described(evidence, "tflite.postprocess")
    found = OutputsReader.of(roles, y_first=not _ultralytics(evidence)).stored(evidence)
    each = operator.get("rows_of_each", 1)
    return replace(found, rows_of_each=each, filled_of_each=min(each, operator.get("classes", each)))


def _described(evidence: Evidence, key: str) -> Mapping[str, Any]:
    """What the file says under a key of the TFLite plugin; {} where it says nothing."""
    found: Mapping[str, Any] = json.loads(evidence.metadata.get(key, "{}"))
    return found


def _ultralytics(evidence: Evidence) -> bool:
    """Whether YOLOv5's exporter wrote the file: its TensorFlow models put x before y (v7.0, models/tf.py)."""
    return evidence.card.source("labels").startswith("ultralytics")


def _named_by_saved_models(roles: Roles) -> bool:
    return not DETECTIONS.keys().isdisjoint(name.split(":")[0] for name in roles)


def _orders(roles: Roles, evidence: Evidence) -> tuple[Alternative, ...]:
    """The two orders of x and y, where neither names, nor what is said, nor the operators of the file tell; else ()."""
    graph, said = evidence.graph(), evidence.known("outputs") or _ultralytics(evidence)
    if graph is None or said or _named_by_saved_models(roles) or _has_operator(graph):
        return ()
    x_first = output_roles.renamed(roles, "boxes", CORNERS)
    return (
        Alternative({"outputs": dict(roles)}, "y before x, TensorFlow's own detectors"),
        Alternative({"outputs": x_first}, "x before y, YOLOv5 in TensorFlow's manner"),
    )


def _has_operator(graph: Graph) -> bool:
    return any(POST_PROCESS in (node.op, node.name) for node in graph.nodes)


def _alternatives(roles: Roles, from_zero: str, from_one: str) -> tuple[Alternative, ...]:
    return (
        Alternative({"outputs": dict(roles)}, from_zero),
        Alternative({"outputs": output_roles.renamed(roles, "classes", FROM_ONE)}, from_one),
    )


def _counting(roles: Roles, reader: OutputsReader, evidence: Evidence) -> tuple[Alternative, ...]:
    """The two readings of classes where labels begin with a background; () elsewhere.

    Raises:
        Unmet: nothing may count by such labels.
    """
    card = evidence.card
    if not without_background(card.labels) or card.source("labels").startswith(FINAL):
        return ()
    _, scores, classes = reader.rows(evidence.probe("textured"))
    found = classes[scores > 0]
    may_count = len(found) > 0 and found.all() and reader.first_class == 0
    open_ = may_count and card.source("outputs") not in SAID
    require(open_, "the labels begin with a background, which finished detections do not count")
    if len(card.labels) - 1 in found:
        return ()
    first = card.labels[1]
    return _alternatives(roles, f"class 0 is {first}", f"class 1 is {first}")


def _of_names_alone(roles: Roles, reader: OutputsReader, evidence: Evidence) -> tuple[Alternative, ...]:
    """The two readings of classes where outputs have a saved model's names and no class 0 is seen; () elsewhere."""
    _, scores, classes = reader.rows(evidence.probe("textured"))
    told = reader.first_class or not _named_by_saved_models(roles)
    if told or not _may_count_from_one(scores, classes):
        return ()
    return _alternatives(roles, "TFLite's operator, from 0", "saved models, from 1")


def _unsettled(roles: Roles, reader: OutputsReader, evidence: Evidence) -> Mapping[str, tuple[Alternative, ...]]:
    """What is left open of how classes count, and of which of x and y comes first."""
    # not "outputs": a card that names them for other reasons does not say how classes count
    readings = {
        "counting": _counting(roles, reader, evidence),
        "outputs": _orders(roles, evidence) or _of_names_alone(roles, reader, evidence),
    }
    return {name: alternatives for name, alternatives in readings.items() if alternatives}


def _may_count_from_one(scores: AnyArray, classes: AnyArray) -> bool:
    return len(classes) >= ENOUGH and bool(scores.any()) and bool(classes.min() >= 1)


def _uncalibrated(evidence: Evidence) -> str:
    """What is to be said of scores that TFLite Metadata would calibrate (schema 1.5, ScoreCalibrationOptions)."""
    described = _described(evidence, "tflite.metadata").get("outputs", ())
    calibrated = any("calibration" in tensor for tensor in described)
    return "; scores are the network's own: the calibration of its metadata is not applied" if calibrated else ""


@verdict
def _matches(evidence: Evidence) -> Match:
    require(len(evidence.outputs) >= len(ROLES), "it needs four outputs")
    x_first = any(spec.name.endswith(X_FIRST_NAMES) for spec in evidence.outputs)
    require(not x_first, "the names of its outputs are those of families that put x first")
    require("boxes" in map(_form, evidence.outputs), "none of the outputs is boxes [1, N, 4]")
    roles, how = _bound(evidence)
    reader = _reader(roles, evidence)
    unsettled = _unsettled(roles, reader, evidence)
    boxes, _, _ = reader.judged(evidence)
    in_unit = not len(boxes) or value_checks.unit(boxes)
    require(in_unit, f"boxes of a probe run reach {_reach(boxes):.4g}, where TensorFlow's detectors give 0..1")
    brings = (*input_conventions.of_tensorflow(evidence), *TENSORFLOW, Inference(how, outputs=roles))
    why = f"boxes, classes, scores and count ({how}){_uncalibrated(evidence)}"
    return Match.bringing(Sure.CERTAIN, why, *brings, unsettled=unsettled, decode=reader)


def _reach(boxes: AnyArray) -> float:
    return float(np.abs(boxes).max(initial=0))


DECODERS = (Decoder("tfod", _matches, suppress=False),)
