"""The times that ExecuTorch's ETDump holds.

Source of the layout: executorch/devtools/etdump/etdump_schema_flatcc.fbs of ExecuTorch 1.5 (BSD-3).
"""

from __future__ import annotations

from pathlib import Path

from edgerun.wire import flatbuffers

__all__ = ["read"]

CALLS = ("OPERATOR_CALL", "DELEGATE_CALL")
"""Events that span one instruction; others lie inside of those or around them."""


def read(path: Path) -> dict[tuple[int, int], list[float]]:
    """(chain, instruction) -> milliseconds of each run; {} where nothing was recorded.

    ExecuTorch counts in nanoseconds on desktops and phones.
    """
    data = path.read_bytes()[4:]  # its own length comes first
    spent: dict[tuple[int, int], list[float]] = {}
    if data[4:8] != b"ED00":
        return spent
    for run in flatbuffers.root(data).tables(1):
        for entry in run.tables(3):
            event = entry.table(0)
            if event is not None and event.text(0) in CALLS:
                took = (event.number(7, "Q") - event.number(6, "Q")) / 1e6
                spent.setdefault((event.number(1, "i"), event.number(2, "i", -1)), []).append(took)
    return spent
