"""Heads of two outputs: boxes [1, N, 4] and scores [1, N, C], or [1, C, N]."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgerun.contract import Evidence
from edgerun.graphs import output_kinds
from edgerun.heads import value_checks
from edgerun.heads.bound_outputs import Group, Part
from edgerun.heads.readings import Bound
from edgerun.heads.requirements import Unmet, or_reason, require
from edgerun.tensors import TensorSpec

__all__ = ["BOXES", "LOGITS", "SCORES", "TURNED", "BoxesAndScores", "background_first", "bound", "counts"]

BOXES, SCORES, LOGITS, TURNED = "boxes", "scores", "logits", "scores, classes first"
"""Roles of outputs; logits are scores before the sigmoid or softmax."""

WANTED = "it needs boxes [1, N, 4] and scores [1, N, C]"
ALIKE = "which output holds boxes and which scores cannot be told; say it by `outputs`"

Roles = Mapping[str, str]
"""Name of an output -> its role."""


def bound(evidence: Evidence, *allowed: str) -> tuple[Roles, str]:
    """Which output is which, by the number of columns; where both have four, by the values of a trial run.

    The card's `outputs` go first, but must not contradict the values.

    Args:
        evidence: of the model.
        allowed: roles besides boxes that the family can read.

    Returns:
        name -> role, {} where it is no such head; why not.
    """
    try:
        return _required(evidence, allowed), ""
    except Unmet as unmet:
        return {}, str(unmet)


def _required(evidence: Evidence, allowed: Sequence[str]) -> Roles:
    """Name -> role of each output; raises `Unmet` where it is no such head."""
    pair = list(evidence.outputs)
    require(len(pair) == 2 and all(map(_is_table, pair)), WANTED)
    found = _boxes(pair, evidence)
    require(found, WANTED)
    require(len(found) == 1, ALIKE)
    boxes = found[0]
    scores = pair[1 - pair.index(boxes)]
    require(boxes.shape[2] == 4 and boxes.shape[1] in scores.shape[1:], WANTED)
    role = _role(scores, boxes, evidence)
    claimed = evidence.card.outputs.get(scores.name, role)
    require(
        claimed == role, f"the `outputs` call {scores.name} {claimed}, but its shape and values are those of {role}"
    )
    require(role != TURNED or _are_scores(scores, evidence), WANTED)
    require(role in allowed, WANTED if role == TURNED else "the scores of a probe run leave 0..1")
    return {boxes.name: BOXES, scores.name: role}


def _is_table(spec: TensorSpec) -> bool:
    return len(spec.shape) == 3 and spec.shape[0] == 1


def _are_scores(spec: TensorSpec, evidence: Evidence) -> bool:
    """Whether an output went through its sigmoid or softmax, by a trial run and by the graph."""
    values = evidence.probe("textured")[spec.name]
    return value_checks.shares(values) and not output_kinds.unfinished(evidence, spec.name)


def _boxes(pair: Sequence[TensorSpec], evidence: Evidence) -> list[TensorSpec]:
    """Those of two outputs that may be the boxes."""
    given = evidence.card.outputs
    if set(given) == {spec.name for spec in pair}:
        return [spec for spec in pair if given[spec.name] == BOXES]
    four_columns = [spec for spec in pair if spec.shape[2] == 4]
    if len(four_columns) < 2:
        return four_columns
    return [spec for spec in four_columns if not _are_scores(spec, evidence)]


def _role(scores: TensorSpec, boxes: TensorSpec, evidence: Evidence) -> str:
    if scores.shape[1] != boxes.shape[1]:
        return TURNED
    return SCORES if _are_scores(scores, evidence) else LOGITS


def background_first(evidence: Evidence, roles: Roles) -> bool:
    """Whether the first column of the scores or logits is the answer of most rows, as a background is."""
    (name,) = (name for name, role in roles.items() if role != BOXES)
    for outputs in (evidence.probe("textured"), evidence.probe("blank")):
        answers = outputs[name][0].argmax(axis=1)
        if float((answers == 0).mean()) <= 0.5:
            return False
    return True


def counts(evidence: Evidence, roles: Roles) -> tuple[int, int]:
    """How many boxes and how many columns of scores or logits, classes being last; 0 where it is open."""
    shapes = {roles[spec.name]: spec.shape for spec in evidence.outputs}
    return shapes[BOXES][1] or 0, shapes.get(SCORES, shapes.get(LOGITS, (0, 0, 0)))[2] or 0


@dataclass(frozen=True)
class BoxesAndScores:
    """Two outputs with a row for each prior box or finished box; a `Binding` of `readings`.

    Attributes:
        prior_boxes: (height, width of the input) -> how many rows there must be; None for any number.
        background: columns of scores before the first class.
        roles: of the scores, that the family can read.
    """

    prior_boxes: Callable[[int, int], int] | None = None
    background: int = 0
    roles: tuple[str, ...] = (SCORES, LOGITS)

    @or_reason
    def __call__(self, evidence: Evidence) -> Bound:
        """The outputs and their roles, or why they are not such outputs."""
        roles = _required(evidence, self.roles)
        count, columns = counts(evidence, roles)
        classes = columns - self.background
        require(classes >= 1, f"{columns} columns of scores leave no class beside a background")
        self._require_prior_boxes(count, evidence)
        widths = {BOXES: 4, SCORES: columns, LOGITS: columns}
        parts = tuple(Part(role, name, 0, widths[role]) for name, role in roles.items())
        seen = "a background and " * bool(self.background) + f"{classes} classes"
        return Bound((Group((), parts),), roles, classes, f"{seen} for each of {count} boxes")

    def _require_prior_boxes(self, count: int, evidence: Evidence) -> None:
        if self.prior_boxes is not None:
            wanted = self.prior_boxes(evidence.card.height, evidence.card.width)
            require(count == wanted, f"{count} rows are not its {wanted} prior boxes")
