"""The last operation of a classifier."""

from __future__ import annotations

from ..operation import Operation
from ..registry import Refusal, operation
from ..values import Operand


@operation("classify")
def classify(op: Operation) -> list[Operand]:
    """Notes labels and probabilities; naming the most probable class is left to prediction."""
    probabilities, classes = op.operand("probabilities"), op.operand("classes")
    context = op.scope.context
    if classes.texts is not None:
        context.labels = classes.texts
    elif classes.array is not None:
        context.labels = tuple(int(label) for label in classes.array.reshape(-1))
    else:
        raise Refusal("the classes are computed, where constants are needed")
    context.probabilities = probabilities
    return [Operand("str", ()), Operand("dict", None)]
