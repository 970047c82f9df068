"""edgerun doctor: does everything that is installed compute on this machine?"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import typer

from edgerun.cli.common import NO, AsJson, Debug, door, facts, print_json, print_table, say

if TYPE_CHECKING:
    from edgerun.tools.doctor.checkup import BackendCheck, Checkup, DelegateCheck

__all__ = ["command"]


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
    rows = [row for check in checkup.checks for row in _rows(check)]
    print_table(rows, ("runtime", "version", "delegate", "", ""))
    if checkup.missing:
        say("\nnot installed")
        print_table([(" ".join(entry.formats), entry.install) for entry in checkup.missing], indent=2)
    for heading, lines in (("warnings", checkup.warnings), ("errors", checkup.errors)):
        if lines:
            say(f"\n{heading}")
            print_table([(line,) for line in lines], indent=2)
    if debug:
        for failure in checkup.failures:
            say(f"\n{failure.message}\n{failure.trace}")
    say("\nno errors" if checkup.ok else "")


def _rows(check: BackendCheck) -> list[tuple[str, str, str, str, str]]:
    if not check.health.ok:
        hint = f"; {check.health.hint}" if check.health.hint else ""
        return [(check.backend, check.health.version, "", "ill", check.health.reason + hint)]
    names = [(check.backend, check.health.version)] + [("", "")] * len(check.trials)
    # what is not available for one and the same reason shares a row
    groups = [list(group) for _, group in groupby(check.trials, lambda trial: trial.available or trial.detail)]
    groups = [part for group in groups for part in ([[trial] for trial in group] if group[0].available else [group])]
    return [
        (*name, " ".join(trial.delegate for trial in group), *_verdict(group[0]))
        for name, group in zip(names, groups, strict=False)
    ]


def _verdict(trial: DelegateCheck) -> tuple[str, str]:
    if not trial.available:
        return "not here", trial.detail
    return ("computes" if trial.ok else "fails"), trial.detail
