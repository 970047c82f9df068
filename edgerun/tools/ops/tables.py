"""What a check of operators needs: the graph of a model, and the tables that installed plugins bring."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgerun.contract import Graph, ReadsGraphs, TellsSupport
from edgerun.contract.support_table import SupportTable, read_table
from edgerun.errors import InputError, ModelError, PluginError
from edgerun.formats.identify import identify
from edgerun.runtime.registry import Registry
from edgerun.tools.plugins_in_use import in_use

__all__ = ["open_graph", "pick", "tables"]

_READABLE = {"torchscript": "ask about the .onnx or .tflite file that is exported from it"}
"""Format whose operators no plugin reads -> what to do instead."""


def open_graph(model: str | Path, *, registry: Registry | None = None) -> tuple[Path, str, Graph]:
    """The path, the format and the graph of a model.

    Args:
        model: path of a file, or the name of a model that comes with edgerun.
        registry: plugins to use; None for all that are installed.

    Raises:
        ModelError: the file is missing or damaged, or no installed plugin reads graphs of its format.
    """
    registry = in_use(registry)
    with identify(model, registry.backends) as found:
        for backend in registry.backends_for(found.format):
            if isinstance(backend, ReadsGraphs):
                return found.path, found.format, backend.graph(found.file)
    hint = _READABLE.get(found.format, "")
    raise ModelError(f"No installed plugin reads the operators of {found.format} models.", hint=hint)


def tables(format: str, *, registry: Registry | None = None) -> list[SupportTable]:
    """The tables of installed plugins for models of this format, sorted by delegate.

    A table that does not have the form of docs/ops.md is left out with a warning.
    """
    registry = in_use(registry)
    found: list[SupportTable] = []
    for path in _paths(registry):
        try:
            found.append(read_table(path))
        except PluginError as cause:
            warnings.warn(cause.message, stacklevel=2)
    return sorted(_for_format(found, format), key=lambda table: table.delegate)


def pick(found: Sequence[SupportTable], delegate: str, format: str) -> SupportTable:
    """The table of this delegate for models of this format.

    Raises:
        InputError: there is none; the hint names the delegates that have one.
    """
    fitting = _for_format(found, format)
    for table in fitting:
        if table.delegate == delegate:
            return table
    known = ", ".join(table.delegate for table in fitting)
    hint = f"use one of: {known}" if known else "bring one with --table FILE, see docs/ops.md"
    raise InputError(f"No table says which operators of {format} models {delegate} takes.", hint=hint)


def _paths(registry: Registry) -> Iterator[Path]:
    for backend in registry.backends:
        if isinstance(backend, TellsSupport):
            yield from backend.support_tables()


def _for_format(found: Sequence[SupportTable], format: str) -> list[SupportTable]:
    return [table for table in found if table.format == format]
