"""Core ML's own suppression: `confidence` [M, C] and `coordinates` [M, 4], rows that have been suppressed.

A row of coordinates is centre x, centre y, width, height in 0..1 of the picture that the model saw; a row of
confidence holds the scores of all classes, of which the best counts. M differs from picture to picture; where the file
fixes it, rows of zeros fill it.
Source: NonMaximumSuppression.proto of coremltools (BSD-3-Clause); Vision reads the same pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure, TensorSpec

__all__ = ["DECODERS"]

ROLES = ("confidence", "coordinates")


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {role: outputs[name] for name, role in frame.card.outputs.items()}
    confidence = by_role["confidence"].reshape(-1, by_role["confidence"].shape[-1])
    coordinates = by_role["coordinates"].reshape(-1, 4)
    scores = confidence.max(axis=1)
    kept = np.flatnonzero((scores >= frame.conf) & (scores > 0))
    classes = confidence[kept].argmax(axis=1).astype(np.int32)
    return Candidates(cxcywh_to_xyxy(coordinates[kept]), scores[kept].astype(np.float32), classes)


def _bound(outputs: Sequence[TensorSpec], given: Mapping[str, str]) -> tuple[Mapping[str, str], str]:
    """Name -> role, and how that is known; {} where it is not."""
    names = [spec.name for spec in outputs]
    if set(ROLES) <= set(given.values()):
        return given, ""
    if set(ROLES) <= set(names):
        return {role: role for role in ROLES}, "inferred: the names of the outputs"
    return {}, ""


def _matches(evidence: Evidence) -> Match:
    bound, how = _bound(evidence.outputs, evidence.card.outputs)
    if not bound:
        return Match(Sure.NO, "it needs the outputs confidence and coordinates")
    shapes = {bound[spec.name]: spec.shape for spec in evidence.outputs if spec.name in bound}
    if set(shapes) != set(ROLES):
        return Match(Sure.NO, "the outputs that the card names are not there")
    confidence, coordinates = shapes["confidence"], shapes["coordinates"]
    if len(confidence) != 2 or len(coordinates) != 2 or coordinates[1] != 4 or confidence[0] != coordinates[0]:
        return Match(
            Sure.NO, f"confidence [M, C] and coordinates [M, 4] are needed, not {confidence} and {coordinates}"
        )
    labels = len(evidence.card.labels)
    if labels and confidence[1] != labels:
        return Match(Sure.NO, f"{confidence[1]} classes contradict the {labels} labels")
    conventions = {"outputs": bound, "box_units": "unit", "suppressed": True, "resize": "stretch"}
    basis = dict.fromkeys(conventions, "convention: Core ML's suppression answers so")
    basis["resize"] = "convention: Create ML trains so, and Apple's examples fill the input (scaleFill)"
    basis |= {"outputs": how, "suppressed": "inferred: confidence and coordinates are finished detections"}
    return Match(Sure.CERTAIN, f"confidence and coordinates of {confidence[1]} classes, suppressed", conventions, basis)


DECODERS = (Decoder("coreml-nms", _matches, _decode, suppress=False),)
