"""The last operation of a classifier."""

from __future__ import annotations

from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import operation
from edgerun_coreml.mil.values import Operand
from edgerun_coreml.refusal import Refusal


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
