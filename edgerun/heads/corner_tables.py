"""Tables of corners and class scores in any number of rows, which only the name of a decoder tells from others.

[1, 4 + C, N] or [1, N, 4 + C]: x1 y1 x2 y2 in pixels, a score per class in 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.contract import Convention, Evidence, Inference, Match, Sure
from edgerun.contract.convention import Alternatives
from edgerun.heads import box_formats, value_checks
from edgerun.heads.grid_columns import Columns
from edgerun.heads.grid_rows import GridReader
from edgerun.heads.requirements import reject, require, verdict
from edgerun.tensors import TensorSpec

__all__ = ["matches"]


@verdict
def matches(evidence: Evidence, convention: Convention, unsettled: Mapping[str, Alternatives]) -> Match:
    """What a decoder says that the card names, which brings a convention and leaves fields open.

    Args:
        evidence: what is known of the model.
        convention: how the family is fed.
        unsettled: field -> what it may be, of fields that the outputs do not tell.
    """
    require(evidence.card.task == "detect", f"it reads detect models, not {evidence.card.task}")
    require(len(evidence.outputs) == 1, f"it needs one output, not {len(evidence.outputs)}")
    spec = evidence.outputs[0]
    reject(value_checks.coarse(spec))
    rows_first = _rows_first(spec, len(evidence.card.labels))
    values = evidence.probe("textured")[spec.name][0]
    table = values.T if rows_first else values
    require(not box_formats.crosses(table[:4].T), "the boxes of a trial run are not corners x1 y1 x2 y2")
    require(not value_checks.unit(table[:4].T), "the boxes of a trial run are in 0..1, not in pixels")
    require(value_checks.shares(table[4:]), "the class scores of a trial run leave 0..1")
    why = f"{table.shape[1]} rows of corners and {len(table) - 4} scores each, as named"
    seen = Inference(f"boxes of a probe run reach {abs(table[:4]).max():.4g}", box_units="pixels")
    reader = GridReader(spec.name, rows_first, Columns("xyxy", "", len(table) - 4))
    return Match.bringing(Sure.LIKELY, why, convention, seen, unsettled=unsettled, decode=reader)


def _rows_first(spec: TensorSpec, labels: int) -> bool:
    """Whether a table is [1, N, 4 + C] rather than [1, 4 + C, N]: by the labels, else there are more rows than columns.

    Raises:
        Unmet: it is neither.
    """
    shaped = len(spec.shape) == 3 and spec.shape[0] == 1 and None not in spec.shape
    require(shaped, "it needs an output [1, 4 + C, N] or [1, N, 4 + C]")
    second, third = (size or 0 for size in spec.shape[1:])
    wanted = 4 + labels if labels else min(second, third)
    require(wanted in (second, third) and wanted > 4, f"{second} and {third} are not 4 + {labels} columns")
    return wanted != second
