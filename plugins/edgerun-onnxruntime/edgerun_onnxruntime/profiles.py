"""ONNX Runtime's profile of some runs, read into a coverage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.contract import Coverage, Placed

__all__ = ["read"]

HOLDERS = ("If", "Loop", "Scan")
"""Operators whose time is that of the nodes inside, which are counted themselves."""


def read(path: Path, runs: int, delegate: Callable[[str], str], assigned: Mapping[str, Sequence[int]]) -> Coverage:
    """Nodes with the mean of their times, from a profile of a session.

    Args:
        path: the JSON that `end_profiling` names.
        runs: of the session; the first is left out, because it settles memory.
        delegate: gives the delegate of an execution provider.
        assigned: provider -> how many nodes of the file stand behind each of its fused nodes, in their order.
    """
    everything = json.loads(path.read_text())
    starts = sorted(event["ts"] for event in everything if event["name"] == "model_run")
    counted = starts[1] if len(starts) > 1 else 0
    events = [
        event
        for event in everything
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time") and event["ts"] >= counted
    ]
    spent: dict[tuple[str, str, str], float] = {}
    seen: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for event in events:
        key = (event["args"]["provider"], event["args"]["node_index"], event["name"])
        spent[key] = spent.get(key, 0.0) + event["dur"] / 1000 / max(1, runs - 1)
        seen[key] = event["args"]
    fused = {provider: iter(counts) for provider, counts in assigned.items()}
    placed = []
    for (provider, index, name), arguments in seen.items():
        behind = next(fused[provider], 1) if provider in fused else 1
        kind = arguments["op_name"]
        placed.append(
            Placed(
                kind,
                delegate(provider),
                name.removesuffix("_kernel_time").removeprefix(f"{provider}_"),
                _shape(arguments.get("output_type_shape", ())),
                milliseconds=None if kind in HOLDERS else spent[provider, index, name],
                nodes=behind,
            )
        )
    return Coverage("measured", f"ONNX Runtime's profile of {max(1, runs - 1)} runs", tuple(placed))


def _shape(outputs: Sequence[Mapping[str, Sequence[int]]]) -> tuple[int, ...] | None:
    return next((tuple(shape) for output in outputs for shape in output.values()), None)
