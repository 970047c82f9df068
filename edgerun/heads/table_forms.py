"""A table of rows in a form that no family writes: turned, without the axis of the batch, or with one of 1 too many.

Converters and hand-made exports leave [1, C, N], [N, C], [1, 1, N, C] or [1, N, C, 1] of what a family gives as
[1, N, C]. Decoders are asked for the usual forms first, and for these where none of them reads the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure, TensorSpec
from edgerun.errors import DecoderUnknown

__all__ = ["TableForm", "forms", "in_any"]


class Choice(Protocol):
    """A decoder's verdict among others."""

    @property
    def match(self) -> Match:
        """The verdict."""


AnyChoice = TypeVar("AnyChoice", bound=Choice)


@dataclass(frozen=True, slots=True)
class TableForm:
    """How the one output of a model becomes a table [1, N, C].

    Attributes:
        output: its name.
        axes: the two axes that become N and C, in this order; all others are of 1.
    """

    output: str
    axes: tuple[int, int]

    def __call__(self, outputs: Arrays) -> Arrays:
        """The outputs with the table in its usual form, a view."""
        array = outputs[self.output]
        others = tuple(axis for axis in range(array.ndim) if axis not in self.axes)
        table = np.squeeze(array, others)
        turned = self.axes[0] > self.axes[1]
        return {**outputs, self.output: (table.T if turned else table)[None]}

    def seen(self, evidence: Evidence) -> Evidence:
        """What is known of a model that gives its table in the usual form."""
        fed = evidence.fed

        def probe(kind: Literal["blank", "textured"]) -> Arrays:
            return self(evidence.probe(kind))

        def fed_so(kind: Literal["blank", "textured"], fields: Mapping[str, Any]) -> Arrays:
            assert fed is not None  # it is handed on only then
            return self(fed(kind, fields))

        (spec,) = evidence.outputs
        table = TensorSpec(spec.name, self._shape(spec), spec.dtype, spec.quantization)
        return replace(evidence, outputs=[table], probe=probe, fed=None if fed is None else fed_so)

    def _shape(self, spec: TensorSpec) -> tuple[int | None, ...]:
        return (1, *(spec.shape[axis] for axis in self.axes))

    def reading(self, decoder: Decoder) -> Decoder:
        """The decoder for models that give its table in this form."""
        return replace(decoder, matches=partial(self._match, decoder))

    def _match(self, decoder: Decoder, evidence: Evidence) -> Match:
        match, (spec,) = decoder.matches(self.seen(evidence)), evidence.outputs
        decode = match.decode or decoder.decode
        if match.sure is Sure.NO or decode is None:
            return match
        why = f"{match.why}; its output {list(spec.shape)} is read as {list(self._shape(spec))}"
        return replace(match, why=why, decode=_Decoding(self, decode))


@dataclass(frozen=True, slots=True)
class _Decoding:
    """`Match.decode` behind a form."""

    form: TableForm
    decode: Callable[[Arrays, Frame], Candidates]

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        return self.decode(self.form(outputs), frame)


def forms(evidence: Evidence) -> list[TableForm]:
    """The forms in which the one output of a model may be a table, but for the one that it has.

    Rows on the first axis are those of one image, which only an input of one image makes sure.
    """
    if len(evidence.outputs) != 1:
        return []
    (spec,) = evidence.outputs
    long = [axis for axis, size in enumerate(spec.shape) if size != 1]
    if len(long) != 2 or (0 in long and evidence.image.shape[0] != 1):
        return []
    usual = (1, 2) if len(spec.shape) == 3 else None
    both = (long[0], long[1]), (long[1], long[0])
    return [TableForm(spec.name, axes) for axes in both if axes != usual]


def in_any(
    pick: Callable[[Sequence[Decoder]], AnyChoice], evidence: Evidence, decoders: Sequence[Decoder]
) -> AnyChoice:
    """The choice among decoders for the outputs as they are, else for the form in which one is surest.

    Args:
        pick: chooses among decoders.
        evidence: of the model.
        decoders: all that are known.

    Raises:
        DecoderUnknown: none reads the outputs in any form.
        DecoderAmbiguous: several do.
    """
    try:
        return pick(decoders)
    except DecoderUnknown:
        found: list[AnyChoice] = []
        for form in forms(evidence):
            with suppress(DecoderUnknown):
                found.append(pick([form.reading(decoder) for decoder in decoders]))
        if not found:
            raise
        return max(found, key=lambda choice: choice.match.sure)  # the first of two: some read a table turned as well
