"""States: buffers that live from one prediction to the next, as MLState holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class State:
    """The buffers of one run of predictions, all zero at first. Two predictions at once must not share one.

    ``kinds`` gives the element type of each in the program; fp16 buffers keep what fp16 can hold and are shown
    as float32.
    """

    def __init__(self, buffers: Mapping[str, Array], kinds: Mapping[str, str]) -> None:
        self._buffers = dict(buffers)
        self._kinds = dict(kinds)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the buffers."""
        return tuple(self._buffers)

    def read_state(self, name: str) -> Array:
        """A copy of a buffer. Raises RuntimeError for a name that is not there."""
        return self._found(name).copy()

    def write_state(self, name: str, value: npt.ArrayLike) -> None:
        """Replace the contents of a buffer. Raises RuntimeError for an unknown name or another shape."""
        buffer, given = self._found(name), np.asarray(value)
        if given.shape != buffer.shape:
            raise RuntimeError(f"state '{name}' has the shape {buffer.shape}, not {given.shape}")
        if given.dtype.kind not in "fiub":
            raise RuntimeError(f"state '{name}' holds numbers, not {given.dtype}")
        self._keep(name, given)

    def buffer(self, name: str) -> Array:
        """The buffer itself, to be fed."""
        return self._found(name)

    def _keep(self, name: str, value: Array) -> None:
        dtype = self._buffers[name].dtype
        if self._kinds.get(name) == "fp16":
            with np.errstate(over="ignore"):  # beyond 65504 is infinity in fp16
                value = value.astype(np.float16)
        self._buffers[name] = value.astype(dtype)

    def update(self, values: Mapping[str, Array]) -> None:
        """What a prediction left in the buffers."""
        for name, value in values.items():
            self._keep(name, value)

    def _found(self, name: str) -> Array:
        if name not in self._buffers:
            known = ", ".join(self._buffers) or "none"
            raise RuntimeError(f"there is no state '{name}'; there are: {known}")
        return self._buffers[name]
