"""Open a program and run it once, in this process, which may die of it. usage: python trial.py FILE METHOD …

Run as a file of its own, so that it imports nothing but torch and ExecuTorch. Exit status 0: it ran; 3: ExecuTorch
refused it, its reasons stand on stderr; anything else: it brought the process down.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

__all__ = ["DTYPES", "binding", "main"]

DTYPES = {
    0: "uint8",
    1: "int8",
    2: "int16",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    7: "float64",
    11: "bool",
}
"""numpy's names by number of torch's scalar type."""


def binding() -> Any:
    """ExecuTorch's binding without the rest of ExecuTorch, which takes three seconds more to import."""
    import torch  # noqa: F401  (the binding links to torch's libraries)

    try:
        return importlib.import_module("executorch.extension.pybindings._C")
    except ModuleNotFoundError:  # until ExecuTorch 1.4
        return importlib.import_module("executorch.extension.pybindings._portable_lib")


def main(path: str, *methods: str) -> int:
    """Run these methods on zeros; gives the exit status."""
    import torch

    runtime = binding()
    try:
        program = runtime._load_program(path, program_verification=runtime.Verification.InternalConsistency)
        for name in methods:
            meta = program.method_meta(name)
            tensors = [meta.input_tensor_meta(number) for number in range(meta.num_inputs())]
            feeds = [torch.zeros(tensor.sizes(), dtype=getattr(torch, DTYPES[tensor.dtype()])) for tensor in tensors]
            program.load_method(name)(feeds)
    except Exception as cause:
        print(f"{type(cause).__name__}: {cause}", file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
