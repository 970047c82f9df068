"""edgerun tune: the fastest right way of running a model on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import INTERRUPTED, AsJson, Debug, console, door, facts, print_json, print_table, say
from edgerun.cli.options import takes_model

if TYPE_CHECKING:
    from edgerun.tools.tune.result import Finding, Tuning

__all__ = ["command"]

BUDGET = 60.0
"""As `edgerun.tools.tune.search.BUDGET`, without importing it for --help."""


@takes_model
def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Path of a model, or the name of one of ours (codes).")],
    load: dict[str, Any],
    budget: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time to spend.")] = BUDGET,
    images: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Pictures on which results are compared; otherwise made-up ones."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", metavar="", help="Measure and show; write nothing.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Try delegates and numbers of threads, drop what gives other boxes, measure the rest, remember the fastest.

    What was found holds for this model, this machine and these versions; --delegate auto takes it from then on. With
    --delegate (repeated), --threads or --backend only these are tried.
    """
    with door(as_json=as_json, debug=debug):
        from edgerun.tools.tune.model import tune

        with _progress(budget) as progress:
            found = tune(model, budget=budget, images=images, write=not dry_run, progress=progress, **load)
        if as_json:
            print_json(found.to_dict())
        else:
            _print(found, dry_run)
        if found.interrupted and found.choice is None:
            raise typer.Exit(INTERRUPTED)


@contextmanager
def _progress(budget: float) -> Iterator[Callable[[str, float], None]]:
    """A bar on stderr, where somebody looks at it."""
    from edgerun.tools.tune.race import silent

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.description}"))
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task("", total=budget)
        yield lambda text, seconds: bar.update(task, completed=min(seconds, budget), description=text)


def _print(found: Tuning, dry_run: bool) -> None:
    several = len({finding.candidate.backend for finding in found.findings}) > 1
    say(f"{found.model}, {found.rounds} rounds in {found.spent:.0f} s\n")
    rows = [[*([finding.candidate.backend] if several else []), *_row(finding)] for finding in found.findings]
    headings = [*(["runtime"] if several else []), "delegate", "threads", "ms", "quartiles", "× reference", "", ""]
    print_table(rows, headings, indent=2)
    if found.batches:
        say("")
        print_table(
            [_batch(number, times) for number, times in found.batches.items()], ("pictures a run", "ms each"), indent=2
        )
    say("")
    facts([("reference", str(found.reference)), *_ending(found, dry_run), ("note", _busy(found.load))])


def _busy(load: float) -> str:
    from edgerun.runtime import cpu_cores

    cores = cpu_cores.available()
    if load <= 0.75 * cores:
        return ""
    return f"other programs kept this machine busy (load {load:.1f}, {cores} cores); tune again when it is quiet"


def _row(finding: Finding) -> list[str]:
    quartiles = finding.quartiles
    middle = "" if quartiles is None else f"{quartiles[1]:.2f}"
    spread = "" if quartiles is None or len(finding.seconds) < 4 else f"{quartiles[0]:.2f} – {quartiles[2]:.2f}"
    ratio = "" if finding.ratio is None else f"{finding.ratio:.2f}"
    return [
        finding.candidate.delegate,
        str(finding.candidate.threads),
        middle,
        spread,
        ratio,
        finding.verdict,
        finding.detail or _parity(finding),
    ]


def _parity(finding: Finding) -> str:
    if finding.pixels is None or finding.score is None:
        return ""
    if finding.pixels == finding.score == 0:
        return "the same boxes"
    return f"the same boxes, at most {finding.pixels:.2g} pixels and {finding.score:.1g} of score apart"


def _batch(number: int, seconds: Any) -> tuple[str, str]:
    import statistics

    return str(number), f"{statistics.median(seconds) * 1000:.2f}" if seconds else ""


def _ending(found: Tuning, dry_run: bool) -> list[tuple[str, str]]:
    choice = found.choice
    if choice is None:
        return [("choice", "none: it was interrupted before anything was measured")]
    level = sum(finding.verdict == "level" for finding in found.findings)
    said = f"{choice.delegate} with {choice.threads} thread{'s' * (choice.threads != 1)}"
    said += ", the reference" if said == choice.reference else f", {choice.ratio:.2f} × the speed of the reference"
    lines = [("choice", said + (f"; {choice.batch} pictures a run" if choice.batch > 1 else ""))]
    if level:
        others = f"{level} other{'s' * (level > 1)}"
        lines.append(("", f"no clear winner: the noise does not tell it from {others}; the simplest is taken"))
    elif not found.clear:
        lines.append(("", "not beyond doubt in that time; a larger --budget would tell"))
    if found.interrupted:
        lines.append(("", "interrupted: what had been measured by then is kept"))
    written = f'{found.written}; --delegate auto, or delegate="auto", takes it'
    if dry_run:
        written = "nothing, by --dry-run"
    elif found.alone:
        written = "nothing: the time was up before another way was measured; give a larger --budget"
    return [*lines, ("written", written)]
