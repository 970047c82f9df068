"""What the names of weights and layers tell: toolboxes name them after the modules of their networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edgerun.contract import Graph

__all__ = ["named"]


def named(graph: Graph | None, parts: Iterable[str]) -> str:
    """The first of these parts that the name of a weight or a layer has; "" where none has one, or without a graph."""
    if graph is None:
        return ""
    names = set(_names(graph))
    return next((part for part in parts if any(part in name for name in names)), "")


def _names(graph: Graph) -> Iterator[str]:
    """Of layers and of the values that they read; slashes of paths are written as the dots of modules."""
    for node in graph.nodes:
        yield node.name.replace("/", ".")
        yield from node.inputs
