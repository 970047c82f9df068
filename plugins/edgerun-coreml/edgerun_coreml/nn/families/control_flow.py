"""Branches and loops. Their networks read and write the names of the network around them.

Whatever a network in a branch or loop writes must come out of ONNX's ``If`` or ``Loop`` as a value: names that had a
tensor before, and those that are read elsewhere. ``loopBreak`` and ``loopContinue`` become flags under names of their
own; what follows a branch that may have set one is put under an ``If``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.branching import common
from edgerun_coreml.nn.inner_networks import BREAK, SKIP, count_reads, written
from edgerun_coreml.nn.layer import LARGEST, Layer
from edgerun_coreml.nn.network import translate_branch, translate_layers
from edgerun_coreml.nn.nodes import emit
from edgerun_coreml.nn.registry import layer
from edgerun_coreml.nn.scope import Scope, Unknown
from edgerun_coreml.onnx.graph import Graph, Shape, Value
from edgerun_coreml.refusal import Refusal

MAX_NESTING: Final = 4
"""Loops within loops."""
MAX_PASSES: Final = 6
"""Translations of a loop's body until the shapes it is given and those it makes agree."""


def is_true(graph: Graph, value: Value) -> Value:
    """Whether a tensor of one number is not close to 0, as bool of rank 0."""
    lone = emit(graph, "Reshape", [value, graph.constant(np.zeros(0, np.int64))])
    return emit(graph, "Greater", [emit(graph, "Abs", [lone]), graph.scalar(1e-6, np.float32)])


@layer("branch")
def branch(op: Layer) -> None:
    condition = is_true(op.graph, op.x)
    sides = op.params.ifBranch.layers, op.params.elseBranch.layers
    translate_branch(op.scope, condition, sides, (f"{op.place}, if: ", f"{op.place}, else: "))


@layer("loopBreak")
def loop_break(op: Layer) -> None:
    _need_loop(op)
    for name in (BREAK, SKIP):
        op.scope.bind(name, op.graph.scalar(True, np.bool_))


@layer("loopContinue")
def loop_continue(op: Layer) -> None:
    _need_loop(op)
    op.scope.bind(SKIP, op.graph.scalar(True, np.bool_))


def _need_loop(op: Layer) -> None:
    if op.scope.find(BREAK) is None:
        raise ModelDamaged("outside of any loop")


@layer("loop")
def loop(op: Layer) -> None:
    scope, p = op.scope, op.params
    conditional = p.has("conditionNetwork") and bool(p.conditionVar)
    if _nesting(scope) >= MAX_NESTING:
        raise Refusal(f"loops nested more than {MAX_NESTING} deep")
    condition = op.graph.scalar(True, np.bool_)
    if conditional:
        translate_layers(scope, p.conditionNetwork.layers)
        condition = is_true(op.graph, scope.lookup(p.conditionVar))
    limit: Value | None
    if op.has_input(0):
        limit = op.int64(op.scalar_input(0))
    else:
        count = int(p.maxLoopIterations)
        limit = op.graph.scalar(count if 0 <= count <= LARGEST else LARGEST, np.int64)
        if conditional and count == 0:
            limit = None
    names = sorted(set(written(p.bodyNetwork)) | set(written(p.conditionNetwork) if conditional else ()))
    inside = count_reads(p.bodyNetwork) + count_reads(p.conditionNetwork)
    names = [name for name in names if scope.find(name) is not None or scope.context.reads[name] > inside[name]]
    _emit(op, condition, limit, names, conditional)


def _nesting(scope: Scope) -> int:
    depth, at = 0, scope.outer
    while at is not None:
        depth += at.is_loop
        at = at.outer
    return depth + scope.is_loop


def _emit(op: Layer, condition: Value, limit: Value | None, names: Sequence[str], conditional: bool) -> None:
    """Translate the body until its shapes settle, then emit the loop and bind the names it carries."""
    scope = op.scope
    before = {name: scope.find(name) for name in names}
    shapes: dict[str, Shape | None] = {name: value.shape for name, value in before.items() if value is not None}
    for _ in range(MAX_PASSES):
        body, made = _body(op, names, shapes, conditional)
        after = {name: value.shape for name, value in made.items()}
        settled = {name: common(shapes.get(name, shape), shape) for name, shape in after.items()}
        if settled == shapes:
            break
        shapes = settled
    else:
        raise Refusal("a loop that changes the shapes of its tensors without end")
    starts = []
    for name in names:
        value = before[name]
        if value is None:  # made in the first step, before anything reads it
            if shapes[name] is None:
                raise Refusal(f"{name!r} of unknown rank, which a loop is the first to make")
            filler = [size if isinstance(size, int) else 1 for size in shapes[name] or ()]
            value = op.emit("ConstantOfShape", [op.int64s(filler)], dtype=np.float32, value=np.zeros(1, np.float32))
        starts.append(value)
    if not names:
        return
    dtypes = [np.float32] * len(names)
    results = op.graph.emit_many("Loop", [limit, condition, *starts], dtypes, body=body)
    for name, value in zip(names, results, strict=True):
        scope.bind(name, Value(value.name, value.dtype, shapes[name]))


def _body(
    op: Layer, names: Sequence[str], shapes: dict[str, Shape | None], conditional: bool
) -> tuple[Graph, dict[str, Value]]:
    """The loop's body as a graph, and the tensors its names have at the end."""
    p, graph = op.params, op.graph.subgraph()
    inner = op.scope.inner(graph, f"{op.place}, body: ")
    inner.is_loop = True
    graph.input(graph.fresh("step"), np.int64, ())
    graph.input(graph.fresh("condition"), np.bool_, ())
    for name in names:
        carried = graph.input(graph.fresh("carried"), np.float32, shapes.get(name))
        if name in shapes:
            inner.bind(name, carried)
    for flag in (BREAK, SKIP):
        inner.bind(flag, graph.scalar(False, np.bool_))
    translate_layers(inner, p.bodyNetwork.layers)
    going = emit(graph, "Not", [inner.lookup(BREAK)])
    if conditional:
        translate_layers(inner, p.conditionNetwork.layers, guarded=False)
        going = emit(graph, "And", [going, is_true(graph, inner.lookup(p.conditionVar))])
    graph.output(going, graph.fresh("going"))
    made = {}
    for name in names:
        value = inner.find(name)
        if value is None:
            raise Unknown(name)
        made[name] = value
        graph.output(value, graph.fresh("carried"))
    return graph, made
