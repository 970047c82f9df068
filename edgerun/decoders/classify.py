"""Classifiers: one row of probabilities or logits, [1, C], [1, C, 1, 1] or [1, 1, 1, C].

The answer is the five best classes, each with the box of all that the model was shown: the image, or its crop.
Logits go through a softmax. Whether they are logits is told by values: what leaves a softmax adds up to 1, and LiteRT's
SOFTMAX and LOGISTIC always store theirs in steps of 1/256 from 0.
Source: https://ai.google.dev/edge/litert/models/quantization_spec for the steps; Krizhevsky et al., 2012, for "top 5".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.contract import (
    Alternative,
    Alternatives,
    Arrays,
    Candidates,
    Convention,
    Decoder,
    Evidence,
    Frame,
    Inference,
    Match,
    Sure,
    TensorSpec,
)
from edgerun.graphs import output_kinds
from edgerun.heads import input_conventions, scores, value_checks
from edgerun.heads.requirements import require, verdict

__all__ = ["BEST", "DECODERS"]

BEST = 5

SHARES, LOGITS = "shares", "logits"
"""The roles that a card may give: each class in 0..1, or before the softmax."""

ULTRALYTICS = "ultralytics metadata"
"""YOLOv5 writes no task, and its classifiers are fed otherwise than its detectors, of which the dialect speaks."""

IMAGENET_CLASSES = (1000, 1001)
"""The classes of ImageNet's challenge, without and with a background."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one row, which are logits or not."""

    logits: bool

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The best classes; quantised, most classes score nothing at all and are left out."""
        (output,) = outputs.values()
        values = np.where(np.isfinite(output), output, -np.inf).reshape(-1).astype(np.float32)
        found = scores.softmax(values) if self.logits else np.clip(values, 0, 1)
        order = np.argsort(-found, kind="stable")[:BEST]
        order = order[(found[order] >= frame.conf) & (found[order] > 0)]
        whole = np.array([0, 0, frame.width, frame.height], np.float32)
        return Candidates(np.tile(whole, (len(order), 1)), found[order], order.astype(np.int32))


def _role(evidence: Evidence, spec: TensorSpec) -> tuple[str, str]:
    """(the role of the output, how that is known)."""
    if spec.name in evidence.card.outputs:
        return evidence.card.outputs[spec.name], "as said"
    graph = evidence.graph()
    made_by = output_kinds.activation(graph, spec.name) if graph is not None else ""
    runs = [evidence.probe("textured")[spec.name].reshape(1, -1), evidence.probe("blank")[spec.name].reshape(1, -1)]
    in_range = all(map(value_checks.shares, runs))
    signs = {
        (LOGITS, "by the graph, which ends in a product: a softmax is still to come"): made_by == "raw",
        (SHARES, "by the graph, which ends in a softmax"): made_by == "softmax" and in_range,
        (SHARES, "stored in steps of 1/256 from 0, as after a softmax or sigmoid"): _in_steps_of_256(spec),
        (SHARES, "which add up to 1 in both probe runs, as after a softmax"): all(map(value_checks.sum_to_one, runs)),
        (SHARES, "which lie in 0..1 in both probe runs and do not add up to 1: each class stands alone"): in_range,
        (LOGITS, "which leave 0..1 or do not add up to 1 in a probe run: a softmax is still to come"): True,
    }
    return next(sign for sign, holds in signs.items() if holds)


def _in_steps_of_256(spec: TensorSpec) -> bool:
    """Whether an output is stored as LiteRT stores what leaves a softmax or sigmoid."""
    steps = spec.quantization
    if steps is None or not np.isclose(steps.scale[0], 1 / 256, rtol=0.01):
        return False
    return steps.zero_point[0] == np.iinfo(spec.dtype).min


def _fed(evidence: Evidence) -> tuple[Sequence[Convention], Mapping[str, Alternatives]]:
    """(what is brought, what is left open): a quantised input tells its normalisation."""
    stored = input_conventions.of_stored_input(evidence)
    if stored:
        return stored, {}
    return (Convention("nearly all are trained so", color="rgb"),), input_conventions.habits(evidence)


def _columns(evidence: Evidence) -> int:
    """How many classes the one row has; 0 for other outputs."""
    shapes = [spec.shape for spec in evidence.outputs]
    if len(shapes) != 1 or len(shapes[0]) not in (2, 4) or shapes[0][0] != 1:
        return 0
    sizes = [size or 0 for size in shapes[0] if size != 1]
    return sizes[0] if len(sizes) == 1 else 0


@verdict
def _matches(evidence: Evidence) -> Match:
    card, classes = evidence.card, _columns(evidence)
    require(classes, "it needs one output [1, C]")
    classifies = card.task == "classify"
    require(classifies or not evidence.known("task"), f"it reads classify models, not {card.task}")
    of_a_detector = card.source("mean") == ULTRALYTICS != card.source("task")
    imagenet = Alternative(input_conventions.IMAGENET_DEVIATIONS, "ImageNet").arguments
    require(not of_a_detector, f"YOLOv5's metadata are wrong about its classifiers; say {imagenet}")
    labels = len(card.labels)
    require(labels in (0, classes), f"{classes} columns are not {labels} labels")
    role, seen = _role(evidence, evidence.outputs[0])
    require(role in (SHARES, LOGITS), f"the output is said to hold {role}, neither shares nor logits")
    said = classifies or labels > 0
    after_softmax = "softmax" in seen and role == SHARES
    known = said or after_softmax or classes in IMAGENET_CLASSES
    require(known, f'{classes} values need not be classes; if they are, say task="classify"')
    fed, unsettled = _fed(evidence)
    brings = (
        Inference(f"one row of {classes} {role}", task="classify"),
        Convention(f"the {BEST} best classes are shown, whatever their share", conf=0.0),
        Inference(f"{role}, {seen}", outputs={evidence.outputs[0].name: role}),
        Convention("most are run so", resize="stretch" if input_conventions.channels_last(evidence) else "center-crop"),
        *fed,
    )
    sure, reader = Sure.CERTAIN if said else Sure.LIKELY, Reader(role == LOGITS)
    return Match.bringing(sure, f"{classes} {role}, {seen}", *brings, unsettled=unsettled, decode=reader)


DECODERS = (Decoder("classify", _matches, suppress=False),)
"""Suppression would drop all rows but one: they share a box."""
