"""NanoDet: class scores and, for each side of the box, a distribution over its distance in cells.

Per stride cls [1, N, C] and dis [1, N, 4 · bins] (the first NanoDet), or all strides in one [1, N, C + 4 · bins].
Side = stride · Σ i · softmax(dis)_i, from the centre of the cell; NanoDet-Plus, known by its stride 64, counts from the
cell's corner. Source: github.com/RangiLyu/nanodet (Apache-2.0), `gfl_head.py` and `nanodet_plus_head.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgerun.contract import Convention, Inference, Sure
from edgerun.graphs import output_kinds
from edgerun.heads import dfl
from edgerun.heads.dfl_table import DflTable
from edgerun.heads.input_conventions import MMDETECTION
from edgerun.heads.readings import Observed, Reading, certain, decoder
from edgerun.heads.side_distances import SideDistances, in_bins
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

BINS = (8, 11)
"""`reg_max` 7 or 10, and the 0."""

FIRST, PLUS = (8, 16, 32), (8, 16, 32, 64)
"""Strides of the first NanoDet and of NanoDet-Plus."""

CONVENTIONS = (
    Convention("NanoDet is trained so", resize="stretch", **MMDETECTION),
    Convention("NanoDet is tested so", iou=0.6),
)
LITE_CONVENTIONS = Inference("activations cut at 6: EfficientNet-Lite takes (p - 127) / 128", mean=127.0, std=128.0)


def _by_backbone(observed: Observed) -> Iterable[Convention]:
    """The backbone tells, where the graph can be read."""
    return (LITE_CONVENTIONS,) if output_kinds.has(observed.evidence.graph(), "clip", "relu6") else ()


def _sure(observed: Observed) -> Sure:
    """Exports of its authors name their outputs."""
    names = list(observed.bound.roles)
    named = all("stride" in name for name in names) and any(name.startswith("dis_pred") for name in names)
    return Sure.CERTAIN if named else Sure.LIKELY


SPLIT = StrideOutputs(FIRST, (Output("scores"), dfl.output(*BINS)), fits=dfl.only_scores_in_0_to_1)
CENTRE, CORNER = SideDistances(0.5, in_bins), SideDistances(0.0, in_bins)

DECODERS = (
    decoder(
        "nanodet",
        Reading(DflTable(FIRST, BINS), CENTRE, CONVENTIONS, _by_backbone, sure=certain),
        Reading(DflTable(PLUS, BINS), CORNER, CONVENTIONS, _by_backbone, sure=certain),
    ),
    decoder("nanodet-split", Reading(SPLIT, CENTRE, CONVENTIONS, _by_backbone, dfl.objection, _sure)),
)
