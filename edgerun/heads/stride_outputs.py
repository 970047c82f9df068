"""Outputs of a head that come apart: some for each stride, or some with the rows of all strides.

Sizes of grids and numbers of channels tell which output is what; where two are alike, the values of a trial run do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, permutations
from typing import NamedTuple

from edgerun.contract import Evidence
from edgerun.heads import levels, output_roles, value_checks
from edgerun.heads.bound_outputs import Group, Part, Tables
from edgerun.heads.levels import Level
from edgerun.heads.readings import Bound, Observed, Undecided, label_mismatch
from edgerun.tensors import AnyArray

__all__ = ["Output", "StrideOutputs"]

IN_0_TO_1 = ("scores", "centerness", "heatmap")
"""Roles whose values lie in 0..1: all of them went through a sigmoid or softmax, or none."""


class Output(NamedTuple):
    """One output of a stride.

    Attributes:
        role: what it holds.
        channels: the numbers of channels per row that it may have; () for one per class.
    """

    role: str
    channels: tuple[int, ...] = ()

    def takes(self, level: Level) -> bool:
        """Whether this can be it."""
        return level.channels in self.channels if self.channels else level.channels > 0

    def part(self, level: Level) -> Part:
        """All columns of an output, as this one."""
        return Part(self.role, level.name, 0, level.channels)

    def __str__(self) -> str:
        widths = " or ".join(map(str, self.channels))
        return f"{widths or 'C'} {self.role}"


def undecided(_: Tables) -> bool:
    """Values do not tell outputs that are alike, which are refused."""
    return False


@dataclass(frozen=True)
class StrideOutputs:
    """The outputs of each stride; a `Binding` of `readings`.

    Attributes:
        strides: model pixels per cell.
        outputs: of each stride; several of one role are read side by side.
        per_cell: rows per cell.
        in_one: whether the channels of all come in one output per stride, in this order, those of classes last.
        rows: (height, width of the input) -> rows of each output, where outputs are not split by strides.
        finished: whether scores went through their sigmoid or softmax; None where a trial run tells.
        is_finished: how rows of scores look that did.
        fits: whether rows of a trial run are what they are taken for, asked where numbers of channels do not tell.
    """

    strides: tuple[int, ...]
    outputs: tuple[Output, ...]
    per_cell: int = 1
    in_one: bool = False
    rows: Callable[[int, int], int] | None = None
    finished: bool | None = None
    is_finished: Callable[[AnyArray], bool] = value_checks.shares
    fits: Callable[[Tables], bool] = undecided

    def __call__(self, evidence: Evidence) -> Bound | str:
        """The outputs and their roles, or why they are not such outputs."""
        groups: list[Group] = []
        for strides, group in self._by_stride(evidence).items():
            fitting = self._fitting(strides, group, evidence)
            if len(fitting) != 1:
                return self._unfit(fitting)
            groups += fitting
        widths = {tuple(sorted(map(str, group.parts))) for group in groups}
        return self._activated(groups, evidence) if len(widths) == 1 else self._unfit([])

    def _unfit(self, fitting: Sequence[Group]) -> str:
        """Why none or several of the ways to take outputs are no answer."""
        if fitting:
            return Undecided(f"which outputs hold {self._spelt} cannot be told; say it by `outputs`")
        return f"it needs outputs of {self._spelt}"

    @property
    def _spelt(self) -> str:
        outputs, strides = ", ".join(map(str, self.outputs)), ", ".join(map(str, self.strides))
        return f"{outputs}, {self.per_cell} per cell of strides {strides}"

    def _by_stride(self, evidence: Evidence) -> Mapping[tuple[int, ...], Sequence[Level]]:
        card, specs = evidence.card, levels.specs(evidence.outputs)
        if self.rows is not None:
            return {self.strides: levels.of_rows(specs, self.rows(card.height, card.width))}
        bound = levels.bind(specs, card.height, card.width, self.per_cell, (self.strides,))
        return {(stride,): group for stride, group in bound.items()}

    def _fitting(self, strides: tuple[int, ...], group: Sequence[Level], evidence: Evidence) -> list[Group]:
        """What the outputs of a group can be: by channels, then by what is claimed of them, then by a trial run."""
        assigned = _in_one(group, self.outputs) if self.in_one else _apart(group, self.outputs)
        possible = [Group(strides, parts, self.per_cell) for parts in assigned]
        possible = [each for each in possible if self._is_claimed(each, evidence)] or possible
        if len(possible) > 1:
            possible = [each for each in possible if self.fits(each.trial_rows(evidence))] or possible
        return possible

    def _is_claimed(self, group: Group, evidence: Evidence) -> bool:
        """Whether labels and roles that somebody says are those of these outputs."""
        mismatch = label_mismatch(evidence, self._classes(group))
        return not mismatch and output_roles.agree([group], evidence.card.outputs)

    def _classes(self, group: Group) -> int:
        """Channels of the output that has one per class; 0 where there is none."""
        return group.channels("scores") if Output("scores") in self.outputs else 0

    def _activated(self, groups: Sequence[Group], evidence: Evidence) -> Bound | str:
        """The groups, with the role "logits" for scores before their sigmoid or softmax."""
        claimed, classes = evidence.card.outputs, self._classes(groups[0])
        why = f"{groups[0]} at strides {', '.join(map(str, self.strides))}"
        bound = Bound(tuple(groups), output_roles.of_groups(groups), classes, why)
        scores = Observed(evidence, bound).tables(*IN_0_TO_1)
        finished = not output_roles.claims_logits(claimed) and all(self.is_finished(table) for table in scores)
        if self.finished not in (None, finished):
            return f"the scores of a probe run {'lie in' if finished else 'leave'} 0..1"
        if not finished:
            bound = bound.renamed("scores", "logits")
        return output_roles.contradiction(bound.roles, claimed) or bound


def _in_one(group: Sequence[Level], outputs: Sequence[Output]) -> list[tuple[Part, ...]]:
    """The columns of a single output, of which classes have what is left."""
    if len(group) != 1:
        return []
    level = group[0]
    ends = [0, *accumulate(output.channels[0] for output in outputs[:-1]), level.channels]
    if ends[-1] <= ends[-2]:
        return []
    columns = zip(outputs, pairwise(ends), strict=True)
    return [tuple(Part(output.role, level.name, first, last) for output, (first, last) in columns)]


def _apart(group: Sequence[Level], outputs: Sequence[Output]) -> list[tuple[Part, ...]]:
    """All ways in which outputs have the channels of their roles."""
    if len(group) != len(outputs):
        return []
    found: list[tuple[Part, ...]] = []
    for order in permutations(outputs):
        taken = tuple(output.part(level) for output, level in zip(order, group, strict=True) if output.takes(level))
        if len(taken) == len(group) and taken not in found:
            found.append(taken)
    return found
