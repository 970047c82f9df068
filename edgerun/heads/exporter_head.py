"""The name of a network's last module, which Ultralytics' exporter writes as `head` into the metadata since 2026."""

from __future__ import annotations

import json
from collections.abc import Mapping

from edgerun.contract import Convention, Evidence, Inference

__all__ = ["RTDETR", "RTDETR_FED", "of", "of_others"]

RTDETR = "RTDETRDecoder"
"""Rows are cx cy w h in 0..1, and images are stretched, unlike those of all YOLO heads."""

MEMBER = "metadata.json"
"""The text that holds all metadata in files without a table of them."""


def of(evidence: Evidence) -> str:
    """The name; "" where the file does not tell."""
    text = evidence.metadata.get("head") or _in_member(evidence.metadata)
    return text if isinstance(text, str) else ""


def of_others(evidence: Evidence, *own: str) -> str:
    """Why the head that the file names is not one of a family's own; "" where it may be."""
    named = of(evidence)
    return f"the metadata name the head {named}" if named == RTDETR and named not in own else ""


def _in_member(metadata: Mapping[str, str | bytes]) -> object:
    try:
        content = json.loads(metadata.get(MEMBER, "{}"))
    except ValueError:
        return ""
    return content.get("head", "") if isinstance(content, Mapping) else ""


RTDETR_FED = (
    Convention("Ultralytics' RT-DETR is trained so", resize="stretch", color="rgb", scale=1 / 255),
    Inference("a head of queries", suppressed=True),
)
"""How Ultralytics feeds its RT-DETR, whose queries need no suppression."""
