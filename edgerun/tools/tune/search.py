"""The fastest right way of running a model on this machine: tried, checked, measured, written down."""

from __future__ import annotations

import datetime
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from edgerun.contract import Delegate
from edgerun.delegates import Wish, on_processor
from edgerun.errors import (
    CardInvalid,
    DecoderAmbiguous,
    DecoderUnknown,
    DelegateUnavailable,
    EdgerunError,
    InputError,
    ModelUnsafe,
)
from edgerun.formats.identify import identify
from edgerun.media import sources
from edgerun.runtime import cache, installed, tuned_choice
from edgerun.runtime import cpu_cores as threads
from edgerun.runtime.registry import Registry
from edgerun.runtime.tuned_choice import Choice
from edgerun.tensors import Arrays
from edgerun.tools import agreement
from edgerun.tools.tune import race
from edgerun.tools.tune.in_process import Apart, Candidate, Facts, Lane

__all__ = ["BUDGET", "Finding", "Tuning", "candidates", "search", "tune"]

BUDGET = 60.0
"""Seconds, unless somebody says otherwise."""

OPENING = 0.6
"""Share of the budget after which no further candidate is opened."""

SIGHT = 3.0
"""A candidate whose best run takes so many times a usual run of the fastest one so far, twice, is closed at once."""

SLOW = 0.5
"""Seconds of a run of which one is enough for a first look."""

LANES = 8
"""Candidates that are kept open at the same time: each holds the model in memory."""

BLOCK = 0.05
"""Seconds of runs that make one measurement: their median."""

LEAST = 3
"""Rounds, even where opening has taken all the time."""

BATCHES = (1, 2, 4, 8)

SHOWN = 8
"""Pictures of a folder that results are compared on."""

DEVICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {"openvino": {"device": ("GPU", "NPU")}}
"""Delegate -> option -> values that are tried where the delegate takes any; those that are not here fail at once."""

LATE = "the time was up; give a larger --budget"
"""Why a candidate was not tried."""

USERS = (InputError, CardInvalid, DecoderAmbiguous, DecoderUnknown, ModelUnsafe)
"""Errors of what the user gave, which no other way of running the model would mend."""

Verdict = Literal["fastest", "level", "slower", "wrong", "failed", "untried"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a candidate.

    Attributes:
        candidate: the way of running the model.
        verdict: "fastest" for the one that is chosen; "level" where the noise does not tell it from that.
        detail: why, in half a sentence.
        seconds: of a picture, a time for each round.
        ratio: how often the reference's time holds this one's; None where there is nothing to compare.
        pixels, score: the largest differences from the reference of what both found; None where not checked.
        opening: seconds until it was open.
    """

    candidate: Candidate
    verdict: Verdict
    detail: str = ""
    seconds: tuple[float, ...] = ()
    ratio: float | None = None
    pixels: float | None = None
    score: float | None = None
    opening: float = 0.0

    @property
    def quartiles(self) -> tuple[float, float, float] | None:
        """Milliseconds of a picture: a quarter of the rounds took less, half of them, three quarters."""
        return _quartiles(self.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **asdict(self.candidate),
            "verdict": self.verdict,
            "detail": self.detail,
            "milliseconds": None if self.quartiles is None else [round(value, 4) for value in self.quartiles],
            "rounds": len(self.seconds),
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "pixels": self.pixels,
            "score": self.score,
            "opening_seconds": round(self.opening, 3),
        }


def _quartiles(seconds: Sequence[float]) -> tuple[float, float, float] | None:
    if len(seconds) < 2:
        return (seconds[0] * 1000,) * 3 if seconds else None
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return low * 1000, middle * 1000, high * 1000


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was found for a model on this machine.

    Attributes:
        model: path of the file.
        reference: by what results were checked and ratios are taken.
        findings: of each candidate, the fastest first.
        batches: pictures a run -> seconds of a picture, a time for each round, where the model takes any number.
        choice: the fastest right way; None where nothing was measured.
        clear: whether it is the fastest beyond doubt.
        rounds: of measurements.
        spent: seconds.
        interrupted: whether Ctrl-C ended it.
        load: programs that wanted a core before it began, on average over a minute; 0 where the system does not tell.
        written: path of the entry that `delegate="auto"` reads; "" where none was written.
    """

    reference: Candidate
    findings: tuple[Finding, ...]
    batches: Mapping[int, tuple[float, ...]]
    choice: Choice | None
    clear: bool
    rounds: int
    spent: float
    interrupted: bool
    model: str = ""
    load: float = 0.0
    written: str = ""

    @property
    def alone(self) -> bool:
        """Whether the time was up before anything but the chosen one was measured: being chosen says nothing then."""
        others = [finding for finding in self.findings if finding.verdict != "fastest"]
        return not any(finding.seconds for finding in others) and any(
            finding.detail == LATE or (self.interrupted and finding.verdict == "untried") for finding in others
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "model": self.model,
            "reference": asdict(self.reference),
            "choice": None if self.choice is None else asdict(self.choice),
            "clear": self.clear,
            "rounds": self.rounds,
            "seconds": round(self.spent, 1),
            "interrupted": self.interrupted,
            "load_before": round(self.load, 2),
            "written": self.written,
            "candidates": [finding.to_dict() for finding in self.findings],
            "batches": {str(batch): _quartiles(seconds) for batch, seconds in self.batches.items()},
        }


Opener = Callable[[Candidate], Lane]
Progress = Callable[[str, float], None]
"""What is going on, and seconds of the budget that are spent."""


# ------------------------------------------------------------------------------------------- who takes part


def candidates(
    offers: Mapping[str, Sequence[Delegate]],
    cores: int,
    *,
    delegates: Sequence[str] = (),
    threads: int | None = None,
) -> list[Candidate]:
    """All ways that are tried, the most promising first: each delegate with all cores, then those with options, then
    those on the processor with fewer threads.

    Args:
        offers: backend -> its delegates.
        cores: that this process may use.
        delegates: only these; () for all that are available.
        threads: only this number; None for several.
    """
    most, *fewer = [threads] if threads is not None else _counts(cores)
    plain = [(backend, Wish.parse(wish)) for backend, found in offers.items() for wish in _plain(found, delegates)]
    special = [(backend, wish) for backend, found in offers.items() if not delegates for wish in _special(found)]
    ways = [(backend, wish, most) for backend, wish in [*plain, *special]]
    ways += [(backend, wish, count) for count in fewer for backend, wish in plain if on_processor(wish)]
    return [Candidate(backend, str(wish), count) for backend, wish, count in ways]


def _counts(cores: int) -> list[int]:
    """All cores, half of them, and powers of two."""
    some = {cores, max(1, cores // 2), *(2**power for power in range(cores.bit_length()) if 2**power <= cores)}
    return sorted(some, reverse=True)


def _plain(offers: Sequence[Delegate], only: Sequence[str]) -> Sequence[str]:
    """The delegates by name, or what the user named."""
    return only or [offer.name for offer in offers if offer.available]


def _special(offers: Sequence[Delegate]) -> Iterator[Wish]:
    """Each delegate with each value of its options, one option at a time."""
    for offer in offers:
        for option, values in offer.takes.items() if offer.available else ():
            for value in values or DEVICES.get(offer.name, {}).get(option, ()):
                yield Wish(offer.name, {option: value})


def _references(found: Sequence[Candidate]) -> list[Candidate]:
    """Who may be the reference, the best first: the plain CPU, then the backend's own order, with all threads."""
    most = max(candidate.threads for candidate in found)
    full = [candidate for candidate in found if candidate.threads == most]
    return sorted(full, key=lambda candidate: candidate.delegate != "cpu")


# ------------------------------------------------------------------------------------------- the search


class _Field:
    """Those that take part, as far as they got."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self.lanes: dict[Candidate, Lane] = {}
        self.findings: dict[Candidate, Finding] = {}
        self.sight: dict[Candidate, list[float]] = {}
        self.errors: list[EdgerunError] = []

    def enter(self, candidate: Candidate, reference: list[Arrays] | None) -> list[Arrays] | None:
        """Open one, check it, and take a first look at its speed; gives its answers where it stays."""
        lane: Lane | None = None
        try:
            lane = self._opener(candidate)
            answers = lane.answers()
            found = agreement.compare(
                answers if reference is None else reference, answers, quantised=lane.facts.quantised
            )
            if found is None:
                raise InputError(
                    f"{candidate} finds next to nothing in these pictures, so that no other result could be checked.",
                    hint="give pictures of what the model finds: --images FOLDER",
                )
            verdict: Finding = Finding(
                candidate, "wrong" if found.fault else "slower", found.fault,
                pixels=found.pixels, score=found.score, opening=lane.facts.seconds,
            )  # fmt: skip
            self.findings[candidate] = verdict
            if not found.fault:
                first = lane.measure(1)
                self.sight[candidate] = first if first[0] > SLOW else first + lane.measure(2)
                self.lanes[candidate] = lane
                return answers
        except USERS:
            raise
        except EdgerunError as cause:
            self.findings[candidate] = Finding(candidate, "failed", cause.message.rstrip("."))
            self.errors.append(cause)
        finally:
            if lane is not None and candidate not in self.lanes:
                lane.close()
        return None

    def leave(self, candidate: Candidate, verdict: Verdict = "slower", detail: str = "") -> None:
        """Close one."""
        self.findings[candidate] = replace(self.findings[candidate], verdict=verdict, detail=detail)
        self.lanes.pop(candidate).close()

    def thin(self, reference: Candidate) -> None:
        """Close those that are slower at first sight, and the slowest of too many."""
        for candidate in sorted(self.lanes, key=self.slowness, reverse=True):
            if candidate == reference or len(self.lanes) == 1:
                continue
            if len(self.lanes) > LANES or (self.slowness(candidate) > SIGHT and self._slow_again(candidate)):
                times = self.slowness(candidate)
                self.leave(candidate, detail=f"{times:.1f} times as slow as the fastest at first sight")

    def _slow_again(self, candidate: Candidate) -> bool:
        """Whether one is as slow beside the fastest one, now: another program may have had the cores before."""
        fastest = min(self.lanes, key=lambda lane: statistics.median(self.sight[lane]))
        mine = self.lanes[candidate].measure(1 if min(self.sight[candidate]) > SLOW else 3)
        others = self.lanes[fastest].measure(3)
        self.sight[candidate] += mine
        self.sight[fastest] += others
        return min(mine) > SIGHT * statistics.median(others)

    def slowness(self, candidate: Candidate) -> float:
        """How often a usual run of the fastest one fits into the best run of this one, at first sight."""
        return min(self.sight[candidate]) / min(statistics.median(self.sight[lane]) for lane in self.lanes)

    def hopeless(self, candidate: Candidate) -> str:
        """Why one need not be tried: what its delegate did with more threads; "" where it may be fast."""
        for other, finding in self.findings.items():
            if (other.backend, other.delegate) != (candidate.backend, candidate.delegate):
                continue
            if finding.verdict in ("wrong", "failed"):
                return f"it is {finding.verdict} with {other.threads} threads"
            if other in self.sight and self.slowness(other) > SIGHT:
                return f"{other} takes {self.slowness(other):.1f} times as long as the fastest at first sight"
        return ""

    def measure(self, candidate: Candidate, batch: int = 1) -> float:
        """Seconds of a picture, now: a run that is not counted, then the median of some that are."""
        usual = min(self.sight[candidate])
        runs = max(1, min(50, round(BLOCK / max(usual * batch, 1e-6))))
        lane = self.lanes[candidate]
        times = lane.measure(runs + 1, batch)[1:] if usual * batch < 2 * BLOCK else lane.measure(1, batch)
        return max(statistics.median(times), 1e-9)

    def close(self) -> None:
        """Close all that are left."""
        while self.lanes:
            self.lanes.popitem()[1].close()


def search(
    found: Sequence[Candidate],
    opener: Opener,
    *,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.monotonic,
    told: Progress = race.silent,
    seed: int = 0,
    today: str = "",
) -> Tuning:
    """Open, check, measure, decide.

    Args:
        found: who takes part, the most promising first.
        opener: opens one; an EdgerunError is kept as its finding.
        budget: seconds.
        clock: seconds that only go forward.
        told: is told what is going on.
        seed: of the order in the rounds.
        today: the date for the entry.

    Raises:
        EdgerunError: no candidate can be opened, or nothing can be checked.
    """
    began = clock()

    def spent() -> float:
        return clock() - began

    field = _Field(opener)
    interrupted = False
    batches = None
    try:
        reference, answers = _first(found, field, told, spent)
        try:
            for number, candidate in enumerate(found):
                if candidate in field.findings:
                    continue
                if spent() > OPENING * budget:
                    field.findings[candidate] = Finding(candidate, "untried", LATE)
                    continue
                hopeless = field.hopeless(candidate)
                if hopeless:
                    field.findings[candidate] = Finding(candidate, "untried", hopeless)
                    continue
                told(f"trying {candidate} ({number + 1} of {len(found)})", spent())
                field.enter(candidate, answers)
                field.thin(reference)
        except KeyboardInterrupt:
            interrupted = True
        many = max(lane.facts.batch for lane in field.lanes.values()) > 1
        outcome = race.run(
            list(field.lanes),
            field.measure,
            simplicity=lambda candidate: _simplicity(candidate, found),
            left=lambda: 0.0 if interrupted else (0.8 if many else 1.0) * budget - spent(),
            least=0 if interrupted else LEAST,
            keep=lambda candidate: candidate == reference and field.slowness(candidate) < SIGHT,
            drop=lambda candidate: field.leave(candidate) if candidate in field.lanes else None,
            told=lambda rounds, alive: told(f"round {rounds}: {alive} left", spent()),
            seed=seed,
        )
        interrupted |= outcome.interrupted
        facts = None if outcome.chosen is None else field.lanes[outcome.chosen].facts
        if outcome.chosen is not None and facts is not None and facts.batch > 1 and not interrupted:
            try:
                batches = _batches(field, outcome.chosen, answers, budget, spent, told)
                interrupted = batches.interrupted
            except KeyboardInterrupt:
                interrupted = True
    finally:
        field.close()
    return _tuning(found, field, reference, outcome, facts, batches, spent(), interrupted, today)


def _first(
    found: Sequence[Candidate], field: _Field, told: Progress, spent: Callable[[], float]
) -> tuple[Candidate, list[Arrays]]:
    """The reference and its answers."""
    for candidate in _references(found):
        told(f"the reference: {candidate}", spent())
        answers = field.enter(candidate, None)
        if answers is not None:
            return candidate, answers
    if len({cause.message for cause in field.errors}) == 1:
        raise field.errors[0]
    reasons = "; ".join(f"{candidate}: {finding.detail}" for candidate, finding in field.findings.items())
    raise DelegateUnavailable(f"Nothing here runs this model: {reasons}.", hint="run: edgerun doctor")


def _simplicity(candidate: Candidate, found: Sequence[Candidate]) -> tuple[float, ...]:
    return candidate.threads, candidate.delegate != "cpu", ":" in candidate.delegate, found.index(candidate)


def _batches(
    field: _Field,
    candidate: Candidate,
    answers: list[Arrays],
    budget: float,
    spent: Callable[[], float],
    told: Progress,
) -> race.Outcome[int]:
    """How many pictures a run are the fastest; those that give other results are out."""
    lane = field.lanes[candidate]
    right = []
    for batch in BATCHES:
        if batch > lane.facts.batch or spent() > budget:
            break
        told(f"{batch} pictures a run", spent())
        try:
            checked = agreement.compare(answers, lane.answers(batch), quantised=lane.facts.quantised)
        except EdgerunError:
            continue
        if checked is not None and not checked.fault:
            right.append(batch)
    return race.run(
        right,
        partial(field.measure, candidate),
        simplicity=lambda batch: (batch,),
        left=lambda: budget - spent(),
        keep=lambda batch: batch == 1,
        told=lambda rounds, alive: told(f"pictures a run, round {rounds}: {alive} left", spent()),
    )


def _tuning(
    found: Sequence[Candidate],
    field: _Field,
    reference: Candidate,
    outcome: race.Outcome[Candidate],
    facts: Facts | None,
    batches: race.Outcome[int] | None,
    spent: float,
    interrupted: bool,
    today: str,
) -> Tuning:
    """What was measured, put together."""
    findings = {}
    for candidate in found:
        finding = field.findings.get(candidate, Finding(candidate, "untried", "interrupted before its turn"))
        if candidate in outcome.failed:
            finding = replace(finding, verdict="failed", detail=outcome.failed[candidate].rstrip("."))
        elif outcome.chosen is None and candidate in outcome.seconds:
            finding = replace(finding, verdict="untried", detail="interrupted before it was measured")
        elif candidate == outcome.chosen:
            finding = replace(finding, verdict="fastest")
        elif candidate in outcome.level:
            finding = replace(finding, verdict="level", detail="the noise does not tell it from the chosen one")
        seconds = outcome.seconds.get(candidate) or field.sight.get(candidate) or ()
        findings[candidate] = replace(
            finding, seconds=tuple(seconds), ratio=_ratio(candidate, reference, outcome, field.sight)
        )
    order = sorted(findings.values(), key=_rank)
    batch = 1 if batches is None or batches.chosen is None else batches.chosen
    choice = None
    if outcome.chosen is not None and facts is not None:
        choice = Choice(
            **asdict(outcome.chosen), batch=batch, ratio=findings[outcome.chosen].ratio or 1.0,
            reference=str(reference), date=today, clear=outcome.clear, size=facts.size,
        )  # fmt: skip
    return Tuning(
        reference=reference,
        findings=tuple(order),
        batches={} if batches is None else {batch: tuple(times) for batch, times in batches.seconds.items()},
        choice=choice,
        clear=outcome.clear,
        rounds=outcome.rounds,
        spent=spent,
        interrupted=interrupted,
    )


def _ratio(
    candidate: Candidate,
    reference: Candidate,
    outcome: race.Outcome[Candidate],
    sight: Mapping[Candidate, Sequence[float]],
) -> float | None:
    """How often the reference's time holds a candidate's: medians over common rounds, by way of the chosen one.

    The chosen one took part in the most rounds, the reference in ten perhaps; without a round, what was seen at first.
    """
    chosen = outcome.chosen
    if chosen is not None and outcome.seconds.get(candidate) and outcome.seconds.get(reference):
        over_chosen = statistics.median(race.ratios(outcome.seconds[reference], outcome.seconds[chosen]))
        return math.exp(
            over_chosen - statistics.median(race.ratios(outcome.seconds[candidate], outcome.seconds[chosen]))
        )
    if candidate in sight and reference in sight:
        return statistics.median(sight[reference]) / statistics.median(sight[candidate])
    return None


def _rank(finding: Finding) -> tuple[float, ...]:
    verdicts: tuple[Verdict, ...] = ("fastest", "level", "slower", "wrong", "failed", "untried")
    return verdicts.index(finding.verdict), -(finding.ratio or 0.0)


# ------------------------------------------------------------------------------------------- a model


def tune(
    model: str | Path,
    *,
    budget: float = BUDGET,
    pictures: str | Path | None = None,
    write: bool = True,
    told: Progress = race.silent,
    registry: Registry | None = None,
    opener: Opener | None = None,
    clock: Callable[[], float] = time.monotonic,
    **options: Any,
) -> Tuning:
    """Find the fastest right way of running a model here, and write it down for `delegate="auto"`.

    Each way runs in a process of its own, so that none can disturb another or bring down this one. Results are compared
    with those of the CPU first; what gives other boxes is out, however fast.

    Args:
        model: as `Detector.load` takes it.
        budget: seconds.
        pictures: a folder of pictures, or one; None for made-up ones.
        write: whether the choice is written into this machine's cache.
        told: is told what is going on, and how many seconds are spent.
        registry: who is in the house; None for everybody who is installed.
        opener: how a way is opened; None for a process of its own, which needs the installed registry.
        clock: seconds that only go forward.
        options: of `Detector.load`; with `backend`, `delegate` (a name or several) and `threads` only these are tried.

    Raises:
        EdgerunError: nothing here runs the model, nothing can be checked, or the cache cannot be written.
    """
    if not 1 <= budget <= 86_400:
        raise InputError(f"A budget of {budget:g} seconds cannot be.", hint="pass 1 to 86400")
    registry = installed.registry() if registry is None else registry
    with identify(model, registry.backends) as identified:
        path, format = identified.path, identified.format
    wish, only, count = options.pop("backend", None), options.pop("delegate", None), options.pop("threads", None)
    backends = list(tuned_choice.healthy(registry.backends_for(format) if wish is None else [registry.backend(wish)]))
    offers = {backend.name: registry.offers(backend) for backend, _ in backends}
    only = () if only in (None, "auto") else (only,) if isinstance(only, str) else tuple(map(str, only))
    found = candidates(offers, threads.available(), delegates=only, threads=count)
    if write:  # better now than after a minute of work
        cache.write("tune/begun.json", {}).unlink(missing_ok=True)
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if opener is None:
        opener = partial(_apart, path, options, _pictures(pictures), max(60.0, budget))
    result = search(found, opener, budget=budget, clock=clock, told=told, today=datetime.date.today().isoformat())
    result = replace(result, model=str(path), load=busy)
    if result.choice is not None and write and not result.alone:
        table = [finding.to_dict() for finding in result.findings]
        versions = {backend.name: version for backend, version in backends}
        result = replace(result, written=str(tuned_choice.keep(path, result.choice, versions, offers, table)))
    return result


def _apart(path: Path, options: Mapping[str, Any], pictures: Sequence[str], patience: float, way: Candidate) -> Lane:
    return Apart(path, way, options, pictures, patience)


def _pictures(place: str | Path | None) -> list[str]:
    """Paths of some pictures, spread over a folder; none for made-up ones."""
    if place is None:
        return []
    found = [source.name for source in sources.expand([str(place)]) if source.kind == "picture"]
    if not found:
        raise InputError(f"{place} gives no pictures.", hint="name a folder of pictures, or one of them")
    return found[:: max(1, len(found) // SHOWN)][:SHOWN]
