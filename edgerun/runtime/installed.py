"""The registry in use: what is built in, and every installed plugin."""

from __future__ import annotations

from functools import lru_cache

from edgerun import decoders, dialects, replay
from edgerun.contract import Decoder, Dialect
from edgerun.hookspecs import hookimpl
from edgerun.runtime.registry import Registry

__all__ = ["BUILTIN", "registry"]


class _BuiltIn:
    """What edgerun itself offers, by the same hooks as every plugin."""

    @hookimpl
    def edgerun_register_decoders(self) -> list[Decoder]:
        """The built-in families."""
        return list(decoders.BUILTIN)

    @hookimpl
    def edgerun_register_dialects(self) -> list[Dialect]:
        """The built-in dialects."""
        return list(dialects.BUILTIN)


BUILTIN: tuple[tuple[str, object], ...] = (("edgerun", _BuiltIn()), ("replay", replay))


@lru_cache(maxsize=1)
def registry() -> Registry:
    """All installed plugins, asked once per process."""
    return Registry.load(BUILTIN)
