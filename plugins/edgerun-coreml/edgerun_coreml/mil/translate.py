"""From an ML Program to an ONNX graph, with the names to feed and to fetch."""

from __future__ import annotations

from collections.abc import Callable

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.blob import BlobFile
from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil import families  # noqa: F401  (registers the operations)
from edgerun_coreml.mil.kinds import FLOAT32, computed, read_kind
from edgerun_coreml.mil.program import choose_function, context_for, translate_block
from edgerun_coreml.mil.scope import Context, Scope, Unknown, rounded
from edgerun_coreml.mil.values import Operand
from edgerun_coreml.onnx.graph import Graph, Shape
from edgerun_coreml.onnx.peephole import polish
from edgerun_coreml.onnx.translation import PROBABILITIES, Classifier, Port, Precision, StatePort, Translation


def translate(
    spec: Message, weights: Callable[[str], BlobFile], *, function: str = "", precision: Precision = "fp32"
) -> Translation:
    """Translate a function of an ML Program, the default one unless named.

    ``spec`` is a message ``Model`` with an ``mlProgram``; ``weights`` opens a weight file by the name the
    program gives it. ``precision="fp16"`` rounds every fp16 intermediate as a device would store it. Raises
    :class:`ModelUnsupported` with all unsupported operations, or :class:`ModelDamaged`.
    """
    name, message = choose_function(spec, function)
    context = context_for(message, name, weights, precision)
    graph = Graph()
    scope = Scope(context, graph, place=f"{name}: ")
    inputs = _declare_inputs(scope, message)
    block = message.block_specializations.get(message.opset)
    if block is None:
        raise ModelDamaged(f"function {name} has no block for its operation set {message.opset}")
    try:
        results = translate_block(scope, block)
    except Unknown:
        results = []
    if context.problems:
        raise ModelUnsupported(context.problems)
    ports = [_declare_output(scope, name, item) for name, item in zip(block.outputs, results, strict=True)]
    classifier = _declare_classifier(scope, context)
    states = tuple(_declare_state(scope, port) for port in inputs if port.name in context.states)
    polish(graph)
    graph.prune()
    return Translation(
        graph,
        inputs=tuple(port for port in inputs if port.name not in context.states),
        outputs=tuple(port for port in ports if port is not None),
        states=states,
        classifier=classifier,
    )


def _declare_inputs(scope: Scope, function: Message) -> list[Port]:
    ports = []
    for item in function.inputs:
        kind = read_kind(item.type)
        if kind.name in ("list", "dict", "tuple", "str", "nothing"):
            raise ModelUnsupported(f"{scope.place}the input {item.name!r} is a {kind.name}")
        value = scope.graph.input(item.name, computed(kind.name), _named(kind.shape, item.name))
        ports.append(Port(item.name, item.name, kind.name, kind.shape))
        if kind.state:
            if not all(isinstance(size, int) for size in kind.shape or (None,)):
                raise ModelDamaged(f"{scope.place}the state {item.name!r} has no fixed shape")
            scope.context.states[item.name] = value
            scope.bind(item.name, Operand(kind.name, kind.shape, state=item.name))
            continue
        if kind.name == "fp16":  # a part of the program: the value fed is stored as fp16 whatever the precision
            value = rounded(scope.graph, value)
        scope.bind(item.name, Operand(kind.name, kind.shape, value))
    return ports


def _named(shape: Shape | None, name: str) -> Shape | None:
    if shape is None:
        return None
    return tuple(f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape))


def _declare_output(scope: Scope, name: str, operand: Operand) -> Port | None:
    """Declare a block's output; labels and dictionaries are left to the classifier."""
    if operand.value is None and operand.array is None:
        return None
    value = operand.in_graph(scope.graph)
    if operand.kind == "fp16":  # like an input: what the caller gets is stored as fp16
        value = rounded(scope.graph, value)
    output = scope.graph.output(value, name, _named(operand.shape, name))
    return Port(name, output.name, operand.kind, operand.shape)


def _declare_classifier(scope: Scope, context: Context) -> Classifier | None:
    if context.probabilities is None:
        return None
    probabilities = scope.graph.cast(context.probabilities.in_graph(scope.graph), FLOAT32)
    output = scope.graph.output(probabilities, PROBABILITIES)
    return Classifier(context.labels, output.name)


def _declare_state(scope: Scope, port: Port) -> StatePort:
    updated = scope.graph.output(scope.context.states[port.name], f"{port.name}_updated", port.shape).name
    shape = tuple(size for size in port.shape or () if isinstance(size, int))
    return StatePort(port.name, port.tensor, updated, port.kind, shape)
