"""RT-DETR as Ultralytics exported it before 2026: one table [1, N, 4 + C] of cx cy w h in 0..1 and a score a class.

Images are stretched, and no row is suppressed. Where no metadata name the head, the decoder must be named.
Source: https://docs.ultralytics.com/models/rtdetr/ and https://github.com/ultralytics/ultralytics/pull/26142, for the
behaviour; Zhao et al., arXiv 2304.08069, for the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.heads import box_formats, exporter_head, finished_rows, scores, value_checks
from edgerun.heads.requirements import reject, require, verdict

__all__ = ["DECODERS"]

SCORES = "rtdetr-scores"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads rows [1, N, 4 + C] of the output of this name."""

    table: str

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The queries whose best class scores enough.

        Raises:
            DecoderUnknown: the rows cannot be so.
        """
        rows = outputs[self.table][0]
        rows = rows[np.isfinite(rows).all(axis=1)]
        kept, found, classes = scores.best(np.ascontiguousarray(rows[:, 4:]), frame.conf)
        boxes = cxcywh_to_xyxy(rows[kept, :4])
        finished_rows.demand(boxes, found, classes, frame.card, frame.conf)
        return Candidates(boxes, found, classes)


@verdict
def _matches(evidence: Evidence) -> Match:
    shapes = [(spec.name, spec.shape) for spec in evidence.outputs if len(spec.shape) == 3 and spec.shape[0] == 1]
    require(len(evidence.outputs) == len(shapes) == 1, "it needs one output [1, N, 4 + C]")
    (name, (_, count, width)), labels = shapes[0], len(evidence.card.labels)
    classes = (width or 0) - 4
    require(classes > 0 and labels in (0, classes), f"{width} columns are not a box and {labels} classes")
    reads = evidence.card.task == "detect" or not evidence.known("task")
    require(reads, f"it reads detect models, not {evidence.card.task}")
    rows = evidence.probe("textured")[name][0]
    boxes, found = rows[:, :4], rows[:, 4:]
    require(value_checks.shares(found), "what should be scores leaves 0..1 in a probe run")
    require(not finished_rows.whole(found[:, -1]), "the last column of a probe run may be the number of a class")
    require(value_checks.unit(boxes), "the boxes of a probe run are not in 0..1")
    reject(box_formats.outside(boxes, "cx cy w h"))
    said = evidence.card.decoder == SCORES or exporter_head.of(evidence) == exporter_head.RTDETR
    require(said, f'no metadata name the head {exporter_head.RTDETR}; if it is one, say decoder="{SCORES}"')
    units = Inference("boxes of a probe run are cx cy w h in 0..1", box_units="unit")
    why = f"{count} queries of a box in 0..1 and {classes} scores"
    return Match.bringing(Sure.CERTAIN, why, *exporter_head.RTDETR_FED, units, decode=Reader(name))


DECODERS = (Decoder(SCORES, _matches, suppress=False),)
