"""edgerun ops: which operators of a model a delegate takes, by its documentation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import NO, AsJson, Debug, door, facts, plain, print_json, print_table, say

if TYPE_CHECKING:
    from edgerun.tools.ops.result import Support

__all__ = ["command"]

SHOWN = 12
"""Operators that are listed one by one; --json lists all."""


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Path of a model, or the name of one of ours (codes).")],
    delegate: Annotated[
        str,
        typer.Option(
            "--for", metavar="DELEGATE", help="Such as coreml, nnapi, xnnpack, edgetpu, qnn; all where it is left out."
        ),
    ] = "",
    table: Annotated[
        Path | None, typer.Option("--table", metavar="FILE", help="A table of your own; docs/ops.md says how.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", metavar="", help="Print Markdown.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Hold a model's operators against what a delegate's documentation says. Nothing is run."""
    with door(as_json=as_json, debug=debug):
        from edgerun.contract.support_table import read_table
        from edgerun.errors import InputError
        from edgerun.tools.ops import tables as known_tables
        from edgerun.tools.ops.check import check

        path, format, graph = known_tables.open_graph(model)
        tables = [read_table(table)] if table is not None else known_tables.tables(format)
        if delegate or table is not None:
            chosen = known_tables.pick(tables, delegate or tables[0].delegate, format)
            found = check(path, graph, chosen)
            if as_json:
                print_json(found.to_dict())
            elif markdown:
                say(_markdown(found))
            else:
                _print(found)
            if not found.ok:
                raise typer.Exit(NO)
            return
        if not tables:
            raise InputError(
                f"No table says which operators of {format} models a delegate takes.",
                hint="bring one with --table FILE; edgerun inspect shows what the file asks for, and what computes it",
            )
        every = [check(path, graph, entry) for entry in tables]
        if as_json:
            print_json({"model": str(path), "evidence": "static", "delegates": [entry.to_dict() for entry in every]})
        elif markdown:
            say(_as_markdown(_overview(every), _OVERVIEW))
        else:
            _print_overview(str(path), every)


_OVERVIEW = ("delegate", "operators", "supported", "first that is not", "before it", "documentation")


def _overview(every: list[Support]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for found in every:
        first = "" if found.first is None else _place(found)
        before = "" if found.first is None else f"{found.before:.0%}"
        share = f"{found.share:.0%}" + (
            " on conditions" if found.ok and any(kind.unchecked for kind in found.kinds) else ""
        )
        rows.append((found.table.delegate, str(len(found.verdicts)), share, first, before, found.table.version))
    return rows


def _place(found: Support) -> str:
    first = found.first
    assert first is not None  # callers ask
    name = f" {first.node.name}" if first.node.name else ""
    return f"{first.node.op}{name} (number {first.index})"


def _print_overview(path: str, every: list[Support]) -> None:
    graph = every[0].graph
    facts([("model", path), ("written by", graph.producer), ("operators", graph.opset)])
    say()
    print_table(_overview(every), _OVERVIEW)
    say(f"\n{_static()}\none delegate in full: --for {every[0].table.delegate}")


def _static() -> str:
    from edgerun.tools.ops.result import STATIC

    return STATIC


def _verdict(found: Support) -> str:
    total, missing = len(found.verdicts), len(found.unsupported)
    if not missing:
        return f"all {total} operators are supported, as far as the file tells"
    return f"{total - missing} of {total} operators are supported ({found.share:.1%}); {missing} are not"


def _print(found: Support) -> None:
    table = found.table
    lines = [
        ("model", found.model),
        ("written by", found.graph.producer),
        ("operators", found.graph.opset),
        ("delegate", f"{table.delegate}: {table.title}"),
        ("documentation", f"{table.version}, read {table.date}"),
        (" ", table.source),
        ("evidence", _static()),
        ("answer", _verdict(found)),
    ]
    first = found.first
    if first is not None:
        lines.append(("first", f"{_place(found)} {first.shapes}: {'; '.join(first.reasons)}"))
        lines.append(("before it", f"{found.before:.1%} of the operators"))
        lines.append(("pieces", f"{found.pieces} unbroken runs of supported operators, in the order of the file"))
    facts(lines)
    say()
    print_table(_kinds(found), _KINDS)
    if found.unsupported:
        say("\nnot supported, in the order of the file")
        print_table(
            [(str(entry.index), entry.node.op, entry.node.name, entry.shapes) for entry in found.unsupported[:SHOWN]],
            ("number", "operator", "name", "gives"),
            indent=2,
        )
        if len(found.unsupported) > SHOWN:
            say(f"  … and {len(found.unsupported) - SHOWN} more; --json lists all")
    for note in table.notes:
        say(f"note: {plain(note)}")


_KINDS = ("operator", "count", "supported", "why not", "on condition, not checked")


def _kinds(found: Support) -> list[tuple[str, ...]]:
    answers = {"yes": "yes", "no": "no", "if": "yes, if"}
    return [
        (
            kind.op,
            str(kind.count),
            answers.get(kind.answer, f"{kind.count - kind.unsupported} of {kind.count}"),
            "; ".join(kind.reasons),
            "; ".join(kind.unchecked),
        )
        for kind in found.kinds
    ]


def _markdown(found: Support) -> str:
    table, first = found.table, found.first
    lines = [
        f"# {_cell(Path(found.model).name)} for {_cell(table.delegate)}",
        "",
        f"{_verdict(found)}. Evidence: {_static()}.",
        "",
        f"- Delegate: {_cell(table.title)}",
        f"- Documentation: {_cell(table.version)}, {_cell(table.source)}, read {_cell(table.date)}",
    ]
    if first is not None:
        lines.append(f"- First that is not supported: {_cell(_place(found))}: {_cell('; '.join(first.reasons))}")
        lines.append(f"- Before it: {found.before:.1%} of the operators")
        lines.append(f"- Unbroken runs of supported operators: {found.pieces}")
    lines += [f"- Note: {_cell(note)}" for note in table.notes]
    return "\n".join([*lines, "", _as_markdown(_kinds(found), _KINDS)])


def _as_markdown(rows: list[tuple[str, ...]], headings: tuple[str, ...]) -> str:
    lines: list[tuple[Any, ...]] = [headings, ("---",) * len(headings), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return plain(text).replace("|", "\\|")
