"""What a detector answers: frozen columns in image pixels, which read as rows."""

from __future__ import annotations

from edgerun.card.labels import COCO_IDS
from edgerun.detections.results import Detections
from edgerun.detections.rows import Detection

__all__ = ["COCO_IDS", "Detection", "Detections"]
