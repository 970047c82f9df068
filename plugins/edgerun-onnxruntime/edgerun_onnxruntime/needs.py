"""What an .onnx file asks of ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from edgerun.contract import Graph, Need
from edgerun_onnxruntime.graph import GraphReader, is_ort, mapped

__all__ = ["needs"]

SINCE_OPSET = {
    8: "0.2", 9: "0.3", 10: "0.4", 11: "1.0", 12: "1.3", 13: "1.6", 14: "1.8", 15: "1.9", 16: "1.11", 17: "1.12",
    18: "1.14", 19: "1.15", 20: "1.17", 21: "1.18",
}  # fmt: skip
"""Opset of ai.onnx -> the first ONNX Runtime with it. Source: https://onnxruntime.ai/docs/reference/compatibility.html"""
SINCE_IR = {6: "1.0", 7: "1.3", 8: "1.9", 9: "1.16", 10: "1.18"}
"""IR version -> the first ONNX Runtime with it; the same source."""
LAST_KNOWN = "1.20"
"""The last ONNX Runtime that the two tables know."""

DOMAINS = {"", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft", "com.microsoft.nchwc"}
DOMAINS |= {"com.ms.internal.nhwc", "com.microsoft.experimental"}
"""Of operators that ONNX Runtime brings."""
MAX_SHOWN = 4
"""Custom operators that are named."""


class _Version(NamedTuple):
    """The first ONNX Runtime that knows something; `later` where it came after the last one that we know of."""

    major: int
    minor: int
    later: bool

    def __str__(self) -> str:
        return f"ONNX Runtime {'after ' if self.later else ''}{self.major}.{self.minor}"


def needs(path: Path) -> list[Need]:
    """The first ONNX Runtime that reads the file, and operators that somebody must bring; [] for .ort files.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    with mapped(path) as data:
        if is_ort(data):
            return []
        reader = GraphReader(data)
        graph = reader.read()
        opset, ir = reader.opsets().get("ai.onnx", 0), reader.ir_version()
    return [*_runtime(opset, ir), *_custom_operators(graph)]


def _runtime(opset: int, ir: int) -> list[Need]:
    reasons = {f"opset {opset}": _since(opset, SINCE_OPSET), f"IR version {ir}": _since(ir, SINCE_IR)}
    latest = max(reasons.values())
    if not latest.major:
        return []
    return [Need(str(latest), " and ".join(why for why, since in reasons.items() if since == latest))]


def _custom_operators(graph: Graph) -> list[Need]:
    custom = Counter(node.op for node in graph.nodes if node.op.rpartition(".")[0] not in DOMAINS)
    if not custom:
        return []
    shown = ", ".join(f"{count} × {op}" for op, count in sorted(custom.items())[:MAX_SHOWN])
    return [Need("a library of custom operators", shown)]


def _since(version: int, table: dict[int, str]) -> _Version:
    later = version > max(table)
    major, _, minor = (LAST_KNOWN if later else table.get(version, "0.0")).partition(".")
    return _Version(int(major), int(minor), later)
