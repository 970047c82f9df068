"""Which operators of a model a delegate takes by its documentation: static, for the runtime decides.

A table is a TOML file that a backend brings (`TellsSupport`) or that a user names; docs/ops.md describes its form and
`edgerun/contract/support.schema.json` is its schema. Conditions that the graph tells are checked, others are listed.
"""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from edgerun.contract import Graph, Node, ReadsGraphs, TellsSupport, TensorSpec
from edgerun.errors import InputError, ModelError, PluginError
from edgerun.formats.identify import identify
from edgerun.runtime import installed
from edgerun.runtime.registry import Registry

__all__ = [
    "STATIC",
    "Kind",
    "Rule",
    "Support",
    "SupportTable",
    "Verdict",
    "check",
    "open_graph",
    "pick",
    "read_table",
    "tables",
]

STATIC = "static: the documentation says so; the runtime decides"


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition of a delegate. One without any check is told to the user and not checked.

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
        default: what it is where the operator does not say.
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
        source: where it stands.
        date: when it was read, YYYY-MM-DD.
        notes: what concerns the whole model and is not checked.
        skipped: operators that nobody computes, such as constants.
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
        """Whose word it is."""
        names = ("delegate", "format", "title", "version", "source", "date")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One operator of a model.

    Attributes:
        index: its place in the file.
        node: the operator.
        supported: whether the table lists it and no condition fails.
        reasons: what speaks against it.
        unchecked: conditions that the graph does not tell.
        shapes: of its outputs, as text.
    """

    index: int
    node: Node
    supported: bool
    reasons: tuple[str, ...]
    unchecked: tuple[str, ...]
    shapes: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        shared = {"index": self.index, "op": self.node.op, "name": self.node.name, "outputs": self.shapes}
        return shared | {"reasons": list(self.reasons), "unchecked": list(self.unchecked)}


@dataclass(frozen=True, slots=True)
class Kind:
    """All operators of one kind.

    Attributes:
        op: the kind.
        count: how many there are.
        unsupported: how many of them are not supported.
        reasons, unchecked: of all of them, each once.
    """

    op: str
    count: int
    unsupported: int
    reasons: tuple[str, ...]
    unchecked: tuple[str, ...]

    @property
    def answer(self) -> Literal["yes", "no", "some", "if"]:
        """Of all: "if" where it depends on conditions that are not checked, "some" where only part is supported."""
        if self.unsupported:
            return "no" if self.unsupported == self.count else "some"
        return "if" if self.unchecked else "yes"


@dataclass(frozen=True)
class Support:
    """A model against a table.

    Attributes:
        model: path of the file.
        table: the documentation.
        graph: what the file says.
        verdicts: of every operator that counts, in the order of the file.
    """

    model: str
    table: SupportTable
    graph: Graph
    verdicts: Sequence[Verdict]

    @property
    def unsupported(self) -> list[Verdict]:
        """Operators that are not supported, in the order of the file."""
        return [verdict for verdict in self.verdicts if not verdict.supported]

    @property
    def ok(self) -> bool:
        """Whether all are supported as far as the graph tells."""
        return not self.unsupported

    @property
    def share(self) -> float:
        """The share of operators that are supported."""
        return 1 - len(self.unsupported) / len(self.verdicts) if self.verdicts else 1.0

    @property
    def first(self) -> Verdict | None:
        """The first operator that is not supported."""
        return next(iter(self.unsupported), None)

    @property
    def before(self) -> float:
        """The share of operators before the first that is not supported."""
        place = next((place for place, verdict in enumerate(self.verdicts) if not verdict.supported), None)
        return 1.0 if place is None else place / len(self.verdicts)

    @property
    def pieces(self) -> int:
        """Unbroken runs of supported operators in the order of the file."""
        answers = [verdict.supported for verdict in self.verdicts]
        return sum(now and not before for before, now in zip([False, *answers], answers, strict=False))

    @property
    def kinds(self) -> list[Kind]:
        """By kind; unsupported ones first, then by how many there are."""
        groups: dict[str, list[Verdict]] = {}
        for verdict in self.verdicts:
            groups.setdefault(verdict.node.op, []).append(verdict)
        found = [
            Kind(
                op,
                len(group),
                sum(not verdict.supported for verdict in group),
                _once(reason for verdict in group for reason in verdict.reasons),
                _once(text for verdict in group if verdict.supported for text in verdict.unchecked),
            )
            for op, group in groups.items()
        ]
        return sorted(found, key=lambda kind: (-kind.unsupported, -kind.count, kind.op))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        first = self.first
        return {
            "model": self.model,
            "evidence": "static",
            "documentation": self.table.about(),
            "producer": self.graph.producer,
            "opset": self.graph.opset,
            "operators": len(self.verdicts),
            "supported": len(self.verdicts) - len(self.unsupported),
            "share": round(self.share, 4),
            "ok": self.ok,
            "first": None if first is None else first.to_dict(),
            "before_first": round(self.before, 4),
            "pieces": self.pieces,
            "notes": list(self.table.notes),
            "kinds": [
                {
                    "op": kind.op,
                    "count": kind.count,
                    "unsupported": kind.unsupported,
                    "answer": kind.answer,
                    "reasons": list(kind.reasons),
                    "unchecked": list(kind.unchecked),
                }
                for kind in self.kinds
            ],
            "unsupported": [verdict.to_dict() for verdict in self.unsupported],
        }


# ------------------------------------------------------------------------------------------ who says so


def open_graph(model: str | Path, *, registry: Registry | None = None) -> tuple[Path, str, Graph]:
    """The path, the format and the graph of a model.

    Raises:
        ModelError: there is no such file, or it is damaged, or no installed plugin reads graphs of its format.
    """
    registry = installed.registry() if registry is None else registry
    with identify(model, registry.backends) as found:
        for backend in registry.backends_for(found.format):
            if isinstance(backend, ReadsGraphs):
                return found.path, found.format, backend.graph(found.file)
    hint = _READABLE.get(found.format, "")
    raise ModelError(f"No installed plugin reads the operators of {found.format} models.", hint=hint)


_READABLE = {"torchscript": "ask about the .onnx or .tflite file that is exported from it"}


def tables(format: str, *, registry: Registry | None = None) -> list[SupportTable]:
    """What installed plugins know of delegates for models of this format, by name.

    A table that does not have the form of docs/ops.md is left out with a warning.
    """
    registry = installed.registry() if registry is None else registry
    found: list[SupportTable] = []
    for backend in registry.backends:
        for path in backend.support_tables() if isinstance(backend, TellsSupport) else ():
            try:
                found.append(read_table(path))
            except PluginError as cause:
                warnings.warn(cause.message, stacklevel=2)
    return sorted((table for table in found if table.format == format), key=lambda table: table.delegate)


def pick(found: Sequence[SupportTable], delegate: str, format: str) -> SupportTable:
    """The table of this delegate for models of this format.

    Raises:
        InputError: there is none; the hint names what there is.
    """
    fitting = [table for table in found if table.format == format]
    for table in fitting:
        if table.delegate == delegate:
            return table
    known = ", ".join(table.delegate for table in fitting)
    hint = f"use one of: {known}" if known else "bring one with --table FILE, see docs/ops.md"
    raise InputError(f"No table says which operators of {format} models {delegate} takes.", hint=hint)


def read_table(path: Path) -> SupportTable:
    """A table from its file.

    Raises:
        PluginError: it is not there, or does not have the form of docs/ops.md.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return _table(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        what = f"it lacks {cause}" if isinstance(cause, KeyError) else getattr(cause, "strerror", None) or str(cause)
        raise PluginError(f"The table of operators {path} cannot be used: {what}.", hint="see docs/ops.md") from cause


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
        if name in _LISTS and not isinstance(value, list):
            raise ValueError(f"{name} is {value!r}, which is no list")
        if name in ("values", "combinations"):
            content[name] = tuple(tuple(row) for row in value)
        elif name == "sizes":
            content[name] = {int(axis): tuple(sizes) for axis, sizes in value.items()}
        else:
            content[name] = tuple(value) if name in _LISTS else value
    return Rule(**content)


_LISTS = {"inputs", "outputs", "dtypes", "ranks", "combinations", "values", "one_of", "input_counts", "output_counts"}


# ------------------------------------------------------------------------------------------ what they say


def check(path: Path, graph: Graph, table: SupportTable) -> Support:
    """Hold a graph, of the format that the table is about, against it.

    Raises:
        InputError: the file holds no operator.
    """
    known = _Known(graph, table)
    verdicts = [
        _verdict(index, node, table, known)
        for index, node in enumerate(graph.nodes)
        if node.op not in table.skipped and index not in known.folded
    ]
    if not verdicts:
        raise InputError(f"{path} holds no operator that is computed.", hint="export it again")
    return Support(str(path), table, graph, verdicts)


class _Known:
    """What a graph tells of its values.

    Attributes:
        folded: places of operators that are computed once when the model is loaded.
    """

    def __init__(self, graph: Graph, table: SupportTable) -> None:
        self.graph = graph
        self.computed = set(graph.inputs)
        for node in graph.nodes:
            for attribute in node.attributes.values():  # what a branch or a loop takes is given to it
                if isinstance(attribute, Mapping):
                    self.computed.update(attribute.get("inputs", ()))
        self.folded: set[int] = set()
        made = {name for node in graph.nodes for name in node.outputs}
        fixed = {name for node in graph.nodes if node.op in table.skipped for name in node.outputs}
        self.computed |= made - fixed
        for index, node in enumerate(graph.nodes):
            folds = node.op in table.folded or "*" in table.folded
            if folds and node.inputs and all(self.constant(name) for name in node.inputs if name):
                self.folded.add(index)
                self.computed -= set(node.outputs)

    def spec(self, name: str) -> TensorSpec | None:
        return self.graph.values.get(name)

    def constant(self, name: str) -> bool:
        return name not in self.computed


def _verdict(index: int, node: Node, table: SupportTable, known: _Known) -> Verdict:
    specs = [known.spec(name) for name in node.outputs]
    shapes = ", ".join("?" if spec is None else str(spec).partition(" ")[2] for spec in specs)
    rules = table.operators.get(node.op)
    if rules is None:
        return Verdict(index, node, False, (f"{node.op} is not in the list",), (), shapes)
    answers = [(rule.text, _holds(rule, node, known)) for rule in (*table.every, *rules)]
    failed = _once(f"unmet: {text}" for text, holds in answers if holds is False)
    return Verdict(index, node, not failed, failed, _once(text for text, holds in answers if holds is None), shapes)


def _holds(rule: Rule, node: Node, known: _Known) -> bool | None:
    """None where the graph does not tell."""
    answers: list[bool | None] = []
    if rule.input_counts:
        answers.append(len(node.inputs) in rule.input_counts)
    if rule.output_counts:
        answers.append(len(node.outputs) in rule.output_counts)
    if rule.attribute:
        value = node.attributes.get(rule.attribute, rule.default)
        value = list(value) if isinstance(value, tuple) else value
        answers.append(None if value is None else value in [_plain(entry) for entry in rule.one_of])
    chosen = _chosen(rule, node)
    if rule.combinations:
        dtypes = [None if (spec := known.spec(name)) is None else spec.dtype for name in chosen]
        answers.append(None if None in dtypes else tuple(dtypes) in rule.combinations)
    if rule.dtypes or rule.ranks or rule.static or rule.constant or rule.values or rule.sizes:
        answers += [_value_holds(rule, name, known) for name in chosen]
        if not answers:
            return True  # what it is about is left out
    if not answers:
        return None
    return False if False in answers else None if None in answers else True


def _chosen(rule: Rule, node: Node) -> list[str]:
    names: list[str] = []
    whole = rule.inputs is None and rule.outputs is None
    for places, side in ((rule.inputs, node.inputs), (rule.outputs, node.outputs)):
        chosen = range(len(side)) if whole else places or ()
        names += [side[place] for place in chosen if -len(side) <= place < len(side) and side[place]]
    return names


def _value_holds(rule: Rule, name: str, known: _Known) -> bool | None:
    spec, constant = known.spec(name), known.constant(name)
    answers: list[bool | None] = []
    if rule.constant:
        answers.append(constant)
    if rule.values:
        array = known.graph.constants.get(name)
        answers.append(None if array is None else tuple(array.ravel().tolist()) in rule.values)
    if spec is None:
        answers.append(None if rule.dtypes or rule.ranks or rule.static or rule.sizes else True)
    else:
        answers.append(not rule.dtypes or spec.dtype in rule.dtypes)
        answers.append(not rule.ranks or len(spec.shape) in rule.ranks)
        answers.append(not rule.static or spec.static)
        for axis, sizes in rule.sizes.items():
            if not -len(spec.shape) <= axis < len(spec.shape):
                answers.append(True)  # there is no such axis
            else:
                size = spec.shape[axis]
                answers.append(None if size is None else size in sizes)
    return False if False in answers else None if None in answers else True


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def _once(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
