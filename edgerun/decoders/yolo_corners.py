"""No objectness, and corners where YOLOv8 has centres: what LibreYOLO exports of YOLOv2 to v9, SSD, PicoDet and RTMDet.

Output [1, 4 + C, N] or [1, N, 4 + C]: x1 y1 x2 y2 in pixels, a score per class after the sigmoid or softmax. Where
nothing names the decoder there is one row for each cell of a grid; where the card names it, N may be any number. The
families are fed in several ways, which the output does not tell; LibreYOLO's own metadata does.
Source: https://github.com/LibreYOLO/libreyolo (MIT), 1.6.0, backends/base.py (`_parse_yolo9` and its siblings).
"""

from __future__ import annotations

from edgerun.contract import Alternative, Convention, Decoder, Evidence, Match, Sure
from edgerun.heads import corner_tables, input_conventions
from edgerun.heads.grid_rows import grid_rows

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
    named = evidence.card.decoder == NAME
    return corner_tables.matches(evidence, LIBREYOLO, HABITS) if named else ON_A_GRID.matches(evidence)


DECODERS = (Decoder(NAME, _matches),)
