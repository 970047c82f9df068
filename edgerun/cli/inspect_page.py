"""The whole page of `edgerun inspect --why`: every field of the card with its source, every decoder's verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import singledispatch
from itertools import chain
from typing import TYPE_CHECKING

from edgerun.cli.common import facts, print_table, say

if TYPE_CHECKING:
    from edgerun.card import ModelCard
    from edgerun.contract import Match
    from edgerun.report import Report
    from edgerun.tools.inspection import Inspection

__all__ = ["file_size", "in_words", "nearest_first", "needs", "print_all", "print_stragglers", "tensors"]

UNNAMED = (
    "no source names them, and no number of classes tells: --labels coco, or --labels FILE, names what shows as numbers"
)

AT_THE_DOOR = "it needs "
"""How verdicts begin that go by the number and shape of the outputs alone."""

LONGEST_VALUE = 80
"""Letters of a metadata value that are shown."""
MAX_NAMES = 4
"""Names of a list that are shown."""


def print_all(seen: Inspection) -> None:
    """Everything that is known of a model."""
    sides = chain(tensors("inputs", seen.inputs), tensors("outputs", seen.outputs))
    facts(chain(_model(seen), needs(seen), sides, _decoding(seen.report), [("sidecar", seen.sidecar)]))
    if seen.report is not None:
        print_stragglers(seen.report)
    say("\ncard")
    print_table(_card(seen.card, seen.report is None), ("field", "value", "source"), indent=2)
    if seen.verdicts:
        say("\nwhat each decoder says" if seen.report is None else "\nwhy no other decoder")
        rows = [(name, match.sure.name.lower(), match.why) for name, match in nearest_first(seen.verdicts)]
        print_table(rows, ("decoder", "sure", "why"), indent=2)
    if seen.metadata:
        say("\nmetadata of the file")
        print_table([(name, _shortened(value)) for name, value in seen.metadata.items()], indent=2)


def nearest_first(verdicts: Sequence[tuple[str, Match]]) -> list[tuple[str, Match]]:
    """The surest first; among the others those that got as far as a reason of their own, which few share."""
    shared = Counter(match.why for _, match in verdicts)

    def distance(entry: tuple[str, Match]) -> tuple[int, bool, int]:
        match = entry[1]
        return -match.sure, match.why.startswith(AT_THE_DOOR), shared[match.why]

    return sorted(verdicts, key=distance)


def _model(seen: Inspection) -> Iterator[tuple[str, str]]:
    """What runs the model, and where."""
    from edgerun.report import summary

    yield "model", f"{seen.model} ({seen.format}, {file_size(seen.size)})"
    report = seen.report
    if report is not None:
        yield "runs on", report.runs_on
        yield "note", report.delegate_reason
        yield "opened in", str(report.opening)
        yield "coverage", summary(report.coverage)
        for warning in report.warnings:
            yield "warning", warning


def needs(seen: Inspection) -> Iterator[tuple[str, str]]:
    """What the file needs first, then what keeps it off a delegate."""
    for need in sorted(seen.needs, key=lambda need: not need.must):
        yield "needs" if need.must else "keeps off", f"{need.what}: {need.why}"


def tensors(name: str, specs: Iterable[object]) -> Iterator[tuple[str, str]]:
    """A line for each, the first of them with the name."""
    for spec in specs:
        yield name, str(spec)
        name = " "


def _decoding(report: Report | None) -> Iterator[tuple[str, str]]:
    if report is None:
        yield "decoder", "none: the model is refused, see below"
    else:
        yield "decoder", f"{report.decoder}: {report.why}"
        yield "conf", f"{report.conf.value:g} ({report.conf.source})"
        yield "iou", f"{report.iou.value:g} ({report.iou.source})"
        yield "max-det", f"{report.max_det}"


def print_stragglers(report: Report) -> None:
    """Operators that run elsewhere than on the delegate; milliseconds where they were measured."""
    from edgerun.report import stragglers

    rows = stragglers(report.coverage, report.delegate)
    if not rows:
        return
    say(f"\nnot on {report.delegate}")
    is_timed = any(milliseconds for _, _, milliseconds, _ in rows)
    if is_timed:
        print_table(rows, ("operator", "runs on", "ms", "why"), indent=2)
    else:
        print_table(
            [(operator, place, why) for operator, place, _, why in rows], ("operator", "runs on", "why"), indent=2
        )


def _shortened(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"


def _card(card: ModelCard, refused: bool) -> list[tuple[str, str, str]]:
    """Name, value and source of the fields that say something; labels always."""
    from edgerun.card import FIELDS

    rows = []
    for name in FIELDS:
        if name == "labels":
            rows.append(_labels(card))
        elif _is_shown(card, name, refused):
            rows.append((name, in_words(getattr(card, name)), card.source(name)))
    return rows


def _labels(card: ModelCard) -> tuple[str, str, str]:
    return "labels", in_words(card.labels), card.source("labels") if card.labels else UNNAMED


def _is_shown(card: ModelCard, name: str, refused: bool) -> bool:
    if name in ("conf", "iou"):  # which stand above
        return False
    if name == "keypoint_dims" and not card.keypoints:
        return False
    if name == "overlap" and card.task != "obb":
        return False
    if refused and name not in card.sources:
        return False
    value = getattr(card, name)
    return value is not None and value not in ((), {})


@singledispatch
def in_words(value: object) -> str:
    """A field's value in words."""
    return str(value)


@in_words.register
def _(value: bool) -> str:
    return "yes" if value else "no"


@in_words.register
def _(value: float) -> str:
    inverse = round(1 / value, 1) if 0 < value < 0.1 else 0.0
    is_fraction = inverse > 0 and abs(1 / value - inverse) < 1e-6
    return f"1/{inverse:g}" if is_fraction else f"{value:g}"


@in_words.register
def _(value: tuple) -> str:  # type: ignore[type-arg]
    if value and isinstance(value[0], str):
        shown = ", ".join(value[:MAX_NAMES])
        return f"{len(value)}: {shown}{', …' if len(value) > MAX_NAMES else ''}"
    numbers = list(dict.fromkeys(map(in_words, value)))
    return numbers[0] if len(numbers) == 1 else ", ".join(map(in_words, value)) or "none"


@in_words.register(Mapping)
def _(value: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={entry}" for name, entry in value.items())


def file_size(size: int) -> str:
    """Bytes as people read them."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
