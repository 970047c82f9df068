"""The house as it stands: what is built in, and who else is installed."""

from __future__ import annotations

from functools import lru_cache

from edgerun import decoders, dialects, replay
from edgerun.contract import Decoder, Dialect
from edgerun.hookspecs import hookimpl
from edgerun.runtime.registry import Registry

__all__ = ["BUILTIN", "registry"]


class _Family:
    """What edgerun itself offers, through the same door as everybody."""

    @hookimpl
    def edgerun_register_decoders(self) -> list[Decoder]:
        """The built-in families."""
        return list(decoders.BUILTIN)

    @hookimpl
    def edgerun_register_dialects(self) -> list[Dialect]:
        """The built-in dialects."""
        return list(dialects.BUILTIN)


BUILTIN: tuple[tuple[str, object], ...] = (("edgerun", _Family()), ("replay", replay))


@lru_cache(maxsize=1)
def registry() -> Registry:
    """Everybody who is installed, asked once per process."""
    return Registry.load(BUILTIN)
