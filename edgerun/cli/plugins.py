"""edgerun plugins: the installed plugins, and what they bring."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgerun.cli.common import AsJson, Debug, door, facts, print_json, say

if TYPE_CHECKING:
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
        entry = asdict(plugin) | {"version": plugin.version or __version__}
        entry["backends"] = {}
        for name in plugin.backends:
            backend = registry.backend(name)
            entry["backends"][name] = {"formats": list(backend.formats), "health": asdict(backend.health())}
        plugins.append(entry)
    return {"plugins": plugins, "failures": [asdict(failure) for failure in registry.failures]}


def _print(content: dict[str, Any], debug: bool) -> None:
    for number, plugin in enumerate(content["plugins"]):
        say(f"{chr(10) if number else ''}{plugin['name']}  ({plugin['distribution']} {plugin['version']})")
        lines = [
            (f"  {name}", f"{' '.join(backend['formats'])}; {_health(backend['health'])}")
            for name, backend in plugin["backends"].items()
        ]
        lines += [(f"  {kind}", ", ".join(plugin[kind])) for kind in ("decoders", "dialects")]
        lines.append(("  hooks", ", ".join(hook.removeprefix("edgerun_register_") for hook in plugin["hooks"])))
        facts(lines)
    for failure in content["failures"]:
        say(f"\nerror: {failure['message']} ({failure['distribution']})")
        if debug:
            say(failure["trace"])


def _health(health: dict[str, Any]) -> str:
    if health["ok"]:
        return "; ".join([f"ok, version {health['version']}", *health["warnings"]])
    broken = f"broken: {health['reason']}"
    return f"{broken}; {health['hint']}" if health["hint"] else broken
