"""Which delegate is asked for: backends report, this policy chooses; a delegate named by the user is never replaced
without an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edgerun.contract import ANY, Coverage, Delegate, SaysWhy, Session
from edgerun.delegates import LIBRARY, SPELLING, VOCABULARY, Wish, Wishes
from edgerun.errors import DelegateIncomplete, DelegateUnavailable, InputError

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
    available = [replace(offer, strict=strict) for offer in offers if offer.available]
    if not is_explicit(request):
        if not available:
            raise DelegateUnavailable(f"{backend} has no available delegate.", hint="run: edgerun doctor")
        return available, []
    found: list[Delegate] = []
    refusals: list[str] = []
    for entry in _entries(request, offers):
        if entry == "auto":
            found += _beside(available, found)
            continue
        answer = _answer(_as_wish(entry), offers, backend)
        if isinstance(answer, str):
            refusals.append(answer)
        else:
            found.append(replace(answer, strict=strict))
    if not found:
        raise none_left(refusals, offers)
    return found, refusals


def none_left(refusals: Sequence[str], offers: Sequence[Delegate]) -> DelegateUnavailable:
    """The error where nothing that was asked for can be in force: the reason of each, and what can be used."""
    reasons = "; ".join(dict.fromkeys(refusals))
    return DelegateUnavailable(
        f"No delegate that was asked for can be used: {reasons}.", hint=f"use one of: {_usable(offers)}"
    )


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


def _entries(request: Any, offers: Sequence[Delegate]) -> list[Any]:
    """The single requests in one, in their order; each is a text, a path or a `Wish`."""
    if isinstance(request, (str, os.PathLike, Wish)):
        return [request]
    entries = [Wish(*pair) for pair in request.items()] if isinstance(request, Mapping) else request
    if not isinstance(entries, Sequence):
        raise InputError(f"delegate must be one request or several, not {request!r}.", hint=SPELLING)
    if not entries:
        raise InputError("The list of delegates is empty.", hint=f"name one: {_usable(offers)}")
    for entry in entries:
        if not _is_request(entry):
            raise InputError(f"A delegate must be a name, a path or a Wish, not {entry!r}.", hint=SPELLING)
    return list(entries)


def _is_request(entry: Any) -> bool:
    if isinstance(entry, Wish):
        return isinstance(entry.name, str) and isinstance(entry.options, Mapping)
    return isinstance(entry, (str, os.PathLike))


def _as_wish(entry: str | os.PathLike[str] | Wish) -> Wish:
    return entry if isinstance(entry, Wish) else Wish.parse(os.fspath(entry))


def _beside(available: Sequence[Delegate], found: Sequence[Delegate]) -> list[Delegate]:
    """Those available whose names were not asked for before."""
    names = {delegate.name for delegate in found}
    return [delegate for delegate in available if delegate.name not in names]


# ------------------------------------------------------------------------------------------ what is offered


def _answer(request: Wish, offers: Sequence[Delegate], backend: str) -> Delegate | str:
    """The offer with the options of a request, or why there is none."""
    by_name = {offer.name: offer for offer in reversed(offers)}  # of two offers of a name the first counts
    if request.name == "ane" and "ane" not in by_name and "coreml" in by_name:
        request = Wish("coreml", {"units": "ane", **request.options})
    offer = by_name.get(request.name)
    if offer is None:
        return _unknown(request.name, offers, backend)
    completed_by_options = bool(offer.needs and request.options)
    if not offer.available and not completed_by_options:
        return f"{request.name}: {offer.reason}"
    options = {**offer.options, **_checked(request, offer, offers, backend)}
    lacking = [name for name in offer.needs if name not in options]
    if lacking:
        return f"{request.name}: it needs the option {' and '.join(lacking)}"
    reason = "" if offer.needs else offer.reason  # one that needs options says so as its reason; they are here now
    return replace(offer, options=options, reason=reason)


def _unknown(name: str, offers: Sequence[Delegate], backend: str) -> str:
    if name in VOCABULARY:
        return f"{name}: {backend} does not offer it"
    known = [offer.name for offer in offers]
    near = get_close_matches(name.lower(), [*known, *VOCABULARY], 1)
    if near:
        return f"{name} is not a delegate, perhaps {near[0]} was meant"
    return f"{name} is not a delegate of {backend}"


def _checked(request: Wish, offer: Delegate, offers: Sequence[Delegate], backend: str) -> dict[str, str]:
    """The options of a request, checked against what the delegate takes."""
    found: dict[str, str] = {}
    for name, value in request.options.items():
        if name not in offer.takes and ANY not in offer.takes:
            raise _unknown_option(name, offer, offers, backend)
        text = _accepted(name, str(value), offer)
        found[name] = _library(text) if name == "library" else text
    return found


def _unknown_option(name: str, offer: Delegate, offers: Sequence[Delegate], backend: str) -> InputError:
    known = ", ".join(sorted(offer.takes)) or "none"
    message = f"Delegate {offer.name} of {backend} has no option {name}"
    owners = [other.name for other in offers if name in other.takes]
    if owners:
        message += f"; it is one of {' and '.join(owners)}"
    return InputError(f"{message}.", hint=f"its options are: {known}")


def _accepted(name: str, text: str, offer: Delegate) -> str:
    """A value in the spelling of the offer, whose letters may be of either case in the request."""
    values = offer.takes.get(name, ())
    spellings = {value.lower(): value for value in values}
    accepted = spellings.get(text.lower(), "") if values else text
    if not accepted:
        known = ", ".join(values) or "any text"
        raise InputError(
            f"The option {name} of delegate {offer.name} does not take {text!r}.", hint=f"it takes: {known}"
        )
    return accepted


def _library(text: str) -> str:
    """The path of a library, absolute where the file exists; a bare name is left to the system's search."""
    path = Path(text).expanduser()
    if path.is_dir():
        inside = [entry.name for entry in sorted(path.iterdir()) if LIBRARY.search(entry.name)]
        hint = f"name the file: {path / inside[0]}" if inside else "name a file that ends in .so, .dylib or .dll"
        raise InputError(f"The library {text} is a folder.", hint=hint)
    if path.exists():
        return str(path.resolve())
    if len(path.parts) > 1:
        raise InputError(f"There is no library {text}.", hint="check the path")
    return text


def _usable(offers: Sequence[Delegate]) -> str:
    return ", ".join(offer.name for offer in offers if offer.available) or "none"
