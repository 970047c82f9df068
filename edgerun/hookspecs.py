"""The whole surface for plugins: four questions, each asked once, each answered by a list.

Registering must be cheap: no runtime is imported to be listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from edgerun.contract import Backend, Decoder, Delegate, Dialect

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("edgerun")
hookimpl = pluggy.HookimplMarker("edgerun")


@hookspec
def edgerun_register_backends() -> list[Backend]:  # type: ignore[empty-body]
    """Plugins may bring runtimes."""


@hookspec
def edgerun_register_decoders() -> list[Decoder]:  # type: ignore[empty-body]
    """Plugins may bring ways of reading outputs."""


@hookspec
def edgerun_register_delegates(backend: str) -> list[Delegate]:  # type: ignore[empty-body]
    """Plugins may add delegates to another plugin's backend, which is given by its name."""


@hookspec
def edgerun_register_dialects() -> list[Dialect]:  # type: ignore[empty-body]
    """Plugins may bring ways in which exporters describe their models."""
