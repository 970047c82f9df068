"""The end of a classifier: probabilities become the most probable label and a dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Labels = tuple[str, ...] | tuple[int, ...]


def classified(probabilities: Array, labels: Labels) -> tuple[str | int, dict[str | int, float]]:
    """The most probable label, the first of equals, and label -> probability in the order of the labels.

    Raises RuntimeError where there is not one probability for each label.
    """
    values = probabilities.reshape(-1)
    if values.size != len(labels) or not labels:
        raise RuntimeError(f"the model gives {values.size} probabilities for {len(labels)} labels")
    table: dict[str | int, float] = dict(zip(labels, values.tolist(), strict=True))
    return labels[int(np.argmax(values))], table
