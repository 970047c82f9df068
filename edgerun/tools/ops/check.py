"""Which operators of a model a delegate takes by its documentation: static, for the runtime decides.

Conditions that the graph tells are checked, others are listed. An answer is True, False, or None where the graph does
not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerun.contract import Graph, Node, TensorSpec
from edgerun.contract.support_table import Rule, SupportTable
from edgerun.errors import InputError
from edgerun.tensors import AnyArray
from edgerun.tools.ops.result import OperatorVerdict, Support, unique

__all__ = ["check"]

Answer = bool | None
"""None where the graph does not tell."""


def check(path: Path, graph: Graph, table: SupportTable) -> Support:
    """Hold a graph, of the format that the table is about, against it.

    Raises:
        InputError: the file holds no operator.
    """
    values = _Values(graph, table)
    verdicts = [_verdict(index, node, table, values) for index, node in values.computed_nodes]
    if not verdicts:
        raise InputError(f"{path} holds no operator that is computed.", hint="export it again")
    return Support(str(path), table, graph, verdicts)


@dataclass(frozen=True, slots=True)
class _Value:
    """What a graph tells of one value.

    Attributes:
        spec: dtype and shape; None where the file does not tell.
        constant: whether it does not depend on the model's inputs.
        array: of a small constant.
    """

    spec: TensorSpec | None
    constant: bool
    array: AnyArray | None


class _Values:
    """What a graph tells of its values.

    Attributes:
        computed_nodes: (place in the file, operator) of those that are computed for each image, not once when the model
            is loaded.
    """

    def __init__(self, graph: Graph, table: SupportTable) -> None:
        self._graph = graph
        made: set[str] = set()
        fixed: set[str] = set()
        for node in graph.nodes:
            (fixed if node.op in table.skipped else made).update(node.outputs)
        self._computed = {*graph.inputs, *_inner_inputs(graph), *(made - fixed)}
        self.computed_nodes: list[tuple[int, Node]] = []
        for index, node in enumerate(graph.nodes):
            if self._folds(node, table):
                self._computed -= set(node.outputs)
            elif node.op not in table.skipped:
                self.computed_nodes.append((index, node))

    def _folds(self, node: Node, table: SupportTable) -> bool:
        if table.folded.isdisjoint((node.op, "*")):
            return False
        return bool(node.inputs) and self._computed.isdisjoint({*node.inputs} - {""})

    def __getitem__(self, name: str) -> _Value:
        graph = self._graph
        return _Value(graph.values.get(name), name not in self._computed, graph.constants.get(name))


def _inner_inputs(graph: Graph) -> Iterator[str]:
    """What a branch or a loop takes: it is given to it in each run."""
    for node in graph.nodes:
        for attribute in node.attributes.values():
            if isinstance(attribute, Mapping):
                yield from attribute.get("inputs", ())


def _verdict(index: int, node: Node, table: SupportTable, values: _Values) -> OperatorVerdict:
    shapes = ", ".join(_shape(values[name].spec) for name in node.outputs)
    rules = table.operators.get(node.op)
    if rules is None:
        return OperatorVerdict(index, node, False, (f"{node.op} is not in the list",), (), shapes)
    texts: dict[Answer, list[str]] = {True: [], False: [], None: []}
    for rule in (*table.every, *rules):
        texts[_holds(rule, node, values)].append(rule.text)
    failed = unique(f"unmet: {text}" for text in texts[False])
    return OperatorVerdict(index, node, not failed, failed, unique(texts[None]), shapes)


def _shape(spec: TensorSpec | None) -> str:
    return "?" if spec is None else str(spec).partition(" ")[2]


def _all_of(answers: Iterable[Answer]) -> Answer:
    """False where one is False, else None where one is not known."""
    known = set(answers)
    if False in known:
        return False
    return None if None in known else True


def _holds(rule: Rule, node: Node, values: _Values) -> Answer:
    """Whether an operator meets a rule; None where the graph does not tell."""
    checks = [check for name, check in _CHECKS.items() if getattr(rule, name)]
    if not checks:
        return None
    chosen = [values[name] for name in _chosen(rule, node)]
    answers: list[Answer] = []
    for check in checks:
        answers += check(rule, node, chosen)
    return _all_of(answers)  # True of an optional value that is left out


def _chosen(rule: Rule, node: Node) -> Iterator[str]:
    """Names of the values that a rule is about; places that the operator leaves empty are passed over."""
    whole = rule.inputs is None and rule.outputs is None
    for places, names in ((rule.inputs, node.inputs), (rule.outputs, node.outputs)):
        for place in range(len(names)) if whole else places or ():
            if -len(names) <= place < len(names) and names[place]:
                yield names[place]


# ------------------------------------------------------------------------------------- checks of an operator

Check = Callable[[Rule, Node, list[_Value]], list[Answer]]
"""Answers of one condition of a rule: for the operator as a whole, or for each chosen value."""


def _input_count_allowed(rule: Rule, node: Node, _: list[_Value]) -> list[Answer]:
    return [len(node.inputs) in rule.input_counts]


def _output_count_allowed(rule: Rule, node: Node, _: list[_Value]) -> list[Answer]:
    return [len(node.outputs) in rule.output_counts]


def _attribute_allowed(rule: Rule, node: Node, _: list[_Value]) -> list[Answer]:
    value = node.attributes.get(rule.attribute, rule.default)
    if value is None:
        return [None]
    allowed = map(_listed, rule.one_of)
    return [_listed(value) in allowed]


def _listed(value: Any) -> Any:
    """Lists and tuples compare alike: a table has the one, a graph the other."""
    return list(value) if isinstance(value, (list, tuple)) else value


def _combination_allowed(rule: Rule, _: Node, chosen: list[_Value]) -> list[Answer]:
    dtypes: list[str] = []
    for value in chosen:
        if value.spec is None:
            return [None]
        dtypes.append(value.spec.dtype)
    return [tuple(dtypes) in rule.combinations]


# ------------------------------------------------------------------------------------- checks of each value


def _of_values(allowed: Callable[[Rule, _Value], Answer]) -> Check:
    def answers(rule: Rule, _: Node, chosen: list[_Value]) -> list[Answer]:
        return [allowed(rule, value) for value in chosen]

    return answers


def _is_constant(_: Rule, value: _Value) -> Answer:
    return value.constant


def _array_allowed(rule: Rule, value: _Value) -> Answer:
    if value.array is None:
        return None
    return tuple(value.array.ravel().tolist()) in rule.values


def _of_specs(allowed: Callable[[Rule, TensorSpec], Answer]) -> Check:
    """None of values whose dtype and shape the file does not tell."""

    def answer(rule: Rule, value: _Value) -> Answer:
        return None if value.spec is None else allowed(rule, value.spec)

    return _of_values(answer)


def _dtype_allowed(rule: Rule, spec: TensorSpec) -> Answer:
    return spec.dtype in rule.dtypes


def _rank_allowed(rule: Rule, spec: TensorSpec) -> Answer:
    return len(spec.shape) in rule.ranks


def _is_static(_: Rule, spec: TensorSpec) -> Answer:
    return spec.static


def _sizes_allowed(rule: Rule, spec: TensorSpec) -> Answer:
    return _all_of(_size_allowed(spec.shape, axis, sizes) for axis, sizes in rule.sizes.items())


def _size_allowed(shape: Sequence[int | None], axis: int, sizes: Sequence[int]) -> Answer:
    if not -len(shape) <= axis < len(shape):
        return True  # there is no such axis
    size = shape[axis]
    return None if size is None else size in sizes


_CHECKS: Mapping[str, Check] = {
    "input_counts": _input_count_allowed,
    "output_counts": _output_count_allowed,
    "attribute": _attribute_allowed,
    "combinations": _combination_allowed,
    "constant": _of_values(_is_constant),
    "values": _of_values(_array_allowed),
    "dtypes": _of_specs(_dtype_allowed),
    "ranks": _of_specs(_rank_allowed),
    "static": _of_specs(_is_static),
    "sizes": _of_specs(_sizes_allowed),
}
"""Field of a rule that asks for it, where it is not empty -> the check."""
