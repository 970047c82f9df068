"""The form of a table that says which operators a delegate supports, by its documentation.

A table is a TOML file that a backend brings (`TellsSupport`) or that a user names; docs/ops.md describes its form and
`edgerun/contract/support.schema.json` is its schema.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgerun.errors import PluginError

__all__ = ["Rule", "SupportTable", "read_table"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition of a delegate. One without any check is shown to the user and not checked.

    Attributes:
        text: the condition in words.
        inputs, outputs: places of the values that are checked; all of them where both are None.
        dtypes, ranks: what is allowed.
        combinations: dtypes that are allowed together, one per chosen value.
        static: whether all sizes must be known.
        constant: whether the values must be in the file.
        values: constants that are allowed, flattened.
        sizes: axis -> sizes that are allowed.
        attribute: name of an attribute whose value is checked.
        one_of: values that it may have.
        default: its value where the operator does not give it.
        input_counts, output_counts: how many there may be.
    """

    text: str
    inputs: tuple[int, ...] | None = None
    outputs: tuple[int, ...] | None = None
    dtypes: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()
    combinations: tuple[tuple[str, ...], ...] = ()
    static: bool = False
    constant: bool = False
    values: tuple[tuple[float, ...], ...] = ()
    sizes: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    attribute: str = ""
    one_of: tuple[Any, ...] = ()
    default: Any = None
    input_counts: tuple[int, ...] = ()
    output_counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SupportTable:
    """What a delegate's documentation says.

    Attributes:
        delegate: of the common vocabulary: "coreml", "xnnpack" …; a variant is "coreml-neuralnetwork".
        format: of the models that it is about.
        title: the delegate in words.
        version: of the documentation.
        source: where the documentation is published.
        date: when it was read, YYYY-MM-DD.
        notes: conditions on the whole model that are not checked.
        skipped: operators that are not computed by anything, such as constants.
        folded: operators that are computed once when the model is loaded, where all their inputs are constant; "*"
            stands for all.
        every: rules for every operator.
        operators: operator -> its rules.
    """

    delegate: str
    format: str
    title: str
    version: str
    source: str
    date: str
    notes: tuple[str, ...]
    skipped: frozenset[str]
    folded: frozenset[str]
    every: tuple[Rule, ...]
    operators: Mapping[str, tuple[Rule, ...]]

    def about(self) -> dict[str, str]:
        """What identifies the documentation, for JSON."""
        return {
            "delegate": self.delegate,
            "format": self.format,
            "title": self.title,
            "version": self.version,
            "source": self.source,
            "date": self.date,
        }


def read_table(path: Path) -> SupportTable:
    """A table from its file.

    Raises:
        PluginError: the file is missing, or does not have the form of docs/ops.md.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return _table(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        fault = _fault(cause)
        raise PluginError(f"The table of operators {path} cannot be used: {fault}.", hint="see docs/ops.md") from cause


def _fault(cause: Exception) -> str:
    if isinstance(cause, KeyError):
        return f"it lacks {cause}"
    return getattr(cause, "strerror", None) or str(cause)


def _table(content: Mapping[str, Any]) -> SupportTable:
    rules = {name: _rule(entry) for name, entry in content.get("rules", {}).items()}

    def named(names: Sequence[str]) -> tuple[Rule, ...]:
        return tuple(rules[name] for name in names)

    return SupportTable(
        delegate=str(content["delegate"]),
        format=str(content["format"]),
        title=str(content["title"]),
        version=str(content["version"]),
        source=str(content["source"]),
        date=str(content["date"]),
        notes=tuple(content.get("notes", ())),
        skipped=frozenset(content.get("skipped", ())),
        folded=frozenset(content.get("folded", ())),
        every=named(content.get("every", ())),
        operators={op: named(names) for op, names in content["operators"].items()},
    )


def _rule(entry: Mapping[str, Any]) -> Rule:
    content: dict[str, Any] = {}
    for name, value in entry.items():
        read = _READERS.get(name)
        content[name] = value if read is None else read(name, value)
    return Rule(**content)


def _list(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is {value!r}, which is not a list")
    return tuple(value)


def _list_of_lists(name: str, value: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in _list(name, value))


def _sizes(_: str, value: Any) -> dict[int, tuple[int, ...]]:
    return {int(axis): tuple(sizes) for axis, sizes in value.items()}


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "inputs": _list,
    "outputs": _list,
    "dtypes": _list,
    "ranks": _list,
    "one_of": _list,
    "input_counts": _list,
    "output_counts": _list,
    "combinations": _list_of_lists,
    "values": _list_of_lists,
    "sizes": _sizes,
}
"""Field of a rule -> how its value is read; the others stay as TOML gives them."""
