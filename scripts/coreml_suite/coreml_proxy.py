"""What coremltools takes for Core ML: opens a package, predicts with the contract of MLModel.predict."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun_coreml.running.predict import CoreMLModel, load
from edgerun_coreml.running.states import State


class MLModelProxy:
    """Stands in for ``coremltools.libcoremlpython._MLModelProxy``. An unsupported model fails when it is used."""

    predictions = 0

    def __init__(self, path: str, compute_units: str = "ALL", function_name: str = "", *rest: Any) -> None:
        self._path = path
        self._model: CoreMLModel | Exception
        try:  # at once, as Core ML compiles at once: a package in a temporary folder may go away
            self._model = load(path, function=function_name or None, threads=1)
        except Exception as error:
            self._model = error

    @property
    def _opened(self) -> CoreMLModel:
        if isinstance(self._model, Exception):
            raise self._model
        return self._model

    def predict(self, data: Mapping[str, Any], state: State | None = None) -> dict[str, Any]:
        """The outputs by name."""
        results: Any = self._opened.predict(dict(data), state)
        MLModelProxy.predictions += 1
        if sabotage := float(os.environ.get("COREML_SUITE_SABOTAGE", "0")):
            return {k: _off(v, sabotage) for k, v in results.items()}
        return dict(results)

    def batchPredict(self, rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:  # noqa: N802
        """One prediction after the other."""
        return [self.predict(row) for row in rows]

    def newState(self) -> State:  # noqa: N802
        """A state of zeros."""
        return self._opened.make_state()

    def get_compiled_model_path(self) -> str:
        """There is no compiled model; the source does as well."""
        return self._path

    @staticmethod
    def maximum_supported_specification_version() -> int:
        """That of iOS 26."""
        return 10

    @staticmethod
    def auto_set_specification_version(spec: Any) -> Any:
        """Left as it is."""
        return spec

    @staticmethod
    def compileModel(path: str) -> str:  # noqa: N802
        """There is nothing to compile."""
        return path


def _off(value: Any, amount: float) -> Any:
    """Larger by an amount; whole numbers by one at least."""
    if not isinstance(value, np.ndarray) or value.dtype == bool:
        return value
    return value + (value.dtype.type(amount) if value.dtype.kind == "f" else max(1, round(amount)))
