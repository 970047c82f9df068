"""Which delegate is asked for: backends report, this policy chooses, a named wish never falls back in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgerun.contract import Delegate
from edgerun.errors import DelegateUnavailable

__all__ = ["choose", "confirm"]


def choose(wish: str | Sequence[str] | None, offers: Sequence[Delegate], backend: str) -> Delegate:
    """The delegate to open a model with.

    Args:
        wish: None or "auto" for the backend's best available one, a name, or names of which the first
            available one is taken.
        offers: the backend's, best first.
        backend: its name, for the message.

    Raises:
        DelegateUnavailable: nothing that was wished is available; the message says why for each.
    """
    if wish is None or wish == "auto":
        best = next((entry for entry in offers if entry.available), None)
        if best is not None:
            return best
        raise DelegateUnavailable(f"{backend} has no available delegate.", hint="run: edgerun doctor")
    names = [wish] if isinstance(wish, str) else list(wish)
    refusals = []
    for name in names:
        offer = next((entry for entry in offers if entry.name == name), None)
        if offer is None:
            refusals.append(f"{name} is not one of {backend}'s delegates")
        elif not offer.available:
            refusals.append(f"{name}: {offer.reason}")
        else:
            return replace(offer, reason="; ".join(refusals)) if refusals else offer
    usable = ", ".join(entry.name for entry in offers if entry.available) or "none"
    raise DelegateUnavailable(
        f"Delegate {' or '.join(names) or 'list is empty,'} cannot be used: {'; '.join(refusals) or 'nothing named'}.",
        hint=f"use one of: {usable}",
    )


def confirm(wish: str | Sequence[str] | None, asked: Delegate, in_force: str, backend: str) -> None:
    """Raise where a delegate that was named is not the one in force.

    Raises:
        DelegateUnavailable: the runtime fell back.
    """
    if wish not in (None, "auto") and in_force != asked.name:
        raise DelegateUnavailable(
            f"Delegate {asked.name} was asked for, but {backend} fell back to {in_force}.",
            hint=f'pass delegate="{in_force}" to accept that, or run: edgerun doctor',
        )
