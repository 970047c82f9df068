"""Which delegate is asked for: backends report, this policy chooses; a delegate named by the user is never replaced
without an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import starmap
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from edgerun.contract import Coverage, Delegate, SaysWhy, Session
from edgerun.delegates import SPELLING, VOCABULARY, Wish, Wishes
from edgerun.errors import DelegateIncomplete, DelegateUnavailable, InputError
from edgerun.runtime import delegate_options

__all__ = ["candidates", "confirm", "coverage", "demand", "is_explicit", "none_left"]


def is_explicit(request: Wishes) -> bool:
    """Whether the user named a delegate, so that falling back is an error."""
    return request is not None and request != "auto"


def candidates(
    request: Wishes, offers: Sequence[Delegate], backend: str, *, strict: bool = False
) -> tuple[list[Delegate], list[str]]:
    """The delegates to try, best first, and why those asked for earlier are not among them.

    Args:
        request: None or "auto" for the backend's available ones in its order.
        offers: the backend's, best first.
        backend: its name, for the message.
        strict: whether nothing else may compute.

    Raises:
        InputError: a request that cannot be read, or an option that does not exist.
        DelegateUnavailable: nothing that was asked for is available; the message says why for each.
    """
    known = _Offers(backend, [replace(offer, strict=strict) for offer in offers])
    if is_explicit(request):
        return _explicit(request, known)
    available = known.available()
    if not available:
        raise DelegateUnavailable(f"{backend} has no available delegate.", hint="run: edgerun doctor")
    return available, []


def none_left(refusals: Sequence[str], offers: Sequence[Delegate]) -> DelegateUnavailable:
    """The error where nothing that was asked for can be in force: the reason of each, and what can be used."""
    reasons = "; ".join(dict.fromkeys(refusals))
    usable = _Offers("", offers).usable()
    return DelegateUnavailable(f"No delegate that was asked for can be used: {reasons}.", hint=f"use one of: {usable}")


def confirm(request: Wishes, asked: Delegate, session: Session, backend: str) -> str:
    """Why the delegate in force is that one; "" where there is nothing to say.

    Raises:
        DelegateUnavailable: one was named, and another is in force.
    """
    why = session.delegate_reason if isinstance(session, SaysWhy) else ""
    if session.delegate == asked.name:
        return why or asked.reason
    why = why or f"{backend} fell back to it"
    if is_explicit(request):
        raise DelegateUnavailable(
            f"Delegate {asked.name} was asked for, but {session.delegate} is in force: {why}.",
            hint=f'pass delegate="{session.delegate}" to accept that, or run: edgerun doctor',
        )
    return why


def coverage(session: Session, backend: str) -> Coverage:
    """Which nodes run where; where the runtime cannot tell, that is said."""
    return session.coverage() or Coverage("none", f"{backend} does not tell which node runs where")


def demand(found: Coverage, delegate: str, model: str) -> None:
    """Raise unless every node of a model runs on a delegate.

    Raises:
        DelegateIncomplete: some do not, or the runtime cannot tell.
    """
    if found.evidence == "none":
        raise DelegateIncomplete(
            f"Whether all of {model} runs on {delegate} cannot be told: {found.source}.",
            hint="leave strict out, or run the model on a runtime that tells",
        )
    if found.outside(delegate):
        raise found.refusal(delegate, model)


# ------------------------------------------------------------------------------------------ what is asked for


class _Offers(NamedTuple):
    """What a backend offers, best first."""

    backend: str
    delegates: Sequence[Delegate]

    def available(self) -> list[Delegate]:
        return [offer for offer in self.delegates if offer.available]

    def usable(self) -> str:
        """Names of those available, for a hint."""
        return ", ".join(offer.name for offer in self.available()) or "none"

    def names(self) -> list[str]:
        return [offer.name for offer in self.delegates]

    def named(self, name: str) -> Delegate:
        return self.delegates[self.names().index(name)]


ALIASES: Final = MappingProxyType({"ane": Wish("coreml", {"units": "ane"})})
"""Short names, where the backend offers no delegate of that name and the one that it stands for."""


def _explicit(request: Wishes, offers: _Offers) -> tuple[list[Delegate], list[str]]:
    """Those asked for that can be tried, in their order, and why the others cannot."""
    found: list[Delegate] = []
    refusals: list[str] = []
    for entry in _entries(request, offers):
        if entry == "auto":
            found += _beside(offers.available(), found)
            continue
        answer = _answer(_as_wish(entry), offers)
        if isinstance(answer, str):
            refusals.append(answer)
        else:
            found.append(answer)
    if not found:
        raise none_left(refusals, offers.delegates)
    return found, refusals


def _entries(request: Any, offers: _Offers) -> list[Any]:
    """The single requests in one, in their order; each is a text, a path or a `Wish`."""
    if isinstance(request, (str, os.PathLike, Wish)):
        return [request]
    if isinstance(request, Mapping):
        request = list(starmap(Wish, request.items()))
    if not isinstance(request, Sequence):
        raise InputError(f"delegate must be one request or several, not {request!r}.", hint=SPELLING)
    if not request:
        raise InputError("The list of delegates is empty.", hint=f"name one: {offers.usable()}")
    return list(request)


def _as_wish(entry: Any) -> Wish:
    """A single request, whatever form it has."""
    if isinstance(entry, (str, os.PathLike)):
        return Wish.parse(os.fspath(entry))
    if isinstance(entry, Wish) and isinstance(entry.name, str) and isinstance(entry.options, Mapping):
        return entry
    raise InputError(f"A delegate must be a name, a path or a Wish, not {entry!r}.", hint=SPELLING)


def _beside(available: Sequence[Delegate], found: Sequence[Delegate]) -> list[Delegate]:
    """Those available whose names were not asked for before."""
    asked_for = {delegate.name for delegate in found}
    return [delegate for delegate in available if delegate.name not in asked_for]


def _answer(request: Wish, offers: _Offers) -> Delegate | str:
    """The offer with the options of a request, or why there is none."""
    asked_for = request.name
    request = _without_alias(request, offers)
    if request.name not in offers.names():
        return _unknown(asked_for, offers)
    offer = offers.named(request.name)
    if not offer.available and not _is_completed(offer, request):
        return f"{asked_for}: {offer.reason}"
    given = delegate_options.checked(request, offer, offers.delegates, offers.backend)
    options = {**offer.options, **given}
    lacking = [name for name in offer.needs if name not in options]
    if lacking:
        return f"{asked_for}: it needs the option {' and '.join(lacking)}"
    if offer.needs:
        return replace(offer, options=options, reason="")  # the reason was that it needs options, which are here now
    return replace(offer, options=options)


def _is_completed(offer: Delegate, request: Wish) -> bool:
    """Whether a request gives options to an offer that is not available without some."""
    return bool(offer.needs and request.options)


def _without_alias(request: Wish, offers: _Offers) -> Wish:
    meant = ALIASES.get(request.name)
    if meant is None or request.name in offers.names() or meant.name not in offers.names():
        return request
    return Wish(meant.name, {**meant.options, **request.options})


def _unknown(name: str, offers: _Offers) -> str:
    """Why a name that is not offered is refused."""
    if name in VOCABULARY:
        return f"{name}: {offers.backend} does not offer it"
    near = get_close_matches(name.lower(), [*offers.names(), *VOCABULARY], 1)
    if near:
        return f"{name} is not a delegate, perhaps {near[0]} was meant"
    return f"{name} is not a delegate of {offers.backend}"
