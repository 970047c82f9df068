"""Core ML's own suppression: `confidence` [M, C] and `coordinates` [M, 4], rows that have been suppressed.

A row of coordinates is centre x, centre y, width, height in 0..1 of the image that the model saw; a row of
confidence holds the scores of all classes, of which the best counts. M differs from image to image; where the file
fixes it, rows of zeros fill it.
Source: NonMaximumSuppression.proto of coremltools (BSD-3-Clause); Vision reads the same pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.heads import finished_rows
from edgerun.heads.requirements import require, verdict

__all__ = ["DECODERS"]

CONFIDENCE, COORDINATES = "confidence", "coordinates"
ANSWERS = (
    Convention("Core ML's suppression answers so", box_units="unit"),
    Convention("Create ML trains so, and Apple's examples fill the input (scaleFill)", resize="stretch"),
    Inference("confidence and coordinates are finished detections", suppressed=True),
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the pair of outputs of these names."""

    confidence: str = CONFIDENCE
    coordinates: str = COORDINATES

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """The rows that score enough, and more than what fills a table.

        Raises:
            DecoderUnknown: the rows cannot be so.
        """
        confidence, stored = outputs[self.confidence], outputs[self.coordinates]
        scores, classes = confidence.max(axis=1), confidence.argmax(axis=1).astype(np.int32)
        boxes, meant = cxcywh_to_xyxy(stored), finished_rows.are_filled(stored) & (scores > 0) & np.isfinite(scores)
        finished_rows.demand(boxes[meant], scores[meant], classes[meant], frame.card, frame.conf)
        kept = np.flatnonzero(meant & (scores >= frame.conf))
        return Candidates(boxes[kept], scores[kept].astype(np.float32), classes[kept])


@verdict
def _matches(evidence: Evidence) -> Match:
    given = {role: name for name, role in evidence.card.outputs.items()}
    reader = Reader(given.get(CONFIDENCE, CONFIDENCE), given.get(COORDINATES, COORDINATES))
    shapes = {spec.name: tuple(spec.shape) for spec in evidence.outputs}
    require({reader.confidence, reader.coordinates} <= set(shapes), "it needs the outputs confidence and coordinates")
    confidence, coordinates = shapes[reader.confidence], shapes[reader.coordinates]
    tables = (len(confidence), coordinates) == (2, (*confidence[:1], 4))
    require(tables, f"confidence [M, C] and coordinates [M, 4] are needed, not {confidence} and {coordinates}")
    classes, labels = confidence[1], len(evidence.card.labels)
    require(labels in (0, classes), f"{classes} classes contradict the {labels} labels")
    roles = {reader.confidence: CONFIDENCE, reader.coordinates: COORDINATES}
    bound = Inference("the names of the outputs", outputs=roles)
    why = f"confidence and coordinates of {classes} classes, suppressed"
    return Match.bringing(Sure.CERTAIN, why, *ANSWERS, bound, decode=reader)


DECODERS = (Decoder("coreml-nms", _matches, suppress=False),)
