"""The graph of a TorchScript program that torch has loaded, calls of other modules written out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import TensorSpec

__all__ = ["output_names", "read"]

MAX_NODES = 200_000
"""Operators of one program; loops are written out once."""
MAX_DEPTH = 32
"""Branches, loops and tuples within each other."""

LISTS = ("prim::ListConstruct", "prim::TupleConstruct")
UNPACKS = ("prim::ListUnpack", "prim::TupleUnpack")
TENSORS_OF_NUMBERS = ("aten::tensor", "aten::as_tensor")
VIEWS = frozenset(
    f"aten::{name}"
    for name in (
        "select", "slice", "narrow", "view", "reshape", "permute", "transpose", "unsqueeze", "squeeze", "unbind",
        "split", "chunk", "expand", "as_strided", "detach", "flatten", "view_as", "T",
    )
)  # fmt: skip
"""Operators whose result may lie in the memory of their first input."""


def read(module: Any) -> Graph:
    """The graph of a loaded program; inputs and outputs are called as the session calls them.

    Arguments that are not tensors are attributes by their place: {"1": 255}. A value that is changed in place has a new
    name from there on.

    Raises:
        ModelUnreadable: it holds too many operators.
    """
    return _Reader(module).graph()


def output_names(graph: Any) -> dict[str, str]:
    """Torch's own names of the values that a graph returns -> what the session calls them."""
    results = list(graph.outputs())
    named: dict[str, str] = {}
    if len(results) == 1 and results[0].node().kind() not in (*LISTS, "prim::DictConstruct"):
        return {results[0].debugName(): "output_0"}
    for result in results:
        for name, value in _leaves(result, "", 0):
            named.setdefault(value.debugName(), name)
    return named


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The tensors of a nested result, by the names that `_flat` of the session gives them."""
    node = value.node()
    if depth > MAX_DEPTH:
        return
    if node.kind() in LISTS:
        for index, entry in enumerate(node.inputs()):
            yield from _leaves(entry, f"{name or 'output'}_{index}", depth + 1)
    elif node.kind() == "prim::DictConstruct":
        entries = list(node.inputs())
        for key, entry in zip(entries[::2], entries[1::2], strict=True):
            text = str(key.toIValue())
            yield from _leaves(entry, f"{name}_{text}" if name else text, depth + 1)
    else:
        yield name, value


class _Reader:
    def __init__(self, module: Any) -> None:
        self.root = module.inlined_graph
        self.arguments = [entry.name for entry in module._c._get_method("forward").schema.arguments[1:]]
        self.objects: dict[str, Any] = {next(self.root.inputs()).debugName(): module}
        self.lists: dict[str, list[str]] = {}
        self.plain: dict[str, Any] = {}
        self.names: dict[str, str] = output_names(self.root)
        self.views: dict[str, str] = {}
        self.made_by: dict[str, int] = {}
        self.nodes: list[Node] = []
        self.values: dict[str, TensorSpec] = {}
        self.constants: dict[str, Any] = {}

    def graph(self) -> Graph:
        given = list(self.root.inputs())[1:]
        self.names |= {value.debugName(): name for value, name in zip(given, self.arguments, strict=True)}
        inputs = tuple(map(self.name, given))
        self.block(self.root, 0)
        outputs = tuple(output_names(self.root).values())
        return Graph(tuple(self.nodes), inputs, outputs, self.values, self.constants)

    def name(self, value: Any) -> str:
        """What a value is called, at this place of the program."""
        own = str(value.debugName())
        return self.names.get(own, own)

    def block(self, block: Any, depth: int) -> None:
        """The nodes of a graph or a branch, those of branches behind the node that holds them."""
        if depth > MAX_DEPTH or len(self.nodes) > MAX_NODES:
            raise ModelUnreadable("The graph of the program is too large to be read.", hint="export it without loops")
        for node in block.nodes():
            self.node(node)
            inside = list(node.blocks())
            if inside:
                self.branches(inside, depth + 1)

    def branches(self, blocks: Sequence[Any], depth: int) -> None:
        """The parts of a node of which only a run shows whether they are computed: what they read, the node reads."""
        place, names = len(self.nodes) - 1, dict(self.names)
        for block in blocks:
            self.block(block, depth)
        self.names = names
        inner = self.nodes[place + 1 :]
        made = {name for node in inner for name in node.outputs}
        read = dict.fromkeys(name for node in inner for name in node.inputs if name not in made)
        holder = self.nodes[place]
        self.nodes[place] = replace(holder, inputs=tuple(dict.fromkeys((*holder.inputs, *read))), closed=True)

    def node(self, node: Any) -> None:
        op = node.kind()
        if op == "prim::Constant":
            self.know(self.name(node.output()), node.output().toIValue())
        elif op == "prim::GetAttr":
            parent = self.objects.get(node.input().debugName())
            self.know(self.name(node.output()), getattr(parent, node.s("name"), None))
        elif op in LISTS:
            self.list(node)
        elif op in UNPACKS:
            self.unpack(node)
        elif op in TENSORS_OF_NUMBERS and self.is_plain(node):
            numbers = self.plain[self.name(next(node.inputs()))]
            self.constants[self.name(node.output())] = np.asarray(numbers)
        else:
            self.operator(node)

    def is_plain(self, node: Any) -> bool:
        """Whether the first argument is a number, or a list of them."""
        return isinstance(self.plain.get(self.name(next(node.inputs()))), (int, float, tuple))

    def know(self, name: str, value: Any) -> None:
        """Enter what a constant or an attribute of a module holds."""
        import torch

        if isinstance(value, torch.Tensor):
            self.tensor(name, value)
        elif isinstance(value, (list, tuple)):
            self.plain[name] = tuple(value)
        elif isinstance(value, (int, float, str)):
            self.plain[name] = value
        else:
            self.objects[name] = value

    def tensor(self, name: str, tensor: Any) -> None:
        dtype = str(tensor.dtype).removeprefix("torch.")
        self.values[name] = TensorSpec(name, tuple(tensor.shape), dtype)
        is_small = tensor.numel() <= Graph.LARGEST_CONSTANT
        if not is_small or tensor.is_quantized or tensor.is_sparse:
            return
        plain = tensor.detach().cpu()
        self.constants[name] = plain.float().numpy() if dtype == "bfloat16" else plain.numpy()

    def list(self, node: Any) -> None:
        """A list of numbers is a constant; one of tensors stands for them wherever it is read."""
        names = [self.name(value) for value in node.inputs()]
        result = self.name(node.output())
        numbers = [self.plain[name] for name in names if name in self.plain]
        if len(numbers) == len(names):
            self.plain[result] = tuple(numbers)
        else:
            self.lists[result] = names

    def unpack(self, node: Any) -> None:
        """Give the parts of a list the names that they had before, or its maker these outputs."""
        source, parts = self.name(node.input()), list(node.outputs())
        known = self.lists.get(source)
        if known is not None and len(known) == len(parts):
            self.names |= {part.debugName(): name for part, name in zip(parts, known, strict=True)}
        elif source in self.made_by:
            place = self.made_by[source]
            self.nodes[place] = replace(self.nodes[place], outputs=tuple(map(self.name, parts)))

    def operator(self, node: Any) -> None:
        names = [self.name(value) for value in node.inputs()]
        outputs = [self.name(value) for value in node.outputs()]
        attributes = {str(place): self.plain[name] for place, name in enumerate(names) if name in self.plain}
        inputs = tuple(name for each in names for name in self.lists.get(each, [each]) if self.is_tensor(name))
        op, root = node.kind(), ""
        if _is_in_place(op) and inputs:
            root = self.views.get(inputs[0], "")
            self.change(root or inputs[0], outputs)
        if op in VIEWS and inputs:
            self.views |= dict.fromkeys(outputs, self.views.get(inputs[0], inputs[0]))
        if root:  # the whole of which a part is changed
            inputs = (root, *inputs)
        self.made_by |= dict.fromkeys(outputs, len(self.nodes))
        self.nodes.append(Node(op, "", inputs, tuple(outputs), attributes, closed=bool(root)))

    def is_tensor(self, name: str) -> bool:
        return name not in self.plain and name not in self.objects

    def change(self, name: str, outputs: Sequence[str]) -> None:
        """Let a value that is changed in place be called by the result from here on."""
        for own in [key for key, called in self.names.items() if called == name] or [name]:
            self.names[own] = outputs[0]


def _is_in_place(op: str) -> bool:
    """Whether an operator of torch changes its first input: "aten::div_"."""
    return op.startswith("aten::") and op.endswith("_") and not op.endswith("__")
