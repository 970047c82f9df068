"""What `edgerun tune` found for a model on this machine: written there, read by `delegate="auto"`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgerun.contract import Backend, Delegate
from edgerun.errors import BackendUnavailable
from edgerun.runtime import cache

__all__ = ["Choice", "healthy", "keep", "recall"]

VERSION = 1
"""Of the entries' form; entries of another version are ignored."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The way of running a model that was the fastest here.

    Attributes:
        backend: its name.
        delegate: as `delegate=` takes it.
        threads: that the runtime is given.
        batch: images a run, where the model takes any number.
        ratio: the reference's time divided by this one's.
        reference: what it was compared with: "cpu with 2 threads".
        date: "2026-11-20".
        clear: whether it is significantly faster than the others.
        size: height and width of the model's input.
    """

    backend: str
    delegate: str
    threads: int
    batch: int
    ratio: float
    reference: str
    date: str
    clear: bool
    size: tuple[int, int]

    def __str__(self) -> str:
        if self.ratio < 1.02:
            return f"tuned on {self.date}, nothing is faster than {self.reference}"
        return f"tuned on {self.date}, {self.ratio:.2f} × faster than {self.reference}"


def healthy(backends: Iterable[Backend]) -> Iterator[tuple[Backend, str]]:
    """Those that can run here, each with the version of its runtime, asked one after the other.

    Raises:
        BackendUnavailable: none can.
    """
    refusals = []
    found = False
    for backend in backends:
        health = backend.health()
        if health.ok:
            found = True
            yield backend, health.version
        else:
            message = f"{backend.name} cannot run here: {health.reason}."
            refusals.append(BackendUnavailable(message, hint=health.hint))
    if not found:
        raise refusals[0]


def _name(path: Path, runtimes: Mapping[str, str]) -> str:
    """Of the entry: by the model's bytes, the machine and the versions of the runtimes that were compared."""
    key = json.dumps([cache.machine(), dict(sorted(runtimes.items()))])
    return f"tune/{cache.digest(path)[:32]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _offered(offers: Mapping[str, Sequence[Delegate]]) -> dict[str, list[str]]:
    return {name: sorted(offer.name for offer in found if offer.available) for name, found in offers.items()}


def keep(
    path: Path,
    choice: Choice,
    runtimes: Mapping[str, str],
    offers: Mapping[str, Sequence[Delegate]],
    table: Sequence[Mapping[str, Any]],
) -> Path:
    """Write down what was found; gives the path of the entry.

    Args:
        path: of the model.
        choice: what was found.
        runtimes: backend -> version, of all that were compared.
        offers: backend -> its delegates.
        table: what was measured, for people who look into the entry.

    Raises:
        InputError: the cache cannot be written.
    """
    content = {
        "edgerun_tune": VERSION,
        "model": str(path),
        "machine": cache.machine(),
        "runtimes": dict(runtimes),
        "offers": _offered(offers),
        "choice": asdict(choice),
        "table": list(table),
    }
    return cache.write(_name(path, runtimes), content)


def recall(
    path: Path, runtimes: Mapping[str, str], offers: Mapping[str, Sequence[Delegate]]
) -> tuple[Choice | None, str]:
    """The choice for a model, and a sentence about it: what was found, or why there is none.

    Args:
        path: of the model.
        runtimes: backend -> version, of the healthy ones that may run it.
        offers: backend -> its delegates, as they are now.
    """
    otherwise = f"so the runtime's order; run: edgerun tune {path}"
    content = cache.read(_name(path, runtimes))
    if content is None or content.get("edgerun_tune") != VERSION:
        return None, f"not tuned here, the runtime's order; run: edgerun tune {path}"
    try:
        choice = _read(content, runtimes)
    except (KeyError, TypeError, ValueError):
        return None, f"what was tuned here is damaged, {otherwise}"
    if content.get("offers") != _offered(offers):
        return None, f"other delegates are here than when it was tuned, {otherwise}"
    return choice, str(choice)


def _read(content: Mapping[str, Any], runtimes: Mapping[str, str]) -> Choice:
    """The choice in an entry.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    fields = content["choice"]
    choice = Choice(**{**fields, "size": tuple(fields["size"])})
    if choice.backend not in runtimes or not isinstance(choice.delegate, str):
        raise ValueError(choice)
    if min(choice.threads, choice.batch) < 1 or choice.ratio <= 0:
        raise ValueError(choice)
    return choice
