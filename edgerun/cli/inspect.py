"""edgerun inspect: what a model is, how it is read, and from which source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import FAILED, AsJson, Debug, door, print_json, problem, say
from edgerun.cli.options import takes_model

if TYPE_CHECKING:
    from edgerun.tools.inspection import Inspection

__all__ = ["command"]


@takes_model
def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Path of a model, or the name of one of ours (codes).")],
    load: dict[str, Any],
    why: Annotated[
        bool,
        typer.Option("--why", metavar="", help="Show every field with its source, and why no other decoder is meant."),
    ] = False,
    write_sidecar: Annotated[
        bool,
        typer.Option(
            "--write-sidecar", metavar="", help="Write what was decided into MODEL.edgerun.json, for every app."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", metavar="", help="Overwrite a sidecar that is there.")] = False,
    profile: Annotated[
        bool,
        typer.Option("--profile", metavar="", help="Run it on a made-up image: which node ran where, and how long."),
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show what a model takes and gives, how it is read, and from which source."""
    with door(as_json=as_json, debug=debug):
        from edgerun.tools import inspection as inspections

        seen = inspections.inspect(model, profile=profile, **load)
        written = inspections.write_sidecar(seen, force=force) if write_sidecar and seen.refusal is None else None
        if as_json:
            print_json(seen.to_dict() | ({} if written is None else {"written": str(written)}))
        else:
            _print(seen, why)
            if written is not None:
                say(f"\nsidecar written: {written}")
        if seen.refusal is not None:
            problem(seen.refusal)
            raise typer.Exit(FAILED)


def _print(seen: Inspection, why: bool) -> None:
    from edgerun.cli.inspect_page import print_all
    from edgerun.cli.inspect_summary import print_summary, print_verdict

    if not why:
        print_summary(seen)
        return
    if seen.report is not None:
        print_verdict(seen.report)
    print_all(seen)
