"""edgerun plugins: the installed plugins, and what they bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgerun.cli.common import AsJson, Debug, door, facts, print_json, say

if TYPE_CHECKING:
    from edgerun.contract import Backend
    from edgerun.runtime.registry import Registry

__all__ = ["command"]


def command(as_json: AsJson = False, debug: Debug = False) -> None:
    """List the installed plugins and what they bring."""
    with door(as_json=as_json, debug=debug):
        from edgerun.runtime import installed

        content = _content(installed.registry())
        if as_json:
            print_json(content)
        else:
            _print(content, debug)


def _content(registry: Registry) -> dict[str, Any]:
    from edgerun import __version__

    plugins = []
    for plugin in registry.plugins:
        backends = {name: _backend(registry.backend(name)) for name in plugin.backends}
        plugins.append(asdict(plugin) | {"version": plugin.version or __version__, "backends": backends})
    return {"plugins": plugins, "failures": list(map(asdict, registry.failures))}


def _backend(backend: Backend) -> dict[str, Any]:
    return {"formats": list(backend.formats), "health": asdict(backend.health())}


def _print(content: dict[str, Any], debug: bool) -> None:
    for number, plugin in enumerate(content["plugins"]):
        if number > 0:
            say()
        say(f"{plugin['name']}  ({plugin['distribution']} {plugin['version']})")
        facts(_lines(plugin))
    for failure in content["failures"]:
        say(f"\nerror: {failure['message']} ({failure['distribution']})")
        if debug:
            say(failure["trace"])


def _lines(plugin: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, backend in plugin["backends"].items():
        yield f"  {name}", f"{' '.join(backend['formats'])}; {_health(backend['health'])}"
    yield "  decoders", ", ".join(plugin["decoders"])
    yield "  dialects", ", ".join(plugin["dialects"])
    hooks = [hook.removeprefix("edgerun_register_") for hook in plugin["hooks"]]
    yield "  hooks", ", ".join(hooks)


def _health(health: dict[str, Any]) -> str:
    if health["ok"]:
        return "; ".join([f"ok, version {health['version']}", *health["warnings"]])
    broken = f"broken: {health['reason']}"
    return f"{broken}; {health['hint']}" if health["hint"] else broken
