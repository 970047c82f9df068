"""Conventions and alternatives from texts, as `image_inputs` and `input_conventions` give them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from edgerun.contract import Alternative, Convention, Inference
from edgerun.contract.convention import as_alternatives

__all__ = ["alternatives", "grouped"]

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


def alternatives(unsettled: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[Alternative, ...]]:
    """The values that {field: {arguments: who does so}} stands for."""
    return {name: as_alternatives(habits) for name, habits in unsettled.items()}
