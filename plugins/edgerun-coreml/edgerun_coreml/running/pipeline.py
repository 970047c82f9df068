"""From a model of any kind to something that runs: one stage, or several in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from edgerun_coreml import mil
from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.blob import BlobFile
from edgerun_coreml.file.description import describe, pipeline_models
from edgerun_coreml.file.feature_types import ArrayType, Feature, ImageType, Interface
from edgerun_coreml.file.wire import Message
from edgerun_coreml.onnx.translation import Precision, Translation
from edgerun_coreml.running import images, shapes
from edgerun_coreml.running.classifier import Labels
from edgerun_coreml.running.single import Network
from edgerun_coreml.running.states import State
from edgerun_coreml.running.suppression import Suppression

if TYPE_CHECKING:
    import onnxruntime as ort

Array = npt.NDArray[Any]
Weights = Callable[[str], BlobFile]

NETWORKS: Final = ("neuralNetwork", "neuralNetworkClassifier", "neuralNetworkRegressor")
PIPELINES: Final = ("pipeline", "pipelineClassifier", "pipelineRegressor")

MAX_STAGES: Final = 64
"""Models in a pipeline; the longest known has six."""


class Stage(Protocol):
    """Something that computes features from features, by their names in the file.

    Images are float32 [1, C, H, W] in the declared order of channels, 0..255; arrays are numpy arrays; numbers,
    texts and dictionaries are Python's.
    """

    @property
    def interface(self) -> Interface:
        """What goes in and comes out."""

    @property
    def labels(self) -> Labels:
        """Class names in order; () where there are none."""

    def run(self, feeds: Mapping[str, Any], state: State | None) -> dict[str, Any]:
        """Compute all outputs. Raises RuntimeError for feeds that the model cannot take."""

    def buffers(self) -> tuple[dict[str, Array], dict[str, str]]:
        """New buffers of the states, all zero, and the kind of each."""

    def sessions(self) -> list[ort.InferenceSession]:
        """The open sessions."""

    def close(self) -> None:
        """Give the memory back."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model is to be opened.

    ``function`` names one of a program with several, "" is the default one. ``threads`` None leaves the number
    to ONNX Runtime.
    """

    precision: Precision = "fp32"
    function: str = ""
    threads: int | None = None


def build(spec: Message, weights: Weights, choice: Choice) -> Stage:
    """Translate and open a model of any kind.

    Raises :class:`ModelUnsupported` with everything that is not supported, or :class:`ModelDamaged`.
    """
    kind = spec.which("Type")
    if choice.function and kind != "mlProgram":
        raise ModelUnsupported(f"a function {choice.function!r}: only ML Programs have functions")
    if kind in PIPELINES:
        return Pipeline(spec, weights, choice)
    if kind == "nonMaximumSuppression":
        return Suppression(spec)
    translation = translate(spec, weights, choice)
    return Network(translation, interface_of(spec, choice.function), choice.threads)


def translate(spec: Message, weights: Weights, choice: Choice) -> Translation:
    """The graph of an ML Program or a NeuralNetwork."""
    kind = spec.which("Type")
    if kind == "mlProgram":
        return mil.translate(spec, weights, function=choice.function, precision=choice.precision)
    if kind in NETWORKS:
        from edgerun_coreml import nn

        return nn.translate(spec, precision=choice.precision)
    raise ModelUnsupported(f"a model of the kind {kind}: ML Programs, neural networks and pipelines of them are read")


def interface_of(spec: Message, function: str) -> Interface:
    """The features of the function that is meant; those of the model where it has only one."""
    description = describe(spec)
    if not description.functions:
        return description.interface
    name = function or description.default_function
    if name not in description.functions:
        if function:
            known = ", ".join(sorted(description.functions))
            raise ModelUnsupported(f"there is no function {function!r}; there are: {known}")
        return description.interface
    return description.functions[name]


class Pipeline:
    """Models that run one after the other, each seeing what came before."""

    def __init__(self, spec: Message, weights: Weights, choice: Choice) -> None:
        models = pipeline_models(spec)
        if not 0 < len(models) <= MAX_STAGES:
            raise ModelDamaged(f"a pipeline of {len(models)} models")
        self.interface = describe(spec).interface
        self.stages: list[Stage] = []
        problems: list[str] = []
        for number, model in enumerate(models, 1):
            try:
                self.stages.append(build(model, weights, choice))
            except ModelUnsupported as cause:
                place = f"model {number} of the pipeline ({model.which('Type') or 'nothing'})"
                problems += [f"{place}: {problem}" for problem in cause.problems]
        if problems:
            raise ModelUnsupported(problems)
        self._wired()

    @property
    def labels(self) -> Labels:
        """Those of the last stage that has any."""
        return next((stage.labels for stage in reversed(self.stages) if stage.labels), ())

    @property
    def suppression(self) -> Suppression | None:
        """The stage that suppresses; None where there is none."""
        return next((stage for stage in reversed(self.stages) if isinstance(stage, Suppression)), None)

    def _wired(self) -> None:
        """See that every stage finds its inputs. Raises :class:`ModelDamaged`."""
        there = {feature.name for feature in self.interface.inputs}
        for number, stage in enumerate(self.stages, 1):
            for feature in stage.interface.inputs:
                if feature.name not in there and not feature.optional:
                    raise ModelDamaged(f"model {number} of the pipeline takes '{feature.name}', which nothing gives")
            there |= {feature.name for feature in stage.interface.outputs}
        for feature in self.interface.outputs:
            if feature.name not in there:
                raise ModelDamaged(f"the pipeline is to give '{feature.name}', which none of its models gives")

    def run(self, feeds: Mapping[str, Any], state: State | None) -> dict[str, Any]:
        """Run all stages."""
        known = dict(feeds)
        orders = colors(self.interface.inputs)
        for stage in self.stages:
            given = dict(known)
            for feature in stage.interface.inputs:
                if feature.name not in given and isinstance(feature.type, ArrayType):
                    given[feature.name] = shapes.default(feature, feature.type)
                elif isinstance(feature.type, ImageType) and swapped(orders.get(feature.name), feature.type.color):
                    given[feature.name] = given[feature.name][:, ::-1]
            results = stage.run(given, state)
            known |= {feature.name: _passed_on(results[feature.name], feature) for feature in stage.interface.outputs}
            orders |= colors(stage.interface.outputs)
        return _in_order(known, orders, self.interface.outputs)

    def buffers(self) -> tuple[dict[str, Array], dict[str, str]]:
        """Those of all stages."""
        arrays: dict[str, Array] = {}
        kinds: dict[str, str] = {}
        for stage in self.stages:
            more, their_kinds = stage.buffers()
            arrays |= more
            kinds |= their_kinds
        return arrays, kinds

    def sessions(self) -> list[ort.InferenceSession]:
        """Those of all stages."""
        return [session for stage in self.stages for session in stage.sessions()]

    def close(self) -> None:
        """Close all stages."""
        for stage in self.stages:
            stage.close()


def colors(features: Iterable[Feature]) -> dict[str, str]:
    """Name of each image -> its declared colour space."""
    return {feature.name: feature.type.color for feature in features if isinstance(feature.type, ImageType)}


def swapped(have: str | None, want: str) -> bool:
    """Whether red and blue change places between two models: an image between them has no order of its own."""
    return {have, want} == {"rgb", "bgr"}


def _in_order(known: dict[str, Any], orders: Mapping[str, str], outputs: Iterable[Feature]) -> dict[str, Any]:
    """The values with images in the order that the pipeline itself declares."""
    for name, color in colors(outputs).items():
        if swapped(orders.get(name), color):
            known[name] = known[name][:, ::-1]
    return known


def _passed_on(value: Any, feature: Feature) -> Any:
    """A feature as Core ML keeps it between two models: images in bytes, arrays in the declared type."""
    if isinstance(feature.type, ImageType) and isinstance(value, np.ndarray):
        return images.stored(value, feature.type)
    if isinstance(feature.type, ArrayType) and isinstance(value, np.ndarray):
        return shapes.declared(value, feature.type)
    return value
