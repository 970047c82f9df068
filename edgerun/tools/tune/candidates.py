"""All ways of running a model that are tried, and which of them count as simple."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from edgerun.contract import Delegate
from edgerun.delegates import Wish, on_processor
from edgerun.tools.tune.runner import Candidate

__all__ = ["candidates", "references", "simplicity"]

DEVICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {"openvino": {"device": ("GPU", "NPU")}}
"""Delegate -> option -> values that are tried where the delegate takes any; those that are not here fail at once."""

REFERENCES: Mapping[str, int] = {"cpu:quantised=exact": 0, "cpu": 1}
"""Delegate -> its place among the references; all others come behind."""


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
    most, *fewer = _thread_counts(cores) if threads is None else [threads]
    plain: list[Candidate] = []
    special: list[Candidate] = []
    for backend, offered in offers.items():
        available = [offer for offer in offered if offer.available]
        plain += [Candidate(backend, str(request), most) for request in _requests(available, delegates)]
        if not delegates:
            special += [Candidate(backend, str(request), most) for request in _with_options(available)]
    return [*plain, *special, *_with_fewer_threads(plain, fewer)]


def _thread_counts(cores: int) -> list[int]:
    """All cores, half of them, and powers of two; the most first."""
    powers = {2**power for power in range(cores.bit_length())}
    return sorted({cores, max(1, cores // 2), *powers}, reverse=True)


def _requests(available: Sequence[Delegate], named: Sequence[str]) -> list[Wish]:
    """The delegates by their names, or what the user named."""
    return list(map(Wish.parse, named or [offer.name for offer in available]))


def _with_options(available: Sequence[Delegate]) -> Iterator[Wish]:
    """Each delegate with each value of its options, one option at a time."""
    for offer in available:
        devices = DEVICES.get(offer.name, {})
        for option, values in offer.takes.items():
            for value in values or devices.get(option, ()):
                if offer.usual.get(option) == value:
                    continue
                yield Wish(offer.name, {option: value})


def _with_fewer_threads(plain: Sequence[Candidate], counts: Sequence[int]) -> Iterator[Candidate]:
    """Those on the processor, where the number of threads matters."""
    on_cpu = [candidate for candidate in plain if on_processor(Wish.parse(candidate.delegate))]
    for count in counts:
        yield from (replace(candidate, threads=count) for candidate in on_cpu)


def references(found: Sequence[Candidate]) -> list[Candidate]:
    """Candidates for the reference, the best first: the CPU, exact where that is a choice, then the backend's order.

    All with all threads.
    """
    most = max(candidate.threads for candidate in found)
    full = [candidate for candidate in found if candidate.threads == most]
    return sorted(full, key=lambda candidate: REFERENCES.get(candidate.delegate, len(REFERENCES)))


def simplicity(candidate: Candidate, found: Sequence[Candidate]) -> tuple[float, ...]:
    """The smaller, the simpler: fewer threads, the CPU, no options, tried earlier."""
    return candidate.threads, candidate.delegate != "cpu", ":" in candidate.delegate, found.index(candidate)
