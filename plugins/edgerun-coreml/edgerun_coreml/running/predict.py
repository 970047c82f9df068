"""Prediction with the contract of coremltools' ``MLModel.predict``, on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgerun_coreml.file.description import ModelDescription, describe
from edgerun_coreml.file.feature_types import ArrayType, Feature, ImageType, Interface, ScalarType
from edgerun_coreml.file.package import ModelFile, open_model
from edgerun_coreml.onnx.translation import Precision
from edgerun_coreml.running import images, shapes
from edgerun_coreml.running.classifier import Labels
from edgerun_coreml.running.pipeline import Choice, Pipeline, Stage, build
from edgerun_coreml.running.states import State
from edgerun_coreml.running.suppression import Rules, Suppression

Array = npt.NDArray[Any]


def load(
    path: str | Path,
    precision: Literal["fp32", "fp16"] = "fp32",
    function: str | None = None,
    threads: int | None = None,
) -> CoreMLModel:
    """Open a Core ML model.

    Args:
        path: a ``.mlpackage`` folder, a zip archive of one, or a ``.mlmodel`` file.
        precision: "fp32" computes as exactly as float32 can; "fp16" rounds what the program calls fp16 after
            every operation, as a device stores it: what overflows there overflows here.
        function: of a program with several; None for the default one.
        threads: for ONNX Runtime; None leaves the number to it.

    Raises:
        ModelDamaged: the file is not what it claims to be.
        ModelUnsupported: it is sound, but asks for what is not translated; `.problems` lists everything.
    """
    if precision not in ("fp32", "fp16"):
        raise ValueError(f"precision must be 'fp32' or 'fp16', not {precision!r}")
    return CoreMLModel(open_model(path), precision=precision, function=function, threads=threads)


class CoreMLModel:
    """An opened Core ML model, computed by ONNX Runtime.

    Attributes:
        path: of the file.
        description: what the model says of itself.
        interface: the features of the function that is open.
    """

    def __init__(
        self,
        file: ModelFile,
        *,
        precision: Precision = "fp32",
        function: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.path = file.path
        self.description: ModelDescription = describe(file.spec)
        self._stage: Stage = build(file.spec, file.weights, Choice(precision, function or "", threads))
        self.interface: Interface = self._stage.interface
        self._features = {feature.name: feature for feature in self.interface.inputs}
        # networks before specification 4 map arrays to five axes, and take them with axes of 1 in front
        self._rank5 = self.description.kind.startswith("neuralNetwork") or isinstance(self._stage, Pipeline)
        self._thresholds = _thresholds(self.suppression)

    @property
    def labels(self) -> Labels:
        """Class names in order; () where the model has none."""
        return self.description.labels or self._stage.labels

    @property
    def suppression(self) -> Rules | None:
        """The rules of the model's own suppression; None where it has none."""
        if isinstance(self._stage, Suppression):
            return self._stage.rules
        if isinstance(self._stage, Pipeline) and self._stage.suppression is not None:
            return self._stage.suppression.rules
        return None

    @property
    def stage(self) -> Stage:
        """What computes, below the contract."""
        return self._stage

    def make_state(self) -> State:
        """New buffers for a model with states, all zero; pass it to every `predict` that is to go on from it."""
        return State(*self._stage.buffers())

    def predict(
        self, data: dict[str, Any] | list[dict[str, Any]], state: State | None = None
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Predict as ``MLModel.predict`` does.

        Args:
            data: name -> value of each input, or a list of such dictionaries. An image is a PIL image of exactly
                a size that the model takes: mode RGB for RGB and BGR models, L for GRAYSCALE, F for
                GRAYSCALE_FLOAT16. An array is a numpy array, a list or a torch tensor of int8, int32, float16,
                float32 or float64. A number is Python's. Optional inputs may be left out.
            state: of `make_state`, for models that have one; its buffers are replaced.

        Returns:
            name -> value of each output, or a list of those: numpy arrays in the declared type, fp16 as float32,
            those without an axis as (1,); images as PIL images of the mode RGBA, L or F; a classifier's label as
            str or int and its probabilities as a dictionary.

        Raises:
            TypeError: data is neither, or an image input is no PIL image of the right mode.
            KeyError: an input that the model does not have.
            RuntimeError: an input is missing, or has a size, shape or type that the model does not take; a state
                is missing.
        """
        if type(data) is list and all(type(entry) is dict for entry in data):
            if state is not None:
                raise AssertionError("State can only be used for unbatched predictions")
            feeds = [self._feeds(entry) for entry in data]
            return [self._predicted(entry, None) for entry in feeds]
        if type(data) is not dict:
            raise TypeError(f"data must be a dict or a list of dicts, not {_shown(data)}")
        return self._predicted(self._feeds(data), state)

    def _predicted(self, feeds: Mapping[str, Any], state: State | None) -> dict[str, Any]:
        results = self.compute(feeds, state)
        return {feature.name: _handed_out(results[feature.name], feature) for feature in self.interface.outputs}

    def compute(self, feeds: Mapping[str, Any], state: State | None = None) -> dict[str, Any]:
        """Below the contract: images are float32 [1, C, H, W] in the declared order of channels, 0..255.

        Raises RuntimeError for feeds that the model cannot take.
        """
        for name, value in feeds.items():
            kind = self._features[name].type if name in self._features else None
            if isinstance(kind, ImageType):
                images.check_size(value, name, kind)
            elif isinstance(kind, ArrayType) and not self._rank5:
                shapes.check(value.shape, name, kind)
        return self._stage.run(self._with_defaults(feeds), state)

    def _feeds(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What the model computes on, from what was given."""
        for name in data:
            if name not in self._features:
                known = ", ".join(self._features)
                raise KeyError(f"the model has no input {name!r}; its inputs are: {known}")
        feeds: dict[str, Any] = {}
        for name, feature in self._features.items():
            kind = feature.type
            if isinstance(kind, ImageType):
                feeds[name] = images.to_array(data.get(name), name, kind)
            elif name in data:
                feeds[name] = self._converted(data[name], feature)
        return feeds

    def _converted(self, value: Any, feature: Feature) -> Any:
        if isinstance(feature.type, ArrayType):
            return shapes.to_array(value, feature.name, feature.type, rank5=self._rank5)
        if isinstance(feature.type, ScalarType) and feature.type.kind != "string":
            if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
                raise RuntimeError(f"input '{feature.name}' is a number, not {_shown(value)}")
            return float(value) if feature.type.kind == "double" else int(value)
        raise RuntimeError(f"input '{feature.name}' is of a kind that is not computed: {type(feature.type).__name__}")

    def _with_defaults(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        complete = dict(feeds)
        for name, feature in self._features.items():
            if name in complete or name in self._thresholds:
                continue
            if not feature.optional or not isinstance(feature.type, ArrayType):
                raise RuntimeError(f"input '{name}' is missing")
            complete[name] = shapes.default(feature, feature.type)
        return complete

    def close(self) -> None:
        """Give the memory back; predicting afterwards is an error."""
        self._stage.close()

    def __enter__(self) -> CoreMLModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _thresholds(rules: Rules | None) -> tuple[str, ...]:
    """Inputs that may always be left out: the model holds their values."""
    return () if rules is None else (rules.iou_input, rules.threshold_input)


def _handed_out(value: Any, feature: Feature) -> Any:
    """An output as MLModel gives it."""
    kind = feature.type
    if isinstance(kind, ImageType):
        return images.to_image(value, feature.name, kind)
    if isinstance(kind, ArrayType):
        array = shapes.declared(value, kind)
        return array.reshape(1) if array.ndim == 0 else array
    if isinstance(kind, ScalarType) and isinstance(value, np.ndarray):
        if value.size != 1 or kind.kind == "string":
            raise RuntimeError(f"output '{feature.name}' is one {kind.kind}, the model gives {value.shape}")
        return float(value.item()) if kind.kind == "double" else int(value.item())
    return value


def _shown(value: object) -> str:
    return f"a list of {type(value[0]).__name__}" if isinstance(value, list) and value else type(value).__name__
