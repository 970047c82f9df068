"""Older names of what stands in `input_conventions`, for the families that still use them."""

from __future__ import annotations

from typing import Any

from edgerun.contract import Evidence
from edgerun.heads import input_conventions
from edgerun.heads.input_conventions import channels_last

__all__ = ["IMAGENET", "channels_last", "tensorflow"]

IMAGENET: dict[str, Any] = dict(input_conventions.IMAGENET_INPUT)


def tensorflow(evidence: Evidence) -> tuple[dict[str, Any], dict[str, str]]:
    """`input_conventions.of_tensorflow` as (fields, basis)."""
    return input_conventions.as_pairs(input_conventions.of_tensorflow(evidence))
