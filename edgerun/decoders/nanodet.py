"""NanoDet: class scores and, for each side of the box, a distribution over its distance in cells.

Per stride cls [1, N, C] and dis [1, N, 4 · bins] (the first NanoDet), or all strides in one [1, N, C + 4 · bins].
Side = stride · Σ i · softmax(dis)_i, from the centre of the cell; NanoDet-Plus, known by its stride 64, counts from the
cell's corner. Source: github.com/RangiLyu/nanodet (Apache-2.0), `gfl_head.py` and `nanodet_plus_head.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edgerun.contract import Convention, Evidence, Inference, Sure
from edgerun.graphs import output_kinds
from edgerun.heads import dfl, grids, levels, value_checks
from edgerun.heads.bound_outputs import Group, Part
from edgerun.heads.readings import Bound, Observed, Reading, certain, decoder
from edgerun.heads.side_distances import SideDistances, in_bins
from edgerun.heads.stride_outputs import Output, StrideOutputs
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

BINS = (8, 11)
"""`reg_max` 7 or 10, and the 0."""

FIRST, PLUS = (8, 16, 32), (8, 16, 32, 64)
"""Strides of the first NanoDet and of NanoDet-Plus."""

FED = (
    Convention(
        "NanoDet is trained so", resize="stretch", color="bgr", scale=1.0, mean=(103.53, 116.28, 123.675),
        std=(57.375, 57.12, 58.395),
    ),
    Convention("NanoDet is tested so", iou=0.6),
)  # fmt: skip
FED_TO_LITE = Inference(
    "activations cut at 6, as in EfficientNet-Lite, with which NanoDet takes (p - 127) / 128", mean=127.0, std=128.0
)


def _by_backbone(observed: Observed) -> Iterable[Convention]:
    """The backbone tells, where the graph can be read."""
    return (FED_TO_LITE,) if output_kinds.has(observed.evidence.graph(), "clip", "relu6") else ()


def _sure(observed: Observed) -> Sure:
    """Exports of its authors name their outputs."""
    names = list(observed.bound.roles)
    named = all("stride" in name for name in names) and any(name.startswith("dis_pred") for name in names)
    return Sure.CERTAIN if named else Sure.LIKELY


@dataclass(frozen=True)
class InOneTable:
    """The rows of all strides in one output, scores before distributions; a `Binding`."""

    strides: tuple[int, ...]

    def __call__(self, evidence: Evidence) -> Bound | str:
        """The columns, whose scores are told from logits by a trial run."""
        card = evidence.card
        count = grids.cells(card.height, card.width, self.strides)
        table = levels.of_rows(levels.specs(evidence.outputs), count)
        if len(table) != 1:
            return "it needs one output [1, N, C + 4 · bins], one row per cell of strides 8, 16, 32 and perhaps 64"
        name, columns = table[0].name, table[0].channels
        classes = _scores_among(levels.rows(evidence.probe("textured")[name], count, 1))
        bins, rest = divmod(columns - classes, 4)
        if bins not in BINS or rest or not classes:
            return f"of {columns} columns the first {classes} are scores, and no four distributions follow"
        parts = Part("scores", name, 0, classes), Part("distances", name, classes, columns)
        why = f"{classes} scores and 4 x {bins} bins at strides {', '.join(map(str, self.strides))}"
        return Bound((Group(self.strides, parts),), {name: "scores, distances"}, classes, why)


def _scores_among(rows: AnyArray) -> int:
    """How many columns from the first are scores: those in 0..1; the logits behind them fall below."""
    inside: AnyArray = np.all((rows >= -value_checks.TOLERANCE) & (rows <= 1 + value_checks.TOLERANCE), axis=0)
    return len(inside) if inside.all() else int(inside.argmin())


SPLIT = StrideOutputs(FIRST, (Output("scores"), dfl.output(*BINS)), fits=dfl.scores_are_told)
CENTRE, CORNER = SideDistances(0.5, in_bins), SideDistances(0.0, in_bins)

DECODERS = (
    decoder(
        "nanodet",
        Reading(InOneTable(FIRST), CENTRE, FED, _by_backbone, sure=certain),
        Reading(InOneTable(PLUS), CORNER, FED, _by_backbone, sure=certain),
    ),
    decoder("nanodet-split", Reading(SPLIT, CENTRE, FED, _by_backbone, dfl.objection, _sure)),
)
