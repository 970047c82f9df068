"""Heads of queries, DETR's: a box and a row of class logits for each query, and no suppression.

logits [1, Q, C], or scores after their activation; boxes [1, Q, 4] cx cy w h in 0..1; perhaps masks [1, Q, h, w] before
the sigmoid. After a softmax the last class is "no object", and the score is the largest of the others; after a sigmoid
each class stands alone, and of all pairs of query and class the Q best are answers, so that a box may come twice.
A head of sigmoids with one column more than names has a column without a class at either end: rfdetr 1.11.2,
export/_onnx/inference.py, "cannot be inferred from the tensor width alone". Heads trained on COCO number their columns
by its sparse category ids, of which 1 is person. `class_layout` tells which; roles "logits from 1" and "scores from 1"
say that column 1 is the first class.
Source: Carion et al., arXiv 2005.12872; Zhu et al., arXiv 2010.04159.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
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
from edgerun.graphs import output_kinds
from edgerun.heads import box_formats, class_columns, class_layout, value_checks
from edgerun.heads import scores as scoring
from edgerun.heads.class_layout import FROM_ONE
from edgerun.heads.requirements import reject, require, verdict
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["Feeding", "QueryReader", "queries"]

Activation: TypeAlias = Literal["softmax", "sigmoid"]
BOTH: frozenset[Activation] = frozenset(("softmax", "sigmoid"))

LARGEST_LOGIT = 60.0
"""Beyond it a sigmoid is 0 or 1 in any float; values that are larger are pixels."""

RARE, MOST = 0.05, 0.5
"""Fractions of a probe run's queries or logits: hardly any, most."""

PLAIN = {FROM_ONE[role]: role for role in FROM_ONE}
ROLES = (["boxes", "logits"], ["boxes", "scores"], ["boxes", "logits", "masks"], ["boxes", "masks", "scores"])
WANTED = "it needs logits [1, Q, C] and boxes [1, Q, 4], cx cy w h in 0..1, that can be told apart"


@dataclass(frozen=True)
class Feeding:
    """How a family's images are fed.

    Attributes:
        convention: what it brings.
        unsettled: field -> the habits that are left open.
    """

    convention: Convention
    unsettled: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueryReader:
    """Reads queries.

    Attributes:
        boxes, classes, masks: outputs; "" where there are no masks.
        activation: what the class outputs go through, or went through.
        activated: whether they went through it in the graph.
        columns: which of the class columns are classes, in their order; () for all of them.
    """

    boxes: str
    classes: str
    masks: str
    activation: Activation
    activated: bool
    columns: tuple[int, ...] = ()

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The queries that score enough; with a sigmoid best first, and at most as many as there are queries."""
        values, boxes = outputs[self.classes][0], outputs[self.boxes][0]
        way = WAYS[self.activation]
        probabilities = way.classes(values if self.activated else way.activate(values))
        if self.columns:
            probabilities = probabilities[:, self.columns]
        found, scores, classes = way.answers(probabilities, frame.conf)
        masks = _flattened(outputs[self.masks][0][found]) if self.masks else None
        return Candidates(cxcywh_to_xyxy(boxes[found].astype(np.float32)), scores, classes, masks=masks)


def _without_no_object(scores: AnyArray) -> AnyArray:
    return scores[:, :-1]


def _all_columns(scores: AnyArray) -> AnyArray:
    return scores


def _best_pairs(scores: AnyArray, conf: float) -> tuple[AnyArray, FloatArray, AnyArray]:
    """(queries, scores, classes) of the Q best pairs of scores [Q, C]."""
    count, width = scores.shape
    flat = scores.reshape(-1)
    pairs = np.flatnonzero(flat >= conf)
    pairs = pairs[np.argsort(-flat[pairs], kind="stable")[:count]]
    queries, classes = np.divmod(pairs, max(1, width))
    return queries, flat[pairs].astype(np.float32), classes.astype(np.int32)


@dataclass(frozen=True, slots=True)
class _Way:
    """How class outputs become answers.

    Attributes:
        activate: from logits to scores [Q, C].
        classes: their columns that may be classes.
        answers: from such scores and a threshold to (queries, scores, classes).
    """

    activate: Callable[[AnyArray], FloatArray]
    classes: Callable[[AnyArray], AnyArray]
    answers: Callable[[AnyArray, float], tuple[AnyArray, FloatArray, AnyArray]]


WAYS: Mapping[Activation, _Way] = {
    "softmax": _Way(scoring.softmax, _without_no_object, scoring.best),
    "sigmoid": _Way(scoring.sigmoid, _all_columns, _best_pairs),
}


def _flattened(logits: AnyArray) -> FloatArray:
    """Logits of masks in 0..1 such that 0 is the half: the family enlarges logits, not probabilities."""
    return np.asarray(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT) / (2 * LARGEST_LOGIT) + 0.5, np.float32)


def queries(name: str, activation: Activation, feeding: Callable[[Evidence], Feeding]) -> Decoder:
    """A family of queries.

    Args:
        name: of the decoder.
        activation: what its class logits go through.
        feeding: how it is fed, by what else is known of the model.
    """

    @verdict
    def matches(evidence: Evidence) -> Match:
        return _match(evidence, activation, feeding(evidence))

    return Decoder(name, matches, suppress=False)


def _match(evidence: Evidence, activation: Activation, feeding: Feeding) -> Match:
    """The verdict; raises `Unmet` for what speaks against the family."""
    card, roles = evidence.card, _roles(evidence)
    reads = not evidence.known("task") or card.task in ("detect", "segment")
    require(reads, f"it reads detect and segment models, not {card.task}")
    names = {PLAIN.get(role, role): name for name, role in roles.items()}
    classes, activated = names.get("scores") or names["logits"], "scores" in names
    possible, why = _activations(evidence, classes, activated=activated)
    require(activation in possible, why)
    reject(box_formats.outside(evidence.probe("textured")[names["boxes"]][0], "cx cy w h"))
    shape = evidence.probe("textured")[classes].shape
    brings: list[Convention] = [
        feeding.convention,
        Inference("boxes of a probe run are cx cy w h in 0..1", box_units="unit"),
        Inference("shapes, and values of a probe run", outputs=roles),
    ]
    if "masks" in names:
        brings.append(Inference("there are masks", task="segment"))
    # a head that gives scores of boxes on a grid is more likely of another family
    doubtful = len(possible) > 1 or class_columns.fits_grid(shape[1], card)
    layout = class_layout.of(roles, classes, shape[2] - (activation == "softmax"), card)
    brings += layout.brings
    reader = QueryReader(names["boxes"], classes, names.get("masks", ""), activation, activated, layout.columns)
    why = f"{shape[1]} queries with {shape[2]} classes; {why}"
    sure = Sure.POSSIBLE if doubtful else Sure.LIKELY
    unsettled = {**feeding.unsettled, **layout.unsettled}
    return Match.bringing(sure, why, *brings, unsettled=unsettled, decode=reader)


# ---------------------------------------------------------------------------------------------- which output is what


def _roles(evidence: Evidence) -> Mapping[str, str]:
    """Name -> "boxes", "logits", "scores" or "masks", as the card says or as shapes and values tell."""
    shapes = {spec.name: spec.shape for spec in evidence.outputs}
    axes = sorted(map(len, shapes.values()))
    queries_of_each = {shape[:2] for shape in shapes.values()}
    require(axes in ([3, 3], [3, 3, 4]) and len(queries_of_each) == 1, WANTED)
    given = evidence.card.outputs
    if given:
        complete = set(given) == set(shapes) and sorted(PLAIN.get(role, role) for role in given.values()) in ROLES
        require(complete, WANTED)
        return given
    tables = [name for name, shape in shapes.items() if len(shape) == 3]
    boxes = _boxes(tables, evidence)
    classes = next(name for name in tables if name != boxes)
    masks = set(shapes) - set(tables)
    return {boxes: "boxes", classes: _class_role(classes, evidence), **dict.fromkeys(masks, "masks")}


def _boxes(tables: list[str], evidence: Evidence) -> str:
    """The output of these two that holds boxes."""
    values = evidence.probe("textured")
    named = evidence.card.decoder is not None
    found = [name for name in tables if _are_boxes(values[name][0], named=named)]
    if len(found) == 2:  # probabilities of four classes look like boxes
        found = [name for name in found if "box" in name.lower() or name == "dets"]
    require(len(found) == 1, WANTED)
    return found[0]


def _are_boxes(values: AnyArray, *, named: bool) -> bool:
    """Whether columns are cx cy w h in 0..1: widths are not far corners, which never lie left of the near ones."""
    if values.shape[1] != 4 or not value_checks.unit(values):
        return False
    sides = values[:, 2:]
    sizes = named or (sides < values[:, :2]).any()
    return bool(sizes and sides.min() >= -value_checks.TOLERANCE)


def _class_role(name: str, evidence: Evidence) -> str:
    runs = [evidence.probe("textured")[name], evidence.probe("blank")[name]]
    require(np.abs(runs[0]).max() <= LARGEST_LOGIT, WANTED)
    activated = all(map(value_checks.shares, runs)) and not output_kinds.unfinished(evidence, name)
    return "scores" if activated else "logits"


# --------------------------------------------------------------------------------------------- softmax or sigmoid


def _activations(evidence: Evidence, name: str, *, activated: bool) -> tuple[frozenset[Activation], str]:
    """The activations that the class outputs allow, and why; by values only where no decoder is named."""
    runs = [evidence.probe("textured")[name][0], evidence.probe("blank")[name][0]]
    columns, labels = runs[0].shape[1], len(evidence.card.labels)
    fits = labels in (0, columns, columns - 1) or class_layout.of_coco(evidence.card.labels, columns)
    require(fits, f"{columns} columns are not {labels} labels, nor these and a no-object class")
    require(np.isfinite(runs).all(), "a probe run gives what is not a number")
    full = columns in (1, labels)
    room: frozenset[Activation] = frozenset(("sigmoid",)) if full else BOTH
    seen, why = _seen_activations(runs, activated=activated)
    if evidence.card.decoder is not None and len(seen) != 1:
        return room, "by its name; a no-object class has no room" if full else "by its name"
    require(seen, why)
    if not activated:
        return seen & room, why
    summed = all(map(value_checks.sum_to_one, runs))
    fitting: Activation = "softmax" if summed else "sigmoid"
    return seen & room & {fitting}, f"{why}; sums {'' if summed else 'not '}1"


def _seen_activations(runs: list[AnyArray], *, activated: bool) -> tuple[frozenset[Activation], str]:
    """The activations that two runs [Q, C] allow, and why; () where most queries answer as a background would."""
    last = runs[0].shape[1] - 1
    common = _common_answer(runs, activated=activated)
    if not last:
        common = NO_ANSWER
    if common == last:
        return frozenset(("softmax",)), "the last class, no object, is the answer of most queries in both probe runs"
    if common != NO_ANSWER:
        return frozenset(), f"class {common} is the answer of most rows in both probe runs, as a background would be"
    if _hardly_any_answer(runs, last, activated=activated):
        return frozenset(("sigmoid",)), "hardly any class answers in both probe runs, the last no more than the others"
    return BOTH, "probe runs do not tell whether the last class is no object"


NO_ANSWER = -1


def _common_answer(runs: list[AnyArray], *, activated: bool) -> int:
    """The class that most queries of each run answer with, surely; `NO_ANSWER` where there is none."""
    answers = np.concatenate([run.argmax(axis=1) for run in runs])
    common = int(np.bincount(answers).argmax())
    probabilities = runs if activated else [scoring.softmax(run) for run in runs]
    agreed = min(_fraction(run[:, common] > MOST) for run in probabilities)
    return common if agreed > MOST else NO_ANSWER


def _hardly_any_answer(runs: list[AnyArray], last: int, *, activated: bool) -> bool:
    """Whether nearly all classes of nearly all queries say no, and the last is the best no more than others are."""
    least = MOST if activated else 0.0
    answering = max(_fraction(run > least) for run in runs)
    last_best = max(_fraction(run.argmax(axis=1) == last) for run in runs)
    ordinary = not last or last_best < min(MOST, RARE + 2 / (last + 1))
    return answering < RARE and ordinary


def _fraction(hits: AnyArray) -> float:
    return float(hits.mean())
