"""The hooks of plugins: four functions, each called once, each of which returns a list.

They must be cheap: no runtime is imported to be listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from edgerun.contract import Backend, Decoder, Delegate, Dialect

__all__ = ["HOOKS", "hookimpl", "hookspec"]

HOOKS = (
    "edgerun_register_backends",
    "edgerun_register_decoders",
    "edgerun_register_delegates",
    "edgerun_register_dialects",
)
"""The functions below, each of which a plugin may implement."""

hookspec = pluggy.HookspecMarker("edgerun")
hookimpl = pluggy.HookimplMarker("edgerun")


@hookspec
def edgerun_register_backends() -> list[Backend]:  # type: ignore[empty-body]
    """Runtimes that a plugin brings."""


@hookspec
def edgerun_register_decoders() -> list[Decoder]:  # type: ignore[empty-body]
    """Families of outputs that it reads."""


@hookspec
def edgerun_register_delegates(backend: str) -> list[Delegate]:  # type: ignore[empty-body]
    """Delegates that it adds to another plugin's backend, which is given by its name."""


@hookspec
def edgerun_register_dialects() -> list[Dialect]:  # type: ignore[empty-body]
    """Ways in which exporters describe their models, and which it reads."""
