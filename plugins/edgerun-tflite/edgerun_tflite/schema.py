"""Whatever a runtime follows in a TFLite model, so that it can be checked before one does.

tflite-runtime checks no bounds itself and can bring down its process.
Source of the numbers of fields: LiteRT's schema.fbs (Apache-2.0).
"""

from __future__ import annotations

from typing import Any

from edgerun.wire.flatbuffers import Shape, Table, root, verify

__all__ = ["verified"]

_TENSOR: Shape = {0: "i", 3: "B", 4: {0: "f", 1: "f", 2: "f", 3: "q"}, 6: {0: "i", 1: "i", 2: ({},)}, 7: "i"}
_OPERATOR: Shape = {1: "i", 2: "i", 4: {}, 5: "B", 7: "B", 8: "i"}
_SIGNATURE: Shape = {0: ({0: "B"},), 1: ({0: "B"},), 2: "B"}
MODEL: Shape = {
    1: ({1: "B"},),
    2: ({0: (_TENSOR,), 1: "i", 2: "i", 3: (_OPERATOR,), 4: "B"},),
    3: "B",
    4: ({0: "B"},),
    6: ({0: "B"},),
    7: (_SIGNATURE,),
}
"""Slot -> what stands there, of the root table."""


def verified(data: Any) -> Table:
    """The root table of a file's bytes; everything that a runtime follows lies within them.

    Raises:
        Damaged: something does not.
    """
    model = root(data)
    verify(model, MODEL)
    return model
