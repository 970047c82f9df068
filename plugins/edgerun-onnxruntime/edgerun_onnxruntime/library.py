"""Plugin execution providers: libraries that bring devices of their own into ONNX Runtime.

A library that crashes when it is loaded takes the process along, so it is tried in one of its own first, which costs
the start of a Python and the import of onnxruntime. usage of that process: python library.py LIBRARY NAME
Exit status 0: it was registered; 3: ONNX Runtime refused it, its reason stands on stderr.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["devices"]

PATIENCE = 120.0
"""Seconds after which a library that does not come back is taken for stuck."""

_registered: dict[tuple[str, str], list[Any]] = {}
"""(library, name) -> devices; ONNX Runtime refuses to register one twice."""


def devices(options: Mapping[str, str]) -> Sequence[Any]:
    """The devices that a library brings, of the kind that the option "device" names; registers the library.

    Raises:
        ValueError: it cannot be loaded, or has none here; the text says why.
    """
    library, name = options["library"], options.get("registration", "")
    found = _registered.get((library, name))
    if found is None:
        found = _brought(library)  # somebody may have registered it before us
        if not found or name:
            found = _register(library, name or library)
        _registered[library, name] = found
    kind = options.get("device", "")
    wanted = [device for device in found if not kind or device.device.type.name.lower() == kind]
    if not wanted:
        has = ", ".join(sorted({device.device.type.name for device in found}))
        raise ValueError(f"it finds no {kind} device, only {has}" if has else "it finds no device of its kind here")
    return wanted


def _register(library: str, name: str) -> list[Any]:
    """Tell ONNX Runtime of a library, and give its devices; two libraries cannot have one name."""
    import onnxruntime

    _try(library, name)
    before = len(onnxruntime.get_ep_devices())
    try:
        onnxruntime.register_execution_provider_library(name, library)
    except Exception as cause:
        raise ValueError(_line(cause)) from cause
    return _brought(library) or list(onnxruntime.get_ep_devices())[before:]


def _brought(library: str) -> list[Any]:
    import onnxruntime

    return [device for device in onnxruntime.get_ep_devices() if device.ep_metadata.get("library_path") == library]


def _try(library: str, name: str) -> None:
    if not sys.executable or getattr(sys, "frozen", False):
        return  # inside another program there is no Python to try it in
    command = [sys.executable, "-P", __file__, library, name]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ValueError(f"a process that loaded it gave no answer within {PATIENCE:g} s") from None
    if done.returncode == 3:
        raise ValueError(done.stderr.decode("utf-8", "replace").strip().splitlines()[-1])
    if done.returncode:
        raise ValueError(f"it brought down the process that tried it (exit status {done.returncode})")


def _line(cause: Exception) -> str:
    return str(cause).strip().splitlines()[0].removeprefix("[ONNXRuntimeError] : 1 : FAIL : ")


def _main(library: str, name: str) -> int:
    import onnxruntime

    try:
        onnxruntime.register_execution_provider_library(name, library)
        onnxruntime.get_ep_devices()
    except Exception as cause:
        sys.stderr.write(_line(cause) + "\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
