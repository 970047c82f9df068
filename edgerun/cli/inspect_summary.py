"""What `edgerun inspect` says first: the verdict, and what a reader acts on, on one screen.

On a terminal a reason that is long is cut; `--why` has it whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from edgerun.cli.common import console, facts, print_table, say, spoken
from edgerun.cli.inspect_page import (
    UNNAMED,
    file_size,
    in_words,
    nearest_first,
    needs,
    print_stragglers,
    tensors,
)

if TYPE_CHECKING:
    from edgerun.card import ModelCard
    from edgerun.report import Report
    from edgerun.tools.inspection import Inspection

__all__ = ["print_summary", "print_verdict"]

Fact: TypeAlias = tuple[str, str]

NAMES = 11
"""Columns of the names of facts."""
MOST_TENSORS = 4
MOST_WARNINGS = 2
MOST_NEAREST = 5
MOST_ELSEWHERE = 1
"""Lines of each kind; the rest is counted."""

MORE = ("more", "--why: every field with its source, and why no other decoder")

TASKS = {
    "detect": "detects",
    "segment": "outlines",
    "pose": "finds points of",
    "obb": "detects, at any angle,",
    "classify": "tells apart",
}

FED: tuple[str, ...] = (
    "resize",
    "crop",
    "shorter_side",
    "longer_side",
    "side_multiple",
    "side_rounding",
    "padded",
    "fill",
)
FED += ("color", "scale", "mean", "std", "inputs")
READ = ("box_units", "suppressed", "nms", "overlap", "keypoints", "keypoint_dims", "outputs")
ALWAYS_FED = frozenset(["resize", "color", "scale"])
"""Fields by what they are about; these are said even where nobody says them, since pixels depend on them."""


def print_summary(seen: Inspection) -> None:
    """The verdict, and below it what the model takes and gives: at most 25 lines of 80 columns as a rule."""
    if seen.report is None:
        _print_refused(seen)
    else:
        _print_settled(seen, seen.report)


def _print_settled(seen: Inspection, report: Report) -> None:
    print_verdict(report)
    sidecar = [("sidecar", seen.sidecar)]
    shown = chain(_opened(seen, report), _sides(seen), _decoding(report), _card(report.card), sidecar)
    if report.coverage.time:  # which was asked for
        facts(shown)
        print_stragglers(report)
    else:
        facts(chain(shown, _elsewhere(report), [MORE]))


def print_verdict(report: Report) -> None:
    """How the model is read, in a sentence."""
    print_table([(_cut(_verdict(report), 2, name=0),)])


def _print_refused(seen: Inspection) -> None:
    """The reason first, then what the file holds, then the decoders that came nearest."""
    assert seen.refusal is not None  # nothing else is without a report
    reason = [("refused", seen.refusal.message), ("hint", spoken(seen.refusal.hint or ""))]
    facts(chain(reason, [_file(seen)], _needs(seen), _sides(seen), _card(seen.card, is_settled=False)))
    nearest = nearest_first(seen.verdicts)[:MOST_NEAREST]
    if nearest:
        say(f"\nwhat the nearest decoders say; all {len(seen.verdicts)}: --why")
        rows = [(name, match.sure.name.lower(), _cut(match.why, 2, name=30)) for name, match in nearest]
        print_table(rows, indent=2)


def _verdict(report: Report) -> str:
    """One sentence: what it does, and in which family's way."""
    card = report.card
    named = f"{in_words(card.labels)}" if card.labels else "classes without names"
    size = f", in images of {card.width} x {card.height}" if card.width and card.height else ""
    return f"read as {report.decoder}: {TASKS.get(card.task, card.task)} {_classes(card, named)}{size}"


def _classes(card: ModelCard, named: str) -> str:
    if not card.labels:
        return named
    count, _, names = named.partition(": ")
    return f"{count} class{'es' * (count != '1')} ({names})"


def _file(seen: Inspection) -> Fact:
    return "model", f"{seen.model} ({seen.format}, {file_size(seen.size)})"


def _opened(seen: Inspection, report: Report) -> Iterator[Fact]:
    from edgerun.report import summary

    yield _file(seen)
    yield "runs on", report.runs_on
    yield "note", report.delegate_reason
    yield "coverage", _cut(summary(report.coverage), 1)
    for warning in report.warnings[:MOST_WARNINGS]:
        yield "warning", _cut(warning, 2)
    if len(report.warnings) > MOST_WARNINGS:
        yield "warning", f"{len(report.warnings) - MOST_WARNINGS} more: --why"
    yield from _needs(seen)


def _needs(seen: Inspection) -> Iterator[Fact]:
    return ((name, _cut(need, 1)) for name, need in needs(seen))


def _sides(seen: Inspection) -> Iterator[Fact]:
    yield from _few(list(tensors("inputs", seen.inputs)))
    yield from _few(list(tensors("outputs", seen.outputs)))


def _few(lines: Sequence[Fact]) -> Iterator[Fact]:
    """The first lines, and how many there are besides."""
    if len(lines) <= MOST_TENSORS:
        yield from lines
        return
    yield from lines[: MOST_TENSORS - 1]
    yield " ", f"and {len(lines) - MOST_TENSORS + 1} more: --why"


def _decoding(report: Report) -> Iterator[Fact]:
    yield "decoder", _cut(f"{report.decoder}: {report.why}", 1)
    yield "conf", f"{report.conf.value:g} ({report.conf.source})"
    yield "iou", f"{report.iou.value:g} ({report.iou.source})"


def _elsewhere(report: Report) -> Iterator[Fact]:
    """What runs elsewhere than on the delegate, as far as there is room."""
    from edgerun.report import stragglers

    rows = stragglers(report.coverage, report.delegate)
    for number, (operator, place, _, why) in enumerate(rows[:MOST_ELSEWHERE]):
        told = f"{operator} on {place}: {why}" if why else f"{operator} on {place}"
        yield " " if number else "elsewhere", _cut(told, 1)
    if len(rows) > MOST_ELSEWHERE:
        yield " ", f"and {len(rows) - MOST_ELSEWHERE} more kinds: --why"


def _card(card: ModelCard, *, is_settled: bool = True) -> Iterator[Fact]:
    """Labels, how an image is fed and how the outputs are read, each with its source; defaults are left out."""
    if is_settled:
        source = card.source("labels") if card.labels else UNNAMED
        yield "labels", _cut(f"{in_words(card.labels)} ({source})", 2)
    always = ALWAYS_FED if is_settled else frozenset()
    yield "fed", _cut(_by_source(card, (name for name in FED if name in always or name in card.sources)), 4)
    yield "read", _cut(_by_source(card, (name for name in READ if name in card.sources)), 2)


def _by_source(card: ModelCard, names: Iterable[str]) -> str:
    """Fields of one source together: "letterbox, rgb (convention: …); scale 1/255 (default)"."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(card.source(name), []).append(f"{name} {in_words(getattr(card, name))}")
    return "; ".join(f"{', '.join(fields)} ({source})" for source, fields in groups.items())


def _cut(text: str, lines: int, *, name: int = NAMES) -> str:
    """Text that takes so many lines of the terminal at most, beside a name of so many columns."""
    line = max(console().width - name, 20)
    room = line * lines - (lines - 1) * 12  # words are not broken
    return text if len(text) <= room else f"{text[: room - 1]}…"
