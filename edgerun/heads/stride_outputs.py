"""Outputs of a head that come apart: some for each stride, or some with the rows of all strides.

Sizes of grids and numbers of channels tell which output is what; where two are alike, the values of a trial run do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import NamedTuple

from edgerun.contract import Evidence
from edgerun.heads import levels, value_checks
from edgerun.heads.bound_outputs import Group, Part, Tables
from edgerun.heads.levels import Level
from edgerun.heads.readings import Bound
from edgerun.tensors import AnyArray

__all__ = ["Output", "StrideOutputs"]

IN_0_TO_1 = ("scores", "centerness", "heatmap")
"""Roles whose values lie in 0..1: all of them went through a sigmoid or softmax, or none."""

Assignment = tuple[Part, ...]
"""What the outputs of one group are, in the order in which the file has them."""


class Output(NamedTuple):
    """One output of a stride.

    Attributes:
        role: what it holds.
        channels: the numbers of channels per row that it may have; () for one per class.
    """

    role: str
    channels: tuple[int, ...] = ()

    def takes(self, channels: int) -> bool:
        """Whether it may have so many channels."""
        return channels in self.channels if self.channels else channels > 0

    def __str__(self) -> str:
        return f"{' or '.join(map(str, self.channels)) or 'C'} {self.role}"


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
        in_one: whether the channels of all outputs come in one output per stride, in this order.
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
        found: list[Group] = []
        for strides, group in self._by_stride(evidence).items():
            possible = [Group(strides, parts, self.per_cell) for parts in self._assignments(group, evidence)]
            if len(possible) > 1:
                possible = [each for each in possible if self.fits(_shown(each, evidence))]
                if len(possible) != 1:
                    return f"which outputs hold {self._spelt} cannot be told; say it by `outputs`"
            found += possible
        widths = {_widths(group) for group in found}
        if len(widths) != 1 or len(found) != self._groups:
            return f"it needs outputs of {self._spelt}, one row per {self._where}"
        return self._activated(found, evidence)

    @property
    def _groups(self) -> int:
        return 1 if self.rows else len(self.strides)

    @property
    def _spelt(self) -> str:
        return ", ".join(map(str, self.outputs))

    @property
    def _where(self) -> str:
        strides = f"strides {', '.join(map(str, self.strides))}" if self.strides else "prior boxes"
        return f"cell of {strides}" if self.per_cell == 1 else f"anchor, {self.per_cell} per cell of {strides}"

    def _by_stride(self, evidence: Evidence) -> Mapping[tuple[int, ...], Sequence[Level]]:
        card, specs = evidence.card, levels.specs(evidence.outputs)
        if self.rows is not None:
            table = levels.of_rows(specs, self.rows(card.height, card.width))
            return {self.strides: table} if table else {}
        bound = levels.bind(specs, card.height, card.width, self.per_cell, (self.strides,))
        return {(stride,): group for stride, group in bound.items()}

    def _assignments(self, group: Sequence[Level], evidence: Evidence) -> list[Assignment]:
        """What the outputs of a group can be, by their channels, and by the labels and roles that somebody says."""
        possible = _in_one(group, self.outputs) if self.in_one else _apart(group, self.outputs)
        labels, said = len(evidence.card.labels), evidence.card.outputs
        labelled = [parts for parts in possible if self._classes(parts) in (0, labels)]
        if labels and labelled:
            possible = labelled
        agreeing = [parts for parts in possible if _agrees(parts, said)]
        return agreeing if agreeing or _is_complete(evidence) else possible

    def _classes(self, parts: Assignment) -> int:
        """Channels of the output that has one per class; 0 where there is none."""
        open_roles = [output.role for output in self.outputs if not output.channels]
        return sum(part.channels for part in parts if part.role in open_roles)

    def _activated(self, groups: Sequence[Group], evidence: Evidence) -> Bound | str:
        """The same with the role "logits" for scores before their sigmoid or softmax."""
        said = evidence.card.outputs.values()
        says_logits = any(role.endswith("logits") for role in said)
        finished = not says_logits and all(self._is_finished(_shown(group, evidence)) for group in groups)
        if finished != (finished if self.finished is None else self.finished):
            return f"the scores of a probe run {'lie in' if finished else 'leave'} 0..1"
        if not finished and not says_logits and _is_complete(evidence):
            return "the `outputs` call scores what leaves 0..1 in a probe run"
        first = groups[0].parts
        why = f"{', '.join(f'{part.channels} {part.role}' for part in first)} for each {self._where}"
        groups = groups if finished else [_before_activation(group) for group in groups]
        roles = {name: role for group in groups for name, role in _roles(group.parts).items()}
        return Bound(tuple(groups), roles, self._classes(first), why)

    def _is_finished(self, tables: Tables) -> bool:
        return all(self.is_finished(tables[role]) for role in IN_0_TO_1 if role in tables)


def _shown(group: Group, evidence: Evidence) -> Tables:
    """The rows of a trial run."""
    card = evidence.card
    return group.tables(evidence.probe("textured"), group.cells(card.height, card.width))


def _widths(group: Group) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((part.role, part.channels) for part in group.parts))


def _in_one(group: Sequence[Level], outputs: Sequence[Output]) -> list[Assignment]:
    """The columns of a single output: all have their width, and classes what is left."""
    classes = group[0].channels - sum(sum(output.channels) for output in outputs)
    if len(group) != 1 or classes < 1:
        return []
    parts: list[Part] = []
    first = 0
    for output in outputs:
        last = first + (sum(output.channels) or classes)
        parts.append(Part(output.role, group[0].name, first, last))
        first = last
    return [tuple(parts)]


def _apart(group: Sequence[Level], outputs: Sequence[Output]) -> list[Assignment]:
    """All ways in which outputs have the channels of their roles."""
    if len(group) != len(outputs):
        return []
    found: dict[Assignment, None] = {}
    for order in permutations(outputs):
        pairs = list(zip(order, group, strict=True))
        if all(output.takes(level.channels) for output, level in pairs):
            parts = tuple(Part(output.role, level.name, 0, level.channels) for output, level in pairs)
            found[parts] = None
    return list(found)


def _roles(parts: Assignment) -> dict[str, str]:
    """Name of an output -> its role; of several columns, "distances, scores"."""
    found: dict[str, str] = {}
    for part in parts:
        found[part.name] = f"{found[part.name]}, {part.role}" if part.name in found else part.role
    return found


def _agrees(parts: Assignment, said: Mapping[str, str]) -> bool:
    """Whether roles are those that somebody says; logits are scores here."""
    roles = _roles(parts)
    return all(said.get(name, role).replace("logits", "scores") == role for name, role in roles.items())


def _is_complete(evidence: Evidence) -> bool:
    """Whether somebody says the roles of all outputs."""
    return {spec.name for spec in evidence.outputs} <= set(evidence.card.outputs)


def _before_activation(group: Group) -> Group:
    parts = [replace(part, role="logits") if part.role == "scores" else part for part in group.parts]
    return replace(group, parts=tuple(parts))
