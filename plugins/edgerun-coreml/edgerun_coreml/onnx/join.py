"""One graph out of several: a pipeline as a single ONNX model."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun_coreml.onnx.graph import Attribute, Graph, Node, Value


def absorb(graph: Graph, other: Graph, feeds: Mapping[str, Value]) -> dict[str, Value]:
    """Copy another graph's nodes and constants into this one, under names that are free here.

    Args:
        graph: takes the nodes.
        other: is left as it is.
        feeds: input of `other` -> what stands for it here; all of them.

    Returns:
        output of `other` -> the value here.
    """
    names = {name: value.name for name, value in feeds.items()}
    known: dict[str, Value] = {}
    for name, array in other.constants.items():
        constant = graph.constant(array, array.dtype)
        names[name], known[name] = constant.name, constant
    _copy(graph, other, names)
    results = {}
    for value in other.outputs:
        if value.name in known:
            results[value.name] = known[value.name]
        else:
            results[value.name] = Value(names[value.name], value.dtype, value.shape)
    return results


def _copy(target: Graph, source: Graph, names: dict[str, str]) -> None:
    """Copy nodes; `names` gains what they make."""
    for node in source.nodes:
        for output in node.outputs:
            if output:
                names[output] = target.fresh(output.partition("__")[0] or "value")
        attributes = {key: _attribute(target, value, names) for key, value in node.attributes.items()}
        inputs = [names[name] if name else "" for name in node.inputs]
        outputs = [names[name] if name else "" for name in node.outputs]
        target._append(Node(node.op_type, inputs, outputs, attributes, node.domain))


def _attribute(target: Graph, value: Attribute, names: Mapping[str, str]) -> Attribute:
    if not isinstance(value, Graph):
        return value
    body = target.subgraph()
    inner = dict(names)
    for item in value.inputs:
        inner[item.name] = body.input(item.name, item.dtype, item.shape).name
    _copy(body, value, inner)
    body.outputs = [Value(inner[item.name], item.dtype, item.shape) for item in value.outputs]
    return body
