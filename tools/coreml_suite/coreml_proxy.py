"""What coremltools takes for Core ML: opens a package, predicts with ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun_coreml.description import ArrayType, Feature, ImageType, describe
from edgerun_coreml.mil import translate
from edgerun_coreml.mil.translate import Translation
from edgerun_coreml.package import open_model
from edgerun_coreml.predict import load
from edgerun_coreml.session import open_session

Array = npt.NDArray[Any]

_TYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}


class State:
    """A model's state between predictions."""

    def __init__(self, contents: dict[str, Array]) -> None:
        self.contents = contents

    def read_state(self, name: str) -> Array:
        """A copy of a state's contents."""
        return self.contents[name].copy()

    def write_state(self, name: str, value: Array) -> None:
        """Replaces a state's contents."""
        target = self.contents[name]
        target[...] = np.asarray(value, target.dtype).reshape(target.shape)


class MLModelProxy:
    """Stands in for ``coremltools.libcoremlpython._MLModelProxy``. An unsupported model fails when it is used."""

    predictions = 0

    def __init__(self, path: str, compute_units: str = "ALL", function_name: str = "", *rest: Any) -> None:
        self._path = path
        self._error: Exception | None = None
        self._program = True
        try:
            self._open(path, "" if function_name in ("", "main") else function_name)
        except Exception as error:
            self._error = error

    def _open(self, path: str, function: str) -> None:
        model = open_model(path)
        description = describe(model.spec)
        self._program = description.kind == "mlProgram"
        if not self._program:
            self._network = load(path, threads=1)
            return
        self._interface = description.functions.get(function or description.default_function, description.interface)
        self._translation: Translation = translate(model.spec, model.weights, function=function)
        self._session = open_session(self._translation.graph, threads=1)
        self._types = {item.name: _TYPES[item.type] for item in self._session.get_inputs()}

    def predict(self, data: Mapping[str, Any], state: State | None = None) -> dict[str, Any]:
        """The outputs by name, as MLModel.predict gives them."""
        if self._error is not None:
            raise self._error
        MLModelProxy.predictions += 1
        if not self._program:
            return self._spoilt(self._network.predict(dict(data)))
        translation, features = self._translation, {item.name: item for item in self._interface.inputs}
        feeds = {}
        for port in translation.inputs:
            array = _input(data[port.name], features.get(port.name))
            shape = port.shape or ()
            if array.ndim != len(shape) and port.shape is not None:
                array = array.reshape([-1 if size is None else int(size) for size in shape])
            feeds[port.tensor] = np.ascontiguousarray(array.astype(self._types[port.tensor]))
        for entry in translation.states:
            assert state is not None, "a stateful model needs a state"
            feeds[entry.tensor] = state.contents[entry.name]
        names = [port.tensor for port in translation.outputs] + [entry.updated for entry in translation.states]
        if translation.classifier:
            names.append(translation.classifier.tensor)
        found = dict(zip(names, self._session.run(names, feeds), strict=True))
        for entry in translation.states:
            assert state is not None
            state.contents[entry.name] = found[entry.updated]
        return self._results(found)

    def _results(self, found: dict[str, Array]) -> dict[str, Any]:
        ports = {port.name: port.tensor for port in self._translation.outputs}
        results: dict[str, Any] = {}
        for feature in self._interface.outputs:
            if feature.name in ports:
                results[feature.name] = _output(found[ports[feature.name]], feature)
        if self._translation.classifier:
            labels = self._translation.classifier.labels
            scores = found[self._translation.classifier.tensor].reshape(-1)
            results[self._interface.predicted_feature] = labels[int(scores.argmax())]
            results[self._interface.predicted_probabilities] = dict(zip(labels, map(float, scores), strict=True))
        return self._spoilt(results)

    @staticmethod
    def _spoilt(results: Any) -> dict[str, Any]:
        if os.environ.get("COREML_SUITE_SABOTAGE"):
            results = {k: v + 1 if isinstance(v, np.ndarray) and v.dtype != bool else v for k, v in results.items()}
        return dict(results)

    def batchPredict(self, rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:  # noqa: N802
        """One prediction after the other."""
        return [self.predict(row) for row in rows]

    def newState(self) -> State:  # noqa: N802
        """A state of zeros."""
        if self._error is not None:
            raise self._error
        return State({s.name: np.zeros(s.shape, self._types[s.tensor]) for s in self._translation.states})

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


def _input(value: Any, feature: Feature | None) -> Array:
    """A feature's value as an array; an image [1, C, H, W] with 0..255 in the model's order of channels."""
    if feature is None or not isinstance(feature.type, ImageType) or not hasattr(value, "convert"):
        return np.asarray(value)
    if feature.type.color in ("grayscale", "grayscale_float16"):
        return np.asarray(value, np.float32)[None, None]
    pixels = np.asarray(value.convert("RGB"), np.float32).transpose(2, 0, 1)
    return (pixels[::-1] if feature.type.color == "bgr" else pixels)[None]


def _output(array: Array, feature: Feature) -> Any:
    if isinstance(feature.type, ImageType):
        from PIL import Image

        if feature.type.color == "grayscale_float16":
            return Image.fromarray(array[0, 0].astype(np.float32))
        pixels = np.clip(np.rint(array[0]), 0, 255).astype(np.uint8)
        if feature.type.color == "grayscale":
            return Image.fromarray(pixels[0])
        pixels = pixels[::-1] if feature.type.color == "bgr" else pixels
        opaque = np.full_like(pixels[:1], 255)
        return Image.fromarray(np.concatenate([pixels, opaque]).transpose(1, 2, 0))
    if isinstance(feature.type, ArrayType) and feature.type.dtype != "float16":
        array = array.astype(feature.type.dtype, copy=False)
    return array.reshape(1) if array.ndim == 0 else array
