"""What an array of a model looks like, and how stored integers stand for real numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnyArray", "Arrays", "FloatArray", "Quantization", "TensorSpec"]

AnyArray: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.float32]
Arrays: TypeAlias = dict[str, AnyArray]


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = (stored - zero_point) * scale, per tensor or along one axis.

    Source: https://ai.google.dev/edge/litert/models/quantization_spec

    Attributes:
        scale: one factor, or one per index along `axis`; all positive.
        zero_point: as many as scales; the stored value that means 0.
        axis: the axis of a per-axis quantisation; without meaning when there is one scale.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int = 0


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    Attributes:
        name: as the runtime knows it; feeds and results are keyed by it.
        shape: None where the size is only known when the model runs.
        dtype: numpy's name of the stored type, such as "float32" or "int8".
        quantization: None for plain numbers.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"
    quantization: Quantization | None = None

    @property
    def static(self) -> bool:
        """True where every size is known before the model runs."""
        return None not in self.shape

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.dtype} [{sizes}]"
