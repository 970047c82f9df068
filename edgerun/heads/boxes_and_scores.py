"""Heads of two outputs: boxes [1, N, 4] and scores [1, N, C], or [1, C, N]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from edgerun.contract import Evidence
from edgerun.graphs import output_kinds
from edgerun.heads import value_checks

__all__ = ["BOXES", "LOGITS", "SCORES", "TURNED", "background_first", "bound", "counts"]

BOXES, SCORES, LOGITS, TURNED = "boxes", "scores", "logits", "scores, classes first"
"""Roles of outputs; logits are scores before the sigmoid or softmax."""

WANTED = "it needs boxes [1, N, 4] and scores [1, N, C]"


def bound(evidence: Evidence, *allowed: str) -> tuple[Mapping[str, str], str]:
    """Which output is which, by the number of columns; where both have four, by the values of a probe run.

    The card's `outputs` go first, but must not contradict the values.

    Args:
        allowed: roles besides boxes that the family can read.

    Returns:
        name -> role, {} where it is no such head; why not.
    """
    shapes = {spec.name: spec.shape for spec in evidence.outputs}
    if len(shapes) != 2 or any(len(shape) != 3 or shape[0] != 1 for shape in shapes.values()):
        return {}, WANTED
    values = evidence.probe("textured")
    shares = {
        name: value_checks.shares(values[name]) and not output_kinds.unfinished(evidence, name) for name in shapes
    }
    boxes = [name for name, shape in shapes.items() if shape[2] == 4]
    if len(boxes) == 2:
        boxes = [name for name in boxes if not shares[name]]
    given = evidence.card.outputs
    if set(given) == set(shapes):
        boxes = [name for name, role in given.items() if role == BOXES]
    if len(boxes) != 1:
        return (
            {},
            WANTED if not boxes else "which output holds boxes and which scores cannot be told; say it by `outputs`",
        )
    (scores,) = (name for name in shapes if name != boxes[0])
    count = shapes[boxes[0]][1]
    if shapes[boxes[0]][2] != 4 or count not in shapes[scores][1:]:
        return {}, WANTED
    role = TURNED if shapes[scores][1] != count else SCORES if shares[scores] else LOGITS
    if given.get(scores, role) != role:
        return {}, f"the `outputs` call {scores} {given[scores]}, but its shape and values are those of {role}"
    if role not in allowed or (role == TURNED and not shares[scores]):
        return {}, WANTED if role == TURNED else "the scores of a probe run leave 0..1"
    return {boxes[0]: BOXES, scores: role}, ""


def background_first(evidence: Evidence, roles: Mapping[str, str]) -> bool:
    """Whether the first column of the scores or logits is the answer of most rows, as a background is."""
    kinds: tuple[Literal["textured"], Literal["blank"]] = ("textured", "blank")
    for kind in kinds:
        table = next(evidence.probe(kind)[name][0] for name, role in roles.items() if role != BOXES)
        if float((table.argmax(axis=1) == 0).mean()) <= 0.5:
            return False
    return True


def counts(evidence: Evidence, roles: Mapping[str, str]) -> tuple[int, int]:
    """How many boxes and how many columns of scores or logits, classes being last; 0 where it is open."""
    shapes = {roles[spec.name]: spec.shape for spec in evidence.outputs}
    return shapes[BOXES][1] or 0, shapes.get(SCORES, shapes.get(LOGITS, (0, 0, 0)))[2] or 0
