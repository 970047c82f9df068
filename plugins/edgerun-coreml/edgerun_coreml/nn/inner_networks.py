"""Networks inside branches and loops: where they are, and which names they read and write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from edgerun_coreml.file.wire import Message

BREAK: Final = "\0break"
"""The name of a flag in a loop's body: whether the loop is to end."""
SKIP: Final = "\0skip"
"""The name of a flag in a loop's body: whether the rest of the body is to be left out."""

NETWORK_NAMES: Final = {"branch": ("if", "else"), "loop": ("condition", "body")}
"""What the networks inside a layer are called in errors, in the order of :func:`networks_in`."""


def place_of(prefix: str, number: int, message: Message) -> str:
    """Where a layer is, for errors."""
    return f"{prefix}layer {number} {message.name!r} ({message.which('layer') or '?'})"


def networks_in(layer: Message) -> list[Message]:
    """The networks inside a branch or loop layer."""
    kind = layer.which("layer")
    if kind == "branch":
        return [layer.branch.ifBranch, layer.branch.elseBranch]
    if kind == "loop":
        return [layer.loop.conditionNetwork, layer.loop.bodyNetwork]
    return []


def count_reads(network: Message) -> Counter[str]:
    """How often each name is read in a network and all networks within it."""
    return read_in(network.layers)


def read_in(layers: Sequence[Message]) -> Counter[str]:
    """How often each name is read by layers and in all networks within them."""
    reads: Counter[str] = Counter()
    for layer in layers:
        reads.update(layer.input)
        for inner in networks_in(layer):
            reads.update(count_reads(inner))
        if layer.which("layer") == "loop":
            reads[layer.loop.conditionVar] += 1
    return reads


def written(network: Message) -> list[str]:
    """The names that a network and all networks within it write."""
    names: list[str] = []
    for layer in network.layers:
        names.extend(layer.output)
        for inner in networks_in(layer):
            names.extend(written(inner))
    return names
