"""All ways of running a model that are tried, and which of them count as simple."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgerun.contract import Delegate
from edgerun.delegates import Wish, on_processor
from edgerun.tools.tune.runner import Candidate

__all__ = ["candidates", "references", "simplicity"]

DEVICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {"openvino": {"device": ("GPU", "NPU")}}
"""Delegate -> option -> values that are tried where the delegate takes any; those that are not here fail at once."""


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
    plain = [Candidate(backend, request, most) for backend, request in _plain(offers, delegates)]
    special = [] if delegates else [Candidate(backend, request, most) for backend, request in _special(offers)]
    on_cpu = [candidate for candidate in plain if on_processor(Wish.parse(candidate.delegate))]
    with_fewer = [Candidate(one.backend, one.delegate, count) for count in fewer for one in on_cpu]
    return [*plain, *special, *with_fewer]


def _thread_counts(cores: int) -> list[int]:
    """All cores, half of them, and powers of two; the most first."""
    powers = {2**power for power in range(cores.bit_length())}
    return sorted({cores, max(1, cores // 2), *powers}, reverse=True)


def _plain(offers: Mapping[str, Sequence[Delegate]], only: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(backend, request) of each delegate by its name, or of what the user named."""
    for backend, offered in offers.items():
        names = only or [offer.name for offer in offered if offer.available]
        for name in names:
            yield backend, str(Wish.parse(name))


def _special(offers: Mapping[str, Sequence[Delegate]]) -> Iterator[tuple[str, str]]:
    """(backend, request) of each delegate with each value of its options, one option at a time."""
    for backend, offered in offers.items():
        for offer in offered:
            if offer.available:
                yield from ((backend, request) for request in _with_options(offer))


def _with_options(offer: Delegate) -> Iterator[str]:
    devices = DEVICES.get(offer.name, {})
    for option, values in offer.takes.items():
        for value in values or devices.get(option, ()):
            yield str(Wish(offer.name, {option: value}))


def references(found: Sequence[Candidate]) -> list[Candidate]:
    """Candidates for the reference, the best first: the plain CPU, then the backend's own order, with all threads."""
    most = max(candidate.threads for candidate in found)
    full = [candidate for candidate in found if candidate.threads == most]
    return sorted(full, key=lambda candidate: candidate.delegate != "cpu")


def simplicity(candidate: Candidate, found: Sequence[Candidate]) -> tuple[float, ...]:
    """The smaller, the simpler: fewer threads, the CPU, no options, tried earlier."""
    return candidate.threads, candidate.delegate != "cpu", ":" in candidate.delegate, found.index(candidate)
