"""Which function translates which operation, from which opset on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.values import Operand
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

Translator = Callable[[Operation], Value | Operand | Sequence[Value | Operand] | None]

OPSETS: Final = {
    "CoreML3": 13,
    "CoreML4": 14,
    "CoreML5": 15,
    "CoreML6": 16,
    "CoreML7": 17,
    "CoreML8": 18,
    "CoreML9": 26,
}
"""The names programs give to their operation set, and the iOS release it came with."""

_TRANSLATORS: Final[dict[str, list[tuple[int, Translator]]]] = {}


def operation(*names: str, since: int = 13) -> Callable[[Translator], Translator]:
    """Register a translator for operations, valid from the iOS release ``since`` until a later one takes
    over.
    """

    def register(translator: Translator) -> Translator:
        for name in names:
            entries = _TRANSLATORS.setdefault(name, [])
            entries.append((since, translator))
            entries.sort(key=lambda entry: -entry[0])
        return translator

    return register


def find(name: str, opset: int) -> Translator:
    """The translator of an operation in a program of this opset. Raises :class:`Refusal` if there is none."""
    for since, translator in _TRANSLATORS.get(name, ()):
        if since <= opset:
            return translator
    raise Refusal("this operation is not known")


def known() -> list[str]:
    """The names of all operations that are translated, sorted."""
    return sorted(_TRANSLATORS)
