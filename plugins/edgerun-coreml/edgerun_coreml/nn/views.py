"""Which form of its inputs a translator is given, and how its results get their own shapes back."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.nodes import emit
from edgerun_coreml.nn.registry import KEEP_COUNTS, Translator, View, counts
from edgerun_coreml.nn.scope import Scope
from edgerun_coreml.onnx.graph import Value


def in_view(op: Layer, view: View, translator: Translator) -> list[Value]:
    """What a translator makes of a layer whose inputs are given in a view; the results have their own shapes again."""
    given = list(op.inputs)
    folded = _folded(op.scope, given, view)
    op.inputs = given if folded is None else folded
    made = translator(op)
    op.inputs = given
    makes_counts = _makes_counts(op)
    results = []
    for value in _as_list(made):
        if makes_counts:
            op.scope.context.whole.add(value.name)
        stored = op.scope.rounded(value)
        if stored.shape == ():  # Core ML has no rank 0
            stored = emit(op.graph, "Reshape", [stored, op.graph.int64(1)])
        result = stored if folded is None else op.scope.unfold(stored, given[0])
        if stored.name in op.scope.context.whole:
            op.scope.context.whole.add(result.name)
        results.append(result)
    return results


def _as_list(made: Value | Sequence[Value] | None) -> list[Value]:
    if made is None:
        return []
    return [made] if isinstance(made, Value) else list(made)


def _makes_counts(op: Layer) -> bool:
    """Whether a layer's results are indices or sizes: it makes such, or all its inputs are."""
    if counts(op.type):
        return True
    keeps = op.type in KEEP_COUNTS and bool(op.inputs)
    return keeps and all(op.scope.is_whole(value) for value in op.inputs)


def _folded(scope: Scope, values: list[Value], view: View) -> list[Value] | None:
    """The inputs in a view; None when they are to be used as they are."""
    if view is View.FULL or not values or (view is View.ANY and not _worth_folding(scope, values)):
        return None
    if all(value.shape is not None and len(value.shape) == 4 for value in values):
        return None
    return [scope.fold(value) for value in values]


def _worth_folding(scope: Scope, values: list[Value]) -> bool:
    """Whether all inputs have a folded form at hand, and the same leading axes."""
    first = values[0].shape
    if first is None or len(first) == 4 or not any(scope.known_fold(value) for value in values):
        return False
    for value in values:
        if value.shape is None or len(value.shape) != len(first):
            return False
        if scope.known_fold(value) is None and value.array is None:
            return False
        if value.shape[:-3] != first[:-3]:
            return False
    return True
