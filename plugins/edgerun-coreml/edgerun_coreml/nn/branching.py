"""Branches: two translated sides become ONNX's ``If``, and the names that they write come out of it."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun_coreml.nn.scope import Scope
from edgerun_coreml.onnx.graph import Shape, Value


def common(left: Shape | None, right: Shape | None) -> Shape | None:
    """What two shapes agree on."""
    if left is None or right is None or len(left) != len(right):
        return None
    return tuple(a if a == b else None for a, b in zip(left, right, strict=True))


def emit_branch(scope: Scope, condition: Value, sides: Sequence[Scope], inside: set[str]) -> None:
    """Emit ``If`` for two translated sides, and bind in the outer scope the names they write."""
    names = sorted({name for side in sides for name in side.values})
    outputs: list[tuple[str, list[Value]]] = []
    for name in names:
        if any(name in side.values and side.values[name] is None for side in sides):
            scope.bind(name, None)
            continue
        values = [side.find(name) for side in sides]
        found = [value for value in values if value is not None]
        wanted = scope.find(name) is not None or name not in inside
        if len(found) == len(sides) and wanted:
            outputs.append((name, found))
    if not outputs:
        return
    for place, side in enumerate(sides):
        for _, ends in outputs:
            side.graph.output(ends[place], side.graph.fresh("out"))
    dtypes = [ends[0].dtype for _, ends in outputs]
    results = scope.graph.emit_many("If", [condition], dtypes, then_branch=sides[0].graph, else_branch=sides[1].graph)
    for (name, ends), result in zip(outputs, results, strict=True):
        scope.bind(name, Value(result.name, result.dtype, common(ends[0].shape, ends[1].shape)))
