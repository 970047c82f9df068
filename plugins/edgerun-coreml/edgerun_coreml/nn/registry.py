"""Which function translates which layer, and which axes it looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

Translator = Callable[[Layer], Value | Sequence[Value] | None]


class View(Enum):
    """What a translator is given for a tensor of any rank.

    Layers for images know channels, height and width; whatever comes before is a batch to them. ONNX wants rank 4
    there, so tensors are folded to it, and their leading axes come back afterwards.
    """

    FULL = "the tensor as it is"
    SPATIAL = "rank 4: [batch, channels, height, width]"
    ANY = "rank 4 where that saves a reshape, else as it is: the layer counts axes from the end, or not at all"


KEEP_COUNTS: Final = frozenset(
    {
        "add", "multiply", "max", "min", "addBroadcastable", "subtractBroadcastable", "multiplyBroadcastable",
        "divideBroadcastable", "floorDivBroadcastable", "modBroadcastable", "maxBroadcastable", "minBroadcastable",
        "floor", "ceil", "round", "sign", "clip", "copy", "whereBroadcastable", "concat", "concatND", "split",
        "splitND", "stack", "tile", "slice", "sliceStatic", "sliceDynamic", "sliceBySize", "gather", "gatherND",
        "gatherAlongAxis", "scatter", "scatterND", "scatterAlongAxis", "squeeze", "expandDims", "flattenTo2D",
        "flatten", "reshape", "reshapeStatic", "reshapeDynamic", "reshapeLike", "rankPreservingReshape", "permute",
        "transpose", "reverse", "constantPad", "broadcastToStatic", "broadcastToDynamic", "broadcastToLike",
        "reduceSum", "reduceProd", "reduceMax", "reduceMin", "cumSum",
    }
)  # fmt: skip
"""Layers that make indices and sizes out of indices and sizes."""

_TRANSLATORS: Final[dict[str, tuple[Translator, View]]] = {}
_COUNTING: Final[set[str]] = set()


def layer(*names: str, view: View = View.FULL, counts: bool = False) -> Callable[[Translator], Translator]:
    """Register the translator of layers, by the names of the format's oneof ``layer``.

    ``counts``: the outputs are indices or sizes, which ``precision="fp16"`` must not round.
    """

    def register(translator: Translator) -> Translator:
        for name in names:
            _TRANSLATORS[name] = translator, view
            if counts:
                _COUNTING.add(name)
        return translator

    return register


def find(name: str) -> tuple[Translator, View]:
    """The translator of a layer. Raises :class:`Refusal` if there is none."""
    try:
        return _TRANSLATORS[name]
    except KeyError:
        raise Refusal("this layer is not known" if name else "a layer of a kind this version does not know") from None


def counts(name: str) -> bool:
    """Whether a layer's outputs are indices or sizes."""
    return name in _COUNTING


def known() -> list[str]:
    """The names of all layers that are translated, sorted."""
    return sorted(_TRANSLATORS)
