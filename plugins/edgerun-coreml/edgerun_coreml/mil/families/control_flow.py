"""Branches and loops. A block becomes a subgraph that sees the values outside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil.families.states import written_states
from edgerun_coreml.mil.kinds import BOOL, Kind, computed, read_kind
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.program import translate_block
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.mil.scope import Scope
from edgerun_coreml.mil.values import Operand
from edgerun_coreml.onnx.graph import Graph, Value
from edgerun_coreml.refusal import Refusal


@operation("identity")
def identity(op: Operation) -> Value | Operand:
    operand = op.operand()
    if operand.value is None:  # a constant, a text or a list
        return operand
    return op.emit("Identity", [operand.value], shape=operand.value.shape)


def _scalar(graph: Graph, value: Value) -> Value:
    """A condition as a bool of rank 0."""
    return graph.emit("Reshape", [graph.cast(value, BOOL), graph.int64()])


def _graphed(scope: Scope, operands: Sequence[Operand]) -> list[Value]:
    return [operand.in_graph(scope.graph) for operand in operands]


@operation("cond")
def cond(op: Operation) -> list[Operand]:
    condition, states = op.value("pred"), op.scope.context.states
    written = sorted(set().union(*(written_states(op.scope, block) for block in op.message.blocks)))
    before = dict(states)
    branches, results = [], []
    for place, block in zip(("true branch", "false branch"), op.message.blocks, strict=True):
        body = op.graph.subgraph()
        scope = op.scope.inner(body, f"{op.type} {place}")
        results = translate_block(scope, block)
        for (_, kind), value in zip(op.outputs, _graphed(scope, results), strict=True):
            body.output(body.cast(value, computed(_element(kind, results[0]))))
        for name in written:
            body.output(states[name])
        states |= before
        branches.append(body)
    kinds = [_element(kind, operand) for (_, kind), operand in zip(op.outputs, results, strict=True)]
    values = op.graph.emit_many(
        "If",
        [_scalar(op.graph, condition)],
        [*(computed(kind) for kind in kinds), *(states[name].dtype for name in written)],
        then_branch=branches[0],
        else_branch=branches[1],
    )
    states |= _kept(before, written, values[len(kinds) :])
    return [
        Operand(kind, declared.shape or operand.shape, value)
        for kind, value, (_, declared), operand in zip(kinds, values, op.outputs, results, strict=False)
    ]


def _kept(before: Mapping[str, Value], written: Sequence[str], values: Sequence[Value]) -> dict[str, Value]:
    """The contents of states after a branch or loop, in their own shapes."""
    return {name: replace(value, shape=before[name].shape) for name, value in zip(written, values, strict=True)}


def _element(declared: Kind, operand: Operand) -> str:
    """The element type of a result; a list has that of its tensor."""
    return operand.kind if declared.name == "list" else declared.name


@operation("while_loop")
def while_loop(op: Operation) -> list[Operand]:
    """The condition is computed once outside, then at the end of each round for the next one."""
    condition, body_block = op.message.blocks
    start, states = op.operands("loop_vars"), op.scope.context.states
    written, before = sorted(written_states(op.scope, body_block)), dict(states)
    if written_states(op.scope, condition):
        raise Refusal("a state written inside the condition of a loop")
    first = _run_with(op.scope, op.graph, condition, start, "condition")[0]
    body = op.graph.subgraph()
    body.input("round", np.int64, ())
    body.input("go", BOOL, ())
    variables = [
        Operand(operand.kind, operand.shape, body.input("loop", computed(operand.kind), None))
        if kind.name == "list"
        else Operand(kind.name, kind.shape, body.input("loop", computed(kind.name), None))
        for operand, kind in zip(start, (read_kind(item.type) for item in body_block.inputs), strict=True)
    ]
    for name in written:
        states[name] = body.input(name, states[name].dtype, states[name].shape)
    results = _run_with(op.scope, body, body_block, variables, "body")
    again = _run_with(op.scope, body, condition, results, "condition")[0]
    body.output(_scalar(body, again.in_graph(body)))
    for operand, result in zip(variables, results, strict=True):
        body.output(body.cast(result.in_graph(body), computed(operand.kind)))
    for name in written:
        body.output(states[name])
    states |= before
    outer = [*(operand.in_graph(op.graph) for operand in start), *(states[name] for name in written)]
    kinds = [operand.kind for operand in variables]
    values = op.graph.emit_many(
        "Loop",
        [None, _scalar(op.graph, first.in_graph(op.graph)), *outer],
        [*(computed(kind) for kind in kinds), *(states[name].dtype for name in written)],
        body=body,
    )
    states |= _kept(before, written, values[len(kinds) :])
    return [
        Operand(kind, declared.shape if declared.name != "list" else operand.shape, value)
        for kind, value, (_, declared), operand in zip(kinds, values, op.outputs, variables, strict=False)
    ]


def _run_with(scope: Scope, graph: Graph, block: Message, operands: Sequence[Operand], place: str) -> list[Operand]:
    """A block's outputs when its inputs are the operands given."""
    inner = scope.inner(graph, place)
    if len(block.inputs) != len(operands):
        raise Refusal(f"a {place} of {len(block.inputs)} variables for {len(operands)}")
    for item, operand in zip(block.inputs, operands, strict=True):
        inner.bind(item.name, operand)
    return translate_block(inner, block)
