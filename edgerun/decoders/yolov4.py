"""YOLOv4 decoded in the graph, as PyTorch's exporters of it do: boxes and class scores apart.

boxes [1, N, 1, 4], x1 y1 x2 y2 in 0..1; confs [1, N, C], objectness times class; three anchors per cell.
Source: github.com/Tianxiaomo/pytorch-YOLOv4 (Apache-2.0), `yolo_layer.py`.
"""

from __future__ import annotations

import numpy as np

from edgerun.contract import Convention, Decoder, Evidence, Match, Sure
from edgerun.heads import grids
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.grid_pairs import PairReader
from edgerun.heads.requirements import require, verdict

__all__ = ["DECODERS"]

YOLOV4 = Convention(
    "YOLOv4 is run so by its exporter", resize="stretch", color="rgb", scale=1 / 255, box_units="unit", iou=0.6
)


@verdict
def _matches(evidence: Evidence) -> Match:
    card, specs = evidence.card, {len(spec.shape): spec for spec in evidence.outputs}
    require(len(evidence.outputs) == 2 and set(specs) == {3, 4}, "it needs boxes [1, N, 1, 4] and scores [1, N, C]")
    reader = PairReader(specs[4].name, specs[3].name)
    _, count, classes = specs[3].shape
    require(specs[4].shape[1:] == (count, 1, 4), "its boxes are not [1, N, 1, 4] beside scores [1, N, C]")
    grid = grids.grid_of(count, card.height, card.width, 3)
    require(grid, f"{count} rows are not three anchors per cell of a {card.width} x {card.height} input")
    require(len(card.labels) in (0, classes), f"{classes} columns of scores are not {len(card.labels)} labels")
    values = evidence.probe("textured")
    table = np.concatenate((values[reader.boxes][0, :, 0], values[reader.scores][0]), axis=1).T
    facts = GridFacts(table, grid or grids.Grid(card.height, card.width, ()))
    told = facts.in_unit_range(slice(4, None)) and facts.in_unit
    require(told, "the scores of a trial run leave 0..1, or its boxes are in pixels")
    require(not facts.corners_cross, "the boxes of a trial run are not x1 y1 x2 y2")
    why = f"{count} boxes in 0..1, {grid}, and {classes} classes"
    return Match.bringing(Sure.CERTAIN, why, YOLOV4, decode=reader)


DECODERS = (Decoder("yolov4", _matches),)
