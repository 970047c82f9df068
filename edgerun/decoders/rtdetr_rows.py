"""RT-DETR as Ultralytics exports it since 2026: one table [1, N, 6] of cx cy w h in 0..1, score and class.

Images are stretched, and no row is suppressed. The metadata name the head; without them the decoder must be named.
Source: https://docs.ultralytics.com/models/rtdetr/ and https://github.com/ultralytics/ultralytics/pull/26142, for the
behaviour; Zhao et al., arXiv 2304.08069, for the head.
"""

from __future__ import annotations

from edgerun.contract import Sure
from edgerun.heads.exporter_head import RTDETR, RTDETR_FED
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

DECODERS = (finished_table("rtdetr-rows", "cxcywh score class", RTDETR_FED, units="unit", head=RTDETR, empty=Sure.NO),)
