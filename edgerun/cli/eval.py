"""edgerun eval: how right models are on labelled images, and what kinds of mistakes cost them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgerun.cli.common import AsJson, Debug, door, facts, plain, print_json, print_table, say
from edgerun.cli.options import takes_model
from edgerun.cli.progress import counted

if TYPE_CHECKING:
    from edgerun.tools.evaluation.evaluate import Evaluated, Evaluation

__all__ = ["command"]


@takes_model
def command(
    context: typer.Context,
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help="One model or several, side by side.")],
    load: dict[str, Any],
    data: Annotated[
        Path, typer.Option(metavar="FILE|FOLDER", help="Labels: COCO's JSON, or a folder of YOLO's texts.")
    ],
    images: Annotated[str, typer.Option(metavar="FOLDER", help="The images that are labelled.")],
    per_class: Annotated[
        bool, typer.Option("--per-class", metavar="", help="The average precision of every class.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare what models find with labels: COCO's measures, and what each kind of mistake costs.

    AP is the average precision of IoU .5 to .95. What it loses is split as by Bolya et al. (arXiv 2008.08115): boxes
    that sit badly, wrong classes, duplicates, background taken for an object, both at once, and objects missed.
    --conf, --iou, --max-det and all that describes a model hold for every model.
    """
    with door(as_json=as_json, debug=debug):
        from edgerun.tools.evaluation.evaluate import evaluate

        with counted() as progress:
            found = evaluate(models, data, _photos(images), progress=progress, **_stated(load, context))
        if as_json:
            print_json(found.to_dict())
        else:
            _print(found, per_class)


def _stated(load: dict[str, Any], context: typer.Context) -> dict[str, Any]:
    """Without the usual number of rows, where nobody asked for it: the measure has another."""
    source = context.get_parameter_source("max_det")
    is_said = source is not None and source.name != "DEFAULT"
    return {name: value for name, value in load.items() if is_said or name != "max_det"}


def _photos(images: str) -> list[Path]:
    from edgerun.errors import InputError
    from edgerun.media import sources

    photos = [Path(str(source.place)) for source in sources.expand([images]) if source.kind == "picture"]
    if not photos:
        raise InputError(f"{images} holds no images.", hint="name the folder of the images that are labelled")
    return photos


# -------------------------------------------------------------------------------------------------- the page


def _print(found: Evaluation, per_class: bool) -> None:
    say(f"{found.images} labelled images\n")
    measures = list(found.models[0].measures.values)
    rows = [
        [plain(entry.model), *(_number(entry.measures.values[name]) for name in measures)] for entry in found.models
    ]
    print_table(rows, ["model", *measures], indent=2)
    say("\nwhat mending each kind of mistake would add to AP50 (how many there are)")
    kinds = list(found.models[0].split.costs)
    print_table([_costs(entry, kinds) for entry in found.models], ["model", "AP50", *kinds], indent=2)
    if per_class:
        say("")
        print_table(_classes(found), ["class", *(plain(entry.model) for entry in found.models)], indent=2)
    say("")
    facts([*_spreads(found.models), *(("note", note) for note in found.notes)])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _costs(entry: Evaluated, kinds: Sequence[str]) -> list[str]:
    cells = [f"{entry.split.costs[kind]:+.3f} ({entry.split.counts[kind]})" for kind in kinds]
    return [plain(entry.model), _number(entry.split.ap50), *cells]


def _classes(found: Evaluation) -> list[list[str]]:
    numbers = sorted({number for entry in found.models for number in entry.measures.by_class})
    return [
        [
            plain(found.names.get(number, str(number))),
            *(_number(entry.measures.by_class.get(number)) for entry in found.models),
        ]
        for number in numbers
    ]


def _spreads(models: Sequence[Evaluated]) -> list[tuple[str, str]]:
    """How far each AP depends on which images there are, and each difference from the first."""
    lines = [
        (plain(entry.model), f"AP {_number(entry.measures.values['AP'])} ± {entry.spread:.3f} (one standard error)")
        for entry in models
        if entry.spread is not None
    ]
    for entry in models:
        if entry.difference is not None:
            value, error = entry.difference
            against = f"{value:+.3f} ± {error:.3f} against {plain(models[0].model)}: {entry.verdict}"
            lines.append((plain(entry.model), against))
    return lines
