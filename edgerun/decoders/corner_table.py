"""A table of decoded boxes and scores in any number of rows, which metadata or a user name: nothing else tells it.

Output [1, 4 + C, N] or [1, N, 4 + C]: x1 y1 x2 y2 in pixels of the input, a score per class in 0..1 that is multiplied
by an objectness already, if there is one. The number of labels tells which axis holds the columns.
Source: https://github.com/LibreYOLO/libreyolo (MIT), 1.6.0, backends/base.py, `_parse_yolo9` and `_parse_ssd`: its
YOLOv2, v3, v4, v7, SSD and the YOLOv9s that are not of three strides.
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Decoder, Evidence, Inference, Match, Sure
from edgerun.heads import value_checks
from edgerun.heads.grid_columns import Columns
from edgerun.heads.grid_rows import GridReader
from edgerun.heads.requirements import reject, require, verdict

__all__ = ["DECODERS"]

NAME = "corner-table"

MOST_INVERTED = 0.01
"""Fraction of the rows of a trial run whose x2 y2 may lie before their x1 y1."""

SAID = Inference("x1 y1 x2 y2 in pixels, as this decoder reads them", box_units="pixels")


@verdict
def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    require(card.decoder == NAME, "it reads what metadata or decoder= name so")
    require(len(evidence.outputs) == 1, "it needs one output [1, 4 + C, N] or [1, N, 4 + C]")
    (spec,) = evidence.outputs
    require(card.labels and len(spec.shape) == 3, "it needs labels, and an output of three axes")
    width = 4 + len(card.labels)
    places = [axis for axis in (1, 2) if spec.shape[axis] == width]
    require(len(places) == 1, f"of {list(spec.shape)} not just one axis is 4 + {len(card.labels)} labels long")
    reject(value_checks.coarse(spec))
    reader = GridReader(spec.name, places == [2], Columns("xyxy", "", len(card.labels)))
    output = evidence.probe("textured")[spec.name][0]
    reject(_objection(output.T if reader.rows_first else output))
    return Match.bringing(Sure.CERTAIN, f"{width} columns are 4 + {len(card.labels)} labels", SAID, decode=reader)


def _objection(table: np.ndarray) -> str:
    """What speaks against a table [4 + C, N] of a trial run; "" for nothing."""
    boxes, scores = table[:4], table[4:]
    if not np.isfinite(table).all():
        return "the numbers of a trial run are not all finite"
    if scores.min() < -value_checks.TOLERANCE or scores.max() > 1 + value_checks.TOLERANCE:
        return f"the scores of a trial run are {scores.min():.3g} .. {scores.max():.3g}, not 0..1"
    if (boxes[2:] < boxes[:2]).any(axis=0).mean() > MOST_INVERTED:
        return "the boxes of a trial run are not x1 y1 x2 y2"
    return ""


DECODERS = (Decoder(NAME, _matches),)
