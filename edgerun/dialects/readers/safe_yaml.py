"""YAML of strangers: within bounds, without objects and merges, and with YES and NO as the texts that they are."""

from __future__ import annotations

import itertools
from typing import Any

__all__ = ["parse"]

LARGEST = 1_000_000
"""Characters; PyYAML reads them in some seconds at worst."""
DEEPEST = 32
MOST = 200_000
"""Values, each counted as often as an alias repeats it."""

PLAIN = tuple(
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "map", "null", "omap", "seq", "str", "timestamp")
)
"""Tags that make no objects; `<<` has one of its own, which can grow without bounds, and is not among them."""

BOOL = "tag:yaml.org,2002:bool"
TEXT = "tag:yaml.org,2002:str"

TRUTHS = ("true", "false")
"""What YAML 1.2 and everybody means by a truth value; YAML 1.1 takes a class named NO for one too."""


def parse(text: str) -> Any:
    """The value of a YAML document. Nothing in it is executed.

    Raises:
        ValueError: it is not YAML, too large, too deep, or holds more than plain values.
    """
    import yaml  # 20 ms, and few models need it

    if len(text) > LARGEST:
        raise ValueError(f"{len(text)} characters of YAML are too many")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None
        _check(node, yaml, 0, [MOST])
        return yaml.SafeLoader("").construct_document(node)
    except yaml.YAMLError as cause:
        raise ValueError(" ".join(str(cause).split())[:200]) from cause
    except RecursionError as cause:
        raise ValueError("it is nested too deeply") from cause


def _check(node: Any, yaml: Any, depth: int, left: list[int]) -> None:
    """Walk what will be built, and count it.

    Raises:
        ValueError: it is too deep, too large, or more than plain values.
    """
    left[0] -= 1
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    if left[0] < 0:
        raise ValueError(f"it holds more than {MOST} values")
    if node.tag not in PLAIN:
        raise ValueError(f"it holds a {node.tag.rpartition(':')[2] or node.tag}, which is not a plain value")
    if isinstance(node, yaml.ScalarNode):
        _keep_as_text(node)
        return
    children = itertools.chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value
    for child in children:
        _check(child, yaml, depth + 1, left)


def _keep_as_text(node: Any) -> None:
    """A class named no stays a text."""
    if node.tag == BOOL and node.value.lower() not in TRUTHS:
        node.tag = TEXT
