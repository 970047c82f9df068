"""edgerun doctor: does everything that is installed compute on this machine?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import typer

from edgerun.cli.common import NO, AsJson, Debug, door, facts, print_json, print_table, say

if TYPE_CHECKING:
    from edgerun.tools.doctor.checkup import BackendCheck, Checkup, DelegateCheck

__all__ = ["command"]

Row: TypeAlias = tuple[str, str, str, str, str]
"""Runtime, version, delegates, verdict, why."""


def command(as_json: AsJson = False, debug: Debug = False) -> None:
    """Check that every installed runtime computes; exit 1 where one does not."""
    with door(as_json=as_json, debug=debug):
        from edgerun.tools.doctor import examine

        checkup = examine.examine()
        if as_json:
            print_json(checkup.to_dict())
        else:
            _print(checkup, debug)
        if not checkup.ok:
            raise typer.Exit(NO)


def _print(checkup: Checkup, debug: bool) -> None:
    facts(checkup.machine.items())
    say()
    rows: list[Row] = []
    for check in checkup.checks:
        rows += _rows(check)
    print_table(rows, ("runtime", "version", "delegate", "", ""))
    _section("not installed", [(" ".join(entry.formats), entry.install) for entry in checkup.missing])
    _section("warnings", [(line,) for line in checkup.warnings])
    _section("errors", [(line,) for line in checkup.errors])
    if debug:
        for failure in checkup.failures:
            say(f"\n{failure.message}\n{failure.trace}")
    say("\nno errors" if checkup.ok else "")


def _section(heading: str, rows: Sequence[Sequence[str]]) -> None:
    """A heading and its lines; nothing where there are none."""
    if rows:
        say(f"\n{heading}")
        print_table(rows, indent=2)


def _rows(check: BackendCheck) -> list[Row]:
    health = check.health
    if not health.ok:
        reason = f"{health.reason}; {health.hint}" if health.hint else health.reason
        return [(check.backend, health.version, "", "broken", reason)]
    rows: list[Row] = []
    for trials in _grouped(check.trials):
        name, version = ("", "") if rows else (check.backend, health.version)
        delegates = " ".join(trial.delegate for trial in trials)
        rows.append((name, version, delegates, _verdict(trials[0]), trials[0].detail))
    return rows


def _grouped(trials: Sequence[DelegateCheck]) -> list[list[DelegateCheck]]:
    """Delegates that share a row: neighbours that are not available for one and the same reason."""
    groups: list[list[DelegateCheck]] = []
    for trial in trials:
        if groups and _share_a_row(groups[-1][-1], trial):
            groups[-1].append(trial)
        else:
            groups.append([trial])
    return groups


def _share_a_row(one: DelegateCheck, other: DelegateCheck) -> bool:
    return not one.available and not other.available and one.detail == other.detail


def _verdict(trial: DelegateCheck) -> str:
    if not trial.available:
        return "not here"
    return "computes" if trial.ok else "fails"
