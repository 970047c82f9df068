"""ONNX Runtime's profile of some runs, read into a coverage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.contract import Coverage, Placed

__all__ = ["read"]

HOLDERS = ("If", "Loop", "Scan")
"""Operators whose time is that of the nodes inside, which are counted themselves."""


def read(
    path: Path, runs: int, delegate: Callable[[str], str], assigned: Mapping[str, Sequence[Sequence[str]]]
) -> Coverage:
    """Nodes with the mean of their times, from a profile of a session.

    Args:
        path: the JSON that `end_profiling` names.
        runs: of the session; the first is left out, because it settles memory.
        delegate: gives the delegate of an execution provider.
        assigned: provider -> kinds of the nodes in each part of the graph that it was assigned.
    """
    everything = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    starts = sorted(event["ts"] for event in everything if event["name"] == "model_run")
    counted = starts[1] if len(starts) > 1 else 0
    spent: dict[tuple[str, str, str], float] = {}
    seen: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for event in everything:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time") and event["ts"] >= counted:
            key = (event["args"]["provider"], event["args"]["node_index"], event["name"])
            spent[key] = spent.get(key, 0.0) + event["dur"] / 1000 / max(1, runs - 1)
            seen[key] = event["args"]
    fused = {provider: iter(_fused(provider, seen.values(), parts)) for provider, parts in assigned.items()}
    placed = []
    for (provider, index, name), arguments in seen.items():
        nodes = next(fused.get(provider, iter(())), 0)
        kind = arguments["op_name"]
        placed.append(
            Placed(
                "subgraph" if nodes else kind,
                delegate(provider),
                name.removesuffix("_kernel_time").removeprefix(f"{provider}_"),
                _shape(arguments.get("output_type_shape", ())),
                milliseconds=None if kind in HOLDERS else spent[provider, index, name],
                nodes=max(1, nodes),
            )
        )
    return Coverage("measured", f"ONNX Runtime's profile of {max(1, runs - 1)} runs", tuple(placed))


def _fused(provider: str, seen: Iterable[Mapping[str, Any]], parts: Sequence[Sequence[str]]) -> list[int]:
    """How many nodes stand behind each of a provider's, where it compiles parts of the graph; [] where it does not.

    Such a provider runs one node for each part, of a kind of its own; one with kernels runs the kinds of the file.
    """
    kinds = {kind for part in parts for kind in part}
    ran = [arguments["op_name"] for arguments in seen if arguments["provider"] == provider]
    return [len(part) for part in parts] if len(ran) == len(parts) and not kinds.intersection(ran) else []


def _shape(outputs: Sequence[Mapping[str, Sequence[int]]]) -> tuple[int, ...] | None:
    return next((tuple(shape) for output in outputs for shape in output.values()), None)
