"""From a Core ML file to an ONNX file that edgerun loads with the same card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.facts import Facts
from edgerun_coreml.file.description import describe, pipeline_models
from edgerun_coreml.file.feature_types import Feature, ImageType, Interface
from edgerun_coreml.file.package import ModelFile, open_model
from edgerun_coreml.file.wire import Message
from edgerun_coreml.onnx.graph import Graph, Value
from edgerun_coreml.onnx.join import absorb
from edgerun_coreml.onnx.onnx_writer import save
from edgerun_coreml.onnx.translation import PROBABILITIES
from edgerun_coreml.running.pipeline import PIPELINES, Choice, Weights, colors, interface_of, swapped, translate
from edgerun_coreml.running.suppression import Rules, emit, read_rules

CARD_VERSION: Final = 1
"""Of edgerun's sidecars."""


def convert(
    path: str | Path,
    out: str | Path,
    preprocess: Literal["card", "graph"] = "card",
    *,
    card: Mapping[str, Any] | None = None,
    function: str | None = None,
) -> Path:
    """Write the translation of a Core ML model as an ONNX file.

    Args:
        path: a ``.mlpackage``, a zip archive of one, or a ``.mlmodel``.
        out: the file to write; beside it lies ``<name>.data`` where the weights exceed 1 GiB.
        preprocess: "card" leaves the input as the network has it (an image becomes float32 [1, C, H, W], 0..255
            in the declared order of channels), and the card tells; "graph" makes it uint8 [1, H, W, 3],
            red-green-blue (or [1, H, W, 1], grey), and what the card tells becomes part of the graph.
        card: fields of edgerun's card, as its sidecar has them; None for those that the file itself settles.
        function: of a program with several; None for the default one.

    Returns:
        The path written. The card is in the metadata under the key "edgerun", beside the author's own keys. The
        thresholds of a suppression are inputs, float32 [1].

    Raises:
        ModelDamaged, ModelUnsupported: as `load` does; and where "graph" is asked for and no input is an image.
    """
    if preprocess not in ("card", "graph"):
        raise ValueError(f"preprocess must be 'card' or 'graph', not {preprocess!r}")
    file, out = open_model(path), Path(out)
    whole = _whole(file, Choice(function=function or ""))
    facts = Facts.of(file, whole.labels, function or "")
    fields = {**facts.card(), **(card or {})}
    if preprocess == "graph":
        whole = _with_preprocessing(whole, fields)
        fields |= {"color": "gray" if fields.get("color") == "gray" else "rgb"}
        fields |= {"scale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3}
    fields = {"edgerun": CARD_VERSION, **{key: value for key, value in fields.items() if key != "edgerun"}}
    whole.graph.prune()
    save(whole.graph, out, metadata={**facts.texts(), "edgerun": json.dumps(fields, ensure_ascii=False)})
    return out


@dataclass(frozen=True, slots=True)
class Whole:
    """A model as one graph."""

    graph: Graph
    interface: Interface
    labels: tuple[str, ...] | tuple[int, ...]


def _whole(file: ModelFile, choice: Choice) -> Whole:
    spec = file.spec
    if spec.which("Type") not in PIPELINES and spec.which("Type") != "nonMaximumSuppression":
        translation = translate(spec, file.weights, choice)
        labels = translation.classifier.labels if translation.classifier else ()
        return Whole(translation.graph, interface_of(spec, choice.function), labels)
    interface = describe(spec).interface
    joined = _Joined(interface, file.weights, choice)
    for stage in pipeline_models(spec) or [spec]:
        joined.add(stage)
    graph = joined.graph
    for feature in interface.outputs:
        if feature.name in joined.classified:
            continue
        value = joined.values.get(feature.name)
        if value is None:
            raise ModelUnsupported(
                f"the output '{feature.name}' is a label or a dictionary, which ONNX models have not"
            )
        graph.output(joined.in_order(feature, value), feature.name, value.shape)
    if joined.probabilities is not None:  # a label and a dictionary are read off them, with the card's labels
        graph.output(joined.probabilities, PROBABILITIES, joined.probabilities.shape)
    return Whole(graph, interface, joined.labels)


class _Joined:
    """A pipeline on its way into one graph."""

    def __init__(self, interface: Interface, weights: Weights, choice: Choice) -> None:
        self.graph = Graph()
        self.values: dict[str, Value] = {}
        self.labels: tuple[str, ...] | tuple[int, ...] = ()
        self.probabilities: Value | None = None
        self.classified: set[str] = set()
        """Outputs that a classifier makes of its probabilities."""
        self._inputs = {feature.name: feature for feature in interface.inputs}
        self._orders = colors(interface.inputs)
        self._weights, self._choice = weights, choice

    def add(self, stage: Message) -> None:
        """The next model of the pipeline."""
        kind = stage.which("Type")
        if kind in PIPELINES:
            for inner in pipeline_models(stage):
                self.add(inner)
        elif kind == "nonMaximumSuppression":
            self._suppress(read_rules(stage))
        else:
            self._translate(stage)

    def _translate(self, stage: Message) -> None:
        translation = translate(stage, self._weights, self._choice)
        interface = describe(stage).interface
        wanted = colors(interface.inputs)
        feeds = {}
        for value in translation.graph.inputs:
            given = self._turned(value.name, wanted.get(value.name, ""), self._value(value.name, value))
            feeds[value.name] = self.graph.cast(given, value.dtype)
        results = absorb(self.graph, translation.graph, feeds)
        self.values |= {port.name: results[port.tensor] for port in translation.outputs}
        self._orders |= colors(interface.outputs)
        for name, color in colors(interface.outputs).items():  # an image between two models has bytes
            if color == "grayscale_float16":
                continue
            whole = self.graph.emit("Round", [self.values[name]])
            limits = [self.graph.scalar(limit, np.float32) for limit in (0, 255)]
            self.values[name] = self.graph.emit("Clip", [whole, *limits], shape=self.values[name].shape)
        if translation.classifier is not None:
            self.labels = translation.classifier.labels
            self.probabilities = results[translation.classifier.tensor]
            numbers = {port.name for port in translation.outputs}
            self.classified |= {feature.name for feature in interface.outputs} - numbers

    def _turned(self, name: str, color: str, value: Value) -> Value:
        """An image in the order of channels that is wanted."""
        if not swapped(self._orders.get(name), color):
            return value
        return self.graph.emit("Gather", [value, self.graph.int64(2, 1, 0)], axis=1, shape=value.shape)

    def in_order(self, feature: Feature, value: Value) -> Value:
        """An output of the whole, images in the order that the whole declares."""
        return self._turned(feature.name, colors([feature]).get(feature.name, ""), value)

    def _value(self, name: str, like: Value | None = None) -> Value:
        """What goes by this name so far: a result, or an input of the whole, declared when it is first used."""
        if name not in self.values:
            if name not in self._inputs or like is None:
                raise ModelDamaged(f"the pipeline takes '{name}', which nothing gives")
            self.values[name] = self.graph.input(name, like.dtype, like.shape)
        return self.values[name]

    def _suppress(self, rules: Rules) -> None:
        numbers = Value("", np.dtype(np.float32), (1,))
        iou, threshold = (
            self._value_or(rules.iou_input, rules.iou, numbers),
            self._value_or(rules.threshold_input, rules.threshold, numbers),
        )
        confidence = self._value(
            rules.confidence_input, Value("", np.dtype(np.float32), (None, len(rules.labels) or None))
        )
        coordinates = self._value(rules.coordinates_input, Value("", np.dtype(np.float32), (None, 4)))
        kept = emit(self.graph, rules, confidence, coordinates, iou, threshold)
        self.values[rules.confidence_output], self.values[rules.coordinates_output] = kept
        self.labels = rules.labels

    def _value_or(self, name: str, otherwise: float, like: Value) -> Value:
        if name in self._inputs:
            return self._value(name, like)
        return self.graph.constant(np.array([otherwise], np.float32))


def _with_preprocessing(whole: Whole, fields: Mapping[str, Any]) -> Whole:
    """The graph with an input of bytes in place of the network's own."""
    name, gray = _image_input_of(whole)
    inner = next(value for value in whole.graph.inputs if value.name == name)
    if inner.shape is None or len(inner.shape) != 4 or inner.shape[1] not in (1, 3):
        raise ModelUnsupported(f"the input '{name}' is not an image [1, C, H, W]: preprocess='card' leaves it as it is")
    channels = 1 if gray or inner.shape[1] == 1 else 3
    graph = Graph()
    feeds: dict[str, Value] = {}
    for value in whole.graph.inputs:
        if value.name == name:
            given = graph.input(name, np.uint8, (1, inner.shape[2], inner.shape[3], channels))
            feeds[name] = _prepared(graph, given, inner, fields, channels)
        else:
            feeds[value.name] = graph.input(value.name, value.dtype, value.shape)
    results = absorb(graph, whole.graph, feeds)
    for value in whole.graph.outputs:
        graph.output(results[value.name], value.name, value.shape)
    return Whole(graph, whole.interface, whole.labels)


def _image_input_of(whole: Whole) -> tuple[str, bool]:
    """The input that is an image, and whether it is grey."""
    image_features = [feature for feature in whole.interface.inputs if isinstance(feature.type, ImageType)]
    if not image_features:
        image_features = [feature for feature in whole.interface.inputs if _shaped_like_an_image(feature, whole.graph)]
    if len(image_features) != 1:
        count = len(image_features)
        raise ModelUnsupported(f"{count} inputs are images, where one is needed: preprocess='card' takes any")
    kind = image_features[0].type
    return image_features[0].name, isinstance(kind, ImageType) and kind.channels == 1


def _shaped_like_an_image(feature: Feature, graph: Graph) -> bool:
    shape = next((value.shape for value in graph.inputs if value.name == feature.name), None)
    return shape is not None and len(shape) == 4 and shape[1] in (1, 3)


def _prepared(graph: Graph, given: Value, inner: Value, fields: Mapping[str, Any], channels: int) -> Value:
    """uint8 [1, H, W, C] as the network wants it: (pixel * scale - mean) / std, in its order of channels."""
    shape = (1, channels, *inner.shape[2:]) if inner.shape else None
    value = graph.emit("Transpose", [graph.cast(given, np.float32)], perm=[0, 3, 1, 2], shape=shape)
    if fields.get("color") == "bgr":
        value = graph.emit("Gather", [value, graph.int64(2, 1, 0)], axis=1, shape=shape)
    scale = float(fields.get("scale", 1 / 255))
    mean = np.resize(np.array(fields.get("mean", 0.0), np.float64), channels)
    std = np.resize(np.array(fields.get("std", 1.0), np.float64), channels)
    if scale != 1 or (std != 1).any():
        gain = (scale / std).astype(np.float32).reshape(-1, 1, 1)
        value = graph.emit("Mul", [value, graph.constant(gain)], shape=shape)
    if mean.any():
        value = graph.emit(
            "Sub", [value, graph.constant((mean / std).astype(np.float32).reshape(-1, 1, 1))], shape=shape
        )
    return graph.cast(value, inner.dtype)
