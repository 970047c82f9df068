"""Families as data: how outputs are bound to their roles, the formula that reads them, and what the family is fed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from edgerun.contract import Convention, Decoder, Evidence, Inference, Match, Sure
from edgerun.heads import output_roles
from edgerun.heads.bound_outputs import Formula, Group, Reader
from edgerun.heads.requirements import STAND_IN
from edgerun.tensors import AnyArray

__all__ = [
    "STAND_IN",
    "Binding",
    "Bound",
    "Observed",
    "OfClasses",
    "Reading",
    "Undecided",
    "certain",
    "decoder",
    "label_mismatch",
]


@dataclass(frozen=True, slots=True)
class Bound:
    """Outputs and their roles.

    Attributes:
        groups: as `Reader` takes them.
        roles: name of an output -> its role, as the card shows it.
        classes: how many classes are scored, without a background; 0 where the family has one kind of object.
        why: what was seen, in half a sentence.
    """

    groups: tuple[Group, ...]
    roles: Mapping[str, str]
    classes: int
    why: str

    def renamed(self, before: str, after: str) -> Bound:
        """The same with another word for a role."""
        groups = tuple(group.renamed(before, after) for group in self.groups)
        return replace(self, groups=groups, roles=output_roles.of_groups(groups))


class Undecided(str):
    """Why outputs that have the shapes of a family cannot be told from one another."""

    __slots__ = ()


Binding = Callable[[Evidence], Bound | str]
"""What finds out which output is what; a text says why they are not such outputs, or are `Undecided`."""


class Observed(NamedTuple):
    """Bound outputs beside all that is known of the model.

    Attributes:
        evidence: of the model.
        bound: its outputs and their roles.
    """

    evidence: Evidence
    bound: Bound

    @property
    def classes(self) -> int:
        """How many classes are scored."""
        return self.bound.classes

    @property
    def roles_given(self) -> bool:
        """Whether somebody has named the role of every output."""
        return set(self.evidence.card.outputs) >= set(self.bound.roles)

    def tables(self, *roles: str) -> list[AnyArray]:
        """Rows [N, channels] of a trial run that have one of these roles, the finest stride first."""
        found: list[AnyArray] = []
        for group in self.bound.groups:
            tables = group.trial_rows(self.evidence)
            found += [tables[role] for role in roles if role in tables]
        return found


def likely(_: Observed) -> Sure:
    """Sure.LIKELY, whatever was seen."""
    return Sure.LIKELY


def certain(_: Observed) -> Sure:
    """Sure.CERTAIN, whatever was seen."""
    return Sure.CERTAIN


@dataclass(frozen=True)
class OfClasses:
    """How sure the number of classes makes a family: toolboxes differ in how many they count in a data set.

    Attributes:
        counts: as many as its data sets have.
    """

    counts: tuple[int, ...]

    def __call__(self, observed: Observed) -> Sure:
        """Sure.LIKELY for one of the counts, else Sure.POSSIBLE."""
        return Sure.LIKELY if observed.classes in self.counts else Sure.POSSIBLE


def no_objection(_: Observed) -> str:
    """Nothing speaks against it."""
    return ""


def nothing_more(_: Observed) -> Iterable[Convention]:
    """No conventions but the family's own."""
    return ()


LEAST_SIDE = 64
"""Pixels of an input: two cells of stride 32. Exporters feed 32 x 32 or less where only a trace is wanted."""


class Reading(NamedTuple):
    """One way in which a family writes its outputs.

    Attributes:
        binding: which output is what.
        formula: how rows become candidates.
        conventions: card fields that the family brings.
        further: conventions and inferences that depend on what was seen; they count before the others.
        objection: why the values of a trial run speak against the family; "" where they do not.
        sure: how sure it is where nothing speaks against it.
        tells_roles: whether the card shows which output is what.
        least_side: pixels; an input with a smaller side holds no object that the family could find.
    """

    binding: Binding
    formula: Formula
    conventions: tuple[Convention, ...]
    further: Callable[[Observed], Iterable[Convention]] = nothing_more
    objection: Callable[[Observed], str] = no_objection
    sure: Callable[[Observed], Sure] = likely
    tells_roles: bool = True
    least_side: int = LEAST_SIDE

    def matches(self, evidence: Evidence) -> Match:
        """The verdict on a model's outputs, with a reader that is bound to them."""
        bound = self.binding(evidence)
        if isinstance(bound, Undecided):
            return Match(Sure.NO, self._stand_in(evidence) or str(bound))
        if isinstance(bound, str):
            return Match(Sure.NO, bound)
        observed = Observed(evidence, bound)
        wrong = self._stand_in(evidence) or label_mismatch(evidence, bound.classes) or self.objection(observed)
        if wrong:
            return Match(Sure.NO, wrong)
        brought = [*self.conventions, *self.further(observed)]
        if self.tells_roles:
            brought.append(Inference("shapes, and values of a probe run", outputs=bound.roles))
        reader = Reader(bound.groups, self.formula)
        return Match.bringing(self.sure(observed), bound.why, *brought, decode=reader)

    def _stand_in(self, evidence: Evidence) -> str:
        """Why the size of the input is that of a stand-in image of an export; "" where it may be meant."""
        height, width = evidence.card.height, evidence.card.width
        if min(height, width) >= self.least_side:
            return ""
        return (
            f"{width} x {height} pixels are {STAND_IN}, in which no object of the family fits; its sides must be "
            f"{self.least_side} or more"
        )


def label_mismatch(evidence: Evidence, classes: int) -> str:
    """Why so many classes are not the labels that are said; "" where they are, or where no labels are said."""
    labels = len(evidence.card.labels)
    if labels and classes and labels != classes:
        return f"{classes} classes are not {labels} labels"
    return ""


def decoder(name: str, *readings: Reading, suppress: bool = True) -> Decoder:
    """A family that writes its outputs in one of these ways; the first that fits counts."""
    return Decoder(name, partial(_first_match, readings), suppress=suppress)


def _first_match(readings: tuple[Reading, ...], evidence: Evidence) -> Match:
    refusals = []
    for reading in readings:
        match = reading.matches(evidence)
        if match.sure is not Sure.NO:
            return match
        refusals.append(match)
    return refusals[-1]
