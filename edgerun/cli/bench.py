"""edgerun bench: how fast models are on this machine, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import AsJson, Debug, door, facts, plain, print_json, print_table, say
from edgerun.cli.options import takes_model
from edgerun.cli.progress import counted

if TYPE_CHECKING:
    from edgerun.tools.bench.bench import Bench, Benched

__all__ = ["command"]

ROUNDS = 120
"""As `edgerun.tools.bench.bench.ROUNDS`, without importing it for --help."""


@takes_model
def command(
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help="One model or several, side by side.")],
    load: dict[str, Any],
    images: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Images that are run, in turn; otherwise a made-up one.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="Frames of each model that count.")] = ROUNDS,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Time whole frames and their parts, one frame of each model in turn, each model in a process of its own.

    A frame goes from the decoded image to the boxes. Models share a place where the noise does not tell them apart.
    --json is in the form of pytest-benchmark, whose compare reads it. --threads, --delegate and all that describes a
    model hold for every model.
    """
    with door(as_json=as_json, debug=debug):
        from edgerun.tools.bench.bench import bench
        from edgerun.tools.bench.benchmark_json import as_benchmarks
        from edgerun.tools.tune.model import some_images

        with counted() as progress:
            found = bench(models, images=some_images(images), rounds=rounds, progress=progress, **load)
        if as_json:
            print_json(as_benchmarks(found))
        else:
            _print(found)


# -------------------------------------------------------------------------------------------------- the page

TIMES = ("place", "model", "frame ms", "p95", "p99", "quartiles apart", "preprocess", "inference", "postprocess")
COSTS = ("model", "file MB", "open ms", "first frame ms", "peak MB", "growth MB", "mJ a frame", "runs on")


def _print(found: Bench) -> None:
    from edgerun.tools.bench.benchmark_json import distinct

    say(f"{found.rounds} rounds of one frame of each model\n")
    names = [plain(name) for name in distinct([entry.model for entry in found.models])]
    rows = sorted(zip(names, found.models, strict=True), key=lambda row: row[1].place)
    print_table([_times(*row) for row in rows], TIMES, indent=2)
    say("")
    print_table([_costs(*row) for row in rows], COSTS, indent=2)
    say("")
    facts([*((name, _standing(entry)) for name, entry in rows), *_machine(found)])


def _times(name: str, entry: Benched) -> list[str]:
    import statistics

    from edgerun.tools.bench.comparison import spread

    frame = spread(entry.seconds["frame"])
    parts = [statistics.median(entry.seconds[part]) for part in ("preprocess", "inference", "postprocess")]
    numbers = [frame["median"], frame["p95"], frame["p99"], frame["iqr"], *parts]
    return [str(entry.place), name, *(f"{seconds * 1000:.2f}" for seconds in numbers)]


def _costs(name: str, entry: Benched) -> list[str]:
    known = entry.facts
    on = f"{known.backend}, {known.delegate}, {known.threads} thread{'s' * (known.threads != 1)}"
    opening = [f"{seconds * 1000:.0f}" for seconds in (known.opening, known.first_frame)]
    energy = "–" if entry.joules is None else f"{entry.joules * 1000:.1f}"
    memory = [_megabytes(entry.end.peak), _megabytes(entry.growth)]
    return [name, _megabytes(known.file_bytes), *opening, *memory, energy, plain(on)]


def _megabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / 1e6:.1f}"


def _standing(entry: Benched) -> str:
    against = entry.against_fastest
    if against is None:
        return ""
    interval = f"{against.ratio:.3f} × the smallest median (99 % confidence: {against.low:.3f} to {against.high:.3f})"
    return f"{against.verdict}: {interval}"


def _machine(found: Bench) -> list[tuple[str, str]]:
    """What there is to know of the machine meanwhile."""
    clock = f"a loop that is always the same took {found.drift:.2f} × as long in the last third as in the first"
    if found.drifted:
        clock += ": read ratios, not milliseconds"
    lines = [("clock", clock), ("energy", found.energy and f"not told: {found.energy}")]
    if found.interrupted:
        lines.append(("note", "interrupted: whole rounds are kept"))
    return lines
