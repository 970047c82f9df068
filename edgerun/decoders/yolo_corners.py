"""No objectness, and corners where YOLOv8 has centres: what LibreYOLO exports of YOLOv2 to v9, SSD, PicoDet and RTMDet.

Output [1, 4 + C, N] or [1, N, 4 + C]: x1 y1 x2 y2 in pixels, a score per class after the sigmoid or softmax. Where
nothing names the decoder there is one row for each cell of a grid; where the card names it, N may be any number. The
families are fed in several ways, which the output does not tell; LibreYOLO's own metadata does.
Source: https://github.com/LibreYOLO/libreyolo (MIT), 1.6.0, backends/base.py (`_parse_yolo9` and its siblings).
"""

from __future__ import annotations

from edgerun.contract import Alternative, Convention, Decoder, Evidence, Inference, Match, Sure
from edgerun.heads import box_formats, input_conventions, value_checks
from edgerun.heads.grid_columns import Columns
from edgerun.heads.grid_rows import GridReader, grid_rows
from edgerun.heads.requirements import reject, require, verdict
from edgerun.tensors import TensorSpec

__all__ = ["DECODERS"]

NAME = "yolo-corners"

LIBREYOLO = Convention("LibreYOLO feeds them so", fill=114)

HABITS = {
    "mean": (
        Alternative({"resize": "letterbox-topleft", "mean": 0.0}, "YOLOv9"),
        Alternative({"resize": "stretch", **input_conventions.IMAGENET_DEVIATIONS}, "PicoDet"),
        Alternative({"resize": "letterbox-topleft", **input_conventions.MMDETECTION}, "RTMDet"),
    )
}

ON_A_GRID = grid_rows(NAME, "xyxy scores", LIBREYOLO, labelled=Sure.LIKELY, unsettled=HABITS)


def _matches(evidence: Evidence) -> Match:
    """By a grid and by values where nobody names the decoder; by its columns alone where the card does."""
    return _matches_named(evidence) if evidence.card.decoder == NAME else ON_A_GRID.matches(evidence)


@verdict
def _matches_named(evidence: Evidence) -> Match:
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
    return Match.bringing(Sure.LIKELY, why, LIBREYOLO, seen, unsettled=HABITS, decode=reader)


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


DECODERS = (Decoder(NAME, _matches),)
