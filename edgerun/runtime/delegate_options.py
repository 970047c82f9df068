"""The options of a request for a delegate, checked against what the backend's offer takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgerun.contract import ANY, Delegate
from edgerun.delegates import LIBRARY, Wish
from edgerun.errors import InputError

__all__ = ["checked"]


def checked(request: Wish, offer: Delegate, offers: Sequence[Delegate], backend: str) -> dict[str, str]:
    """Option -> value, in the spelling of the offer.

    Args:
        request: for this delegate.
        offer: of this delegate.
        offers: all of the backend, to tell whose an unknown option is.
        backend: its name, for the message.

    Raises:
        InputError: the delegate has no such option, or does not take the value.
    """
    found: dict[str, str] = {}
    for name, value in request.options.items():
        if not {name, ANY}.intersection(offer.takes):
            raise _unknown(name, offer, offers, backend)
        found[name] = _accepted(name, str(value), offer)
    if "library" in found:
        found["library"] = _library(found["library"])
    return found


def _unknown(name: str, offer: Delegate, offers: Sequence[Delegate], backend: str) -> InputError:
    message = f"Delegate {offer.name} of {backend} has no option {name}"
    owners = [other.name for other in offers if name in other.takes]
    if owners:
        message += f"; it is one of {' and '.join(owners)}"
    known = ", ".join(sorted(offer.takes)) or "none"
    return InputError(f"{message}.", hint=f"its options are: {known}")


def _accepted(name: str, text: str, offer: Delegate) -> str:
    """A value in the spelling of the offer; letters of the request may be of either case."""
    values = offer.takes.get(name, ())
    if text and not values:
        return text
    for value in values:
        if value.lower() == text.lower():
            return value
    known = ", ".join(values) or "any text"
    message = f"The option {name} of delegate {offer.name} does not take {text!r}."
    raise InputError(message, hint=f"it takes: {known}")


def _library(text: str) -> str:
    """The path of a library, absolute where the file exists; a bare name is left to the system's search."""
    path = Path(text).expanduser()
    if path.is_dir():
        raise InputError(f"The library {text} is a folder.", hint=_hint_for(path))
    if path.exists():
        return str(path.resolve())
    is_bare_name = len(path.parts) <= 1
    if is_bare_name:
        return text
    raise InputError(f"There is no library {text}.", hint="check the path")


def _hint_for(folder: Path) -> str:
    for file in sorted(folder.iterdir()):
        if LIBRARY.search(file.name):
            return f"name the file: {file}"
    return "name a file that ends in .so, .dylib or .dll"
