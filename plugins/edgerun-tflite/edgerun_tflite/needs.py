"""What a .tflite file asks of LiteRT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from edgerun.contract import Need
from edgerun_tflite import graph
from edgerun_tflite.operators import EDGETPU, OPERATORS
from edgerun_tflite.signatures import POST_PROCESS

__all__ = ["needs"]

BUILT_IN = frozenset({*OPERATORS, POST_PROCESS})
"""Operators that LiteRT brings."""
MAX_SHOWN = 4
"""Operators that are named."""


def needs(path: Path) -> list[Need]:
    """The version that the converter noted, and operators that LiteRT does not bring.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    found = graph.read(path)
    version = found.opset.removeprefix("TFLite ")
    asked = [Need(f"TensorFlow Lite {version}", "min_runtime_version in the file")] if version else []
    custom = Counter(node.op for node in found.nodes if node.op not in BUILT_IN)
    flex = {op: count for op, count in custom.items() if op.startswith("Flex")}
    others = {op: count for op, count in custom.items() if op not in flex and op != EDGETPU}
    if flex:
        asked.append(Need("LiteRT with the operators of TensorFlow (Flex)", _counted(flex)))
    if EDGETPU in custom:
        asked.append(Need("an Edge TPU", "it was compiled for one"))
    if others:
        asked.append(Need("LiteRT with custom operators", _counted(others)))
    return asked


def _counted(counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{count} × {op}" for op, count in sorted(counts.items())[:MAX_SHOWN])
    rest = len(counts) - MAX_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown
