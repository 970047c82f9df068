"""Open a model and run it once on zeros, in this process, which may die of it.

usage: python guard_trial.py FILE MODULE DELEGATE, where the module is the interpreter's

Run as a file of its own, so that it imports nothing else. Exit status 0: it ran; 3: it was refused; anything else: it
brought the process down. Whatever a session asks of the interpreter is asked here.
"""

from __future__ import annotations

import importlib
import sys

import numpy as np

__all__ = ["main"]


def main(path: str, module: str, delegate: str) -> int:
    """Run it; gives the exit status."""
    litert = importlib.import_module(module)
    kind = litert.OpResolverType
    resolver = kind.AUTO if delegate == "xnnpack" else kind.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        opened = litert.Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=resolver)
        inputs, outputs = opened.get_input_details(), opened.get_output_details()
        if any(-1 in detail["shape_signature"] for detail in inputs):
            return 0  # no session runs it before its sizes are settled
        opened.allocate_tensors()
        opened.get_tensor_details()
        if hasattr(opened, "_get_ops_details"):
            opened._get_ops_details()
        for detail in inputs:
            opened.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        opened.invoke()
        for detail in outputs:
            opened.get_tensor(detail["index"])
    except Exception as cause:
        print(f"{type(cause).__name__}: {cause}", file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
