"""Conventions from pairs of fields and reasons, as `image_inputs` and `input_conventions` give them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from edgerun.contract import Convention, Inference

__all__ = ["grouped"]

KINDS = {kind.KIND: kind for kind in (Convention, Inference)}


def grouped(fields: Mapping[str, Any], basis: Mapping[str, str]) -> tuple[Convention, ...]:
    """One convention or inference for each reason in `basis` ("convention: …" or "inferred: …")."""
    by_reason: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in fields.items():
        by_reason[basis[name]][name] = value
    return tuple(_of(source, named) for source, named in by_reason.items())


def _of(source: str, fields: Mapping[str, Any]) -> Convention:
    kind, _, reason = source.partition(": ")
    return KINDS[kind](reason, **fields)
