"""Classifiers: one row of shares or logits, [1, C], [1, C, 1, 1] or [1, 1, 1, C].

The answer is the five best classes, each with the box of all that the model was shown: the picture, or its crop.
Logits go through a softmax. Whether they are logits is told by values: shares of a softmax add up to 1, and LiteRT's
SOFTMAX and LOGISTIC always store their shares in steps of 1/256 from 0.
Source: https://ai.google.dev/edge/litert/models/quantization_spec for the steps; Krizhevsky et al., 2012, for "top 5".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure, TensorSpec
from edgerun.graphs import output_kinds
from edgerun.heads import image_inputs, input_conventions, scores, value_checks
from edgerun.tensors import AnyArray

__all__ = ["BEST", "DECODERS"]

BEST = 5

ULTRALYTICS = "ultralytics metadata"
"""YOLOv5 writes no task, and its classifiers are fed otherwise than its detectors, of which the dialect speaks."""

IMAGENET_CLASSES = (1000, 1001)
"""The classes of ImageNet's challenge, without and with a background."""


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    ((name, output),) = outputs.items()
    values = np.where(np.isfinite(output), output, -np.inf).reshape(-1).astype(np.float32)
    shares = scores.softmax(values) if frame.card.outputs[name] == "logits" else np.clip(values, 0, 1)
    order = np.argsort(-shares, kind="stable")[:BEST]
    order = order[(shares[order] >= frame.conf) & (shares[order] > 0)]  # quantised, most classes share nothing at all
    whole = np.array([0, 0, frame.width, frame.height], np.float32)
    return Candidates(np.tile(whole, (len(order), 1)), shares[order], order.astype(np.int32))


def _shares(evidence: Evidence, spec: TensorSpec) -> tuple[str, str]:
    """The role of the output, and how that was seen."""
    runs: list[AnyArray] = [evidence.probe(kind)[spec.name].reshape(1, -1) for kind in ("textured", "blank")]
    steps = spec.quantization
    graph = evidence.graph()
    made = output_kinds.activation(graph, spec.name) if graph is not None else ""
    if made == "raw":
        return "logits", "by the graph, which ends in a product: a softmax is still to come"
    if made == "softmax" and all(value_checks.shares(run) for run in runs):
        return "shares", "by the graph, which ends in a softmax"
    if steps and np.isclose(steps.scale[0], 1 / 256, rtol=0.01) and steps.zero_point[0] == np.iinfo(spec.dtype).min:
        return "shares", "stored in steps of 1/256 from 0, as after a softmax or sigmoid"
    if all(value_checks.sum_to_one(run) for run in runs):
        return "shares", "which add up to 1 in both probe runs, as after a softmax"
    if all(value_checks.shares(run) for run in runs):
        return "shares", "which lie in 0..1 in both probe runs and do not add up to 1: each class stands alone"
    return "logits", "which leave 0..1 or do not add up to 1 in a probe run: a softmax is still to come"


def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    spec = evidence.outputs[0] if len(evidence.outputs) == 1 else None
    sizes = [size for size in spec.shape if size != 1] if spec else []
    if spec is None or len(spec.shape) not in (2, 4) or len(sizes) != 1 or spec.shape[0] != 1 or not sizes[0]:
        return Match(Sure.NO, "it needs one output [1, C]")
    if card.task != "classify" and evidence.known("task"):
        return Match(Sure.NO, f"it reads classify models, not {card.task}")
    if card.source("mean") == ULTRALYTICS != card.source("task"):
        return Match(Sure.NO, f"YOLOv5's metadata are wrong about its classifiers; say {input_conventions.IMAGENET}")
    classes = sizes[0]
    if card.labels and len(card.labels) != classes:
        return Match(Sure.NO, f"{classes} columns are not {len(card.labels)} labels")
    role, seen = (card.outputs[spec.name], "as said") if spec.name in card.outputs else _shares(evidence, spec)
    if role not in ("shares", "logits"):
        return Match(Sure.NO, f"the output is said to hold {role}, neither shares nor logits")
    said = card.task == "classify" or bool(card.labels)
    adding = "softmax" in seen and role == "shares"
    if not said and not adding and classes not in IMAGENET_CLASSES:
        return Match(Sure.NO, f'{classes} values need not be classes; if they are, say task="classify"')
    conventions: dict[str, Any] = {"task": "classify", "conf": 0.0, "outputs": {spec.name: role}}
    conventions["resize"] = "stretch" if image_inputs.channels_last(evidence) else "center-crop"
    basis = {
        "task": f"inferred: one row of {classes} {role}",
        "conf": f"convention: the {BEST} best classes are shown, whatever their share",
        "outputs": f"inferred: {role}, {seen}",
        "resize": "convention: most are run so",
    }
    stored = input_conventions.by_input(evidence)
    fields, reasons = stored or ({"color": "rgb"}, {"color": "convention: nearly all are trained so"})
    open_fields = {} if stored else input_conventions.habits(evidence)
    sure = Sure.CERTAIN if said else Sure.LIKELY
    return Match(sure, f"{classes} {role}, {seen}", conventions | fields, basis | reasons, open_fields)


DECODERS = (Decoder("classify", _matches, _decode, suppress=False),)
"""Suppression would drop all rows but one: they share a box."""
