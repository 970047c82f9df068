"""Open a model with a delegate from a library, in this process, which may die of it.

usage: python trial.py MODULE MODEL LIBRARY KEY=VALUE …, where the module is the interpreter's

Run as a file of its own, so that it imports nothing else. Exit status 0: the delegate was taken; 3: it was refused, the
reason stands on stderr; anything else: it brought the process down.
"""

from __future__ import annotations

import ctypes
import importlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["main", "tried"]

MARK = "refused: "
"""What begins the line with the reason, among all that the runtime writes."""
PATIENCE = 120.0
"""Seconds after which a library that does not come back is taken for stuck."""


def tried(module: str, model: Path, library: str, options: Mapping[str, str]) -> str:
    """Why a delegate cannot be used, found out in a process of its own; "" where it can.

    Costs the start of a Python, the import of the interpreter and an opening: 0.6 s on two busy cores.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        return ""  # inside another program there is no Python to try it in
    words = [f"{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-P", __file__, module, str(model), library, *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"a process that tried it gave no answer within {PATIENCE:g} s"
    if done.returncode == 3:
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        return next((line.removeprefix(MARK) for line in lines if line.startswith(MARK)), "it is refused")
    return f"it brought down the process that tried it (exit status {done.returncode})" if done.returncode else ""


def main(module: str, model: str, library: str, *words: str) -> int:
    """Load, split the model's graph, and allocate where the sizes are known; gives the exit status."""
    interpreter = importlib.import_module(module)
    options = dict(word.split("=", 1) for word in words)
    try:
        ctypes.CDLL(library)  # LiteRT's own loader says less
        delegate = interpreter.load_delegate(library, options)
        opened = interpreter.Interpreter(
            model_path=model,
            experimental_delegates=[delegate],
            experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        if not any(-1 in detail["shape_signature"] for detail in opened.get_input_details()):
            opened.allocate_tensors()
    except Exception as cause:
        text = " ".join(str(cause).split()) or type(cause).__name__
        sys.stderr.write(f"\n{MARK}{text.removeprefix(f'Failed to load delegate from {library} ').rstrip('.')}\n")
        sys.stderr.flush()
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
