"""What a model says about itself: its features, functions, labels and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.feature_types import (
    ArrayType,
    Color,
    DictionaryType,
    Feature,
    FeatureType,
    ImageType,
    Interface,
    ScalarType,
    SequenceType,
    SizeRange,
    StateType,
)
from edgerun_coreml.file.wire import Message

MINIMUM_OS: Mapping[int, str] = MappingProxyType(
    {
        1: "iOS 11, macOS 10.13",
        2: "iOS 11.2, macOS 10.13.2",
        3: "iOS 12, macOS 10.14",
        4: "iOS 13, macOS 10.15",
        5: "iOS 14, macOS 11",
        6: "iOS 15, macOS 12",
        7: "iOS 16, macOS 13",
        8: "iOS 17, macOS 14",
        9: "iOS 18, macOS 15",
        10: "iOS 26, macOS 26",
    }
)
"""Specification version to the first systems that read it."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the author wrote about the model; ``user`` holds the free keys."""

    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    user: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """``kind`` names the model's type: mlProgram, neuralNetwork, pipeline, nonMaximumSuppression, …"""

    kind: str
    specification_version: int
    interface: Interface
    functions: Mapping[str, Interface]
    default_function: str
    metadata: Metadata
    labels: tuple[str, ...] | tuple[int, ...] = ()
    """Class labels held by the model's message; those of an ML Program lie in its ``classify`` operation."""

    @property
    def minimum_os(self) -> str:
        """The first systems that run the model."""
        return MINIMUM_OS.get(self.specification_version, "a later system than this version knows of")


def describe(spec: Message) -> ModelDescription:
    """Read the description of a message ``Model``. Raises :class:`ModelDamaged` for impossible features."""
    description = spec.description
    return ModelDescription(
        kind=spec.which("Type"),
        specification_version=spec.specificationVersion,
        interface=_interface(description),
        functions={function.name: _interface(function) for function in description.functions},
        default_function=description.defaultFunctionName,
        metadata=_metadata(description.metadata),
        labels=class_labels(spec),
    )


def class_labels(spec: Message) -> tuple[str, ...] | tuple[int, ...]:
    """The labels in a NeuralNetwork classifier, an NMS model, or the last labelled model of a pipeline."""
    if not spec.which("Type"):
        return ()
    model: Message = getattr(spec, spec.which("Type"))
    kind = model.which("ClassLabels")
    if kind == "stringClassLabels":
        return tuple(model.stringClassLabels.vector)
    if kind == "int64ClassLabels":
        return tuple(model.int64ClassLabels.vector.tolist())
    for stage in reversed(pipeline_models(spec)):
        if labels := class_labels(stage):
            return labels
    return ()


def pipeline_models(spec: Message) -> list[Message]:
    """The models of a pipeline of any kind in their order; empty for a model that is not a pipeline."""
    kind = spec.which("Type")
    if kind == "pipeline":
        return list(spec.pipeline.models)
    if kind in ("pipelineClassifier", "pipelineRegressor"):
        return list(getattr(spec, kind).pipeline.models)
    return []


def _metadata(message: Message) -> Metadata:
    user = MappingProxyType(dict(message.userDefined))
    return Metadata(message.shortDescription, message.versionString, message.author, message.license, user)


def _interface(message: Message) -> Interface:
    return Interface(
        inputs=tuple(map(_feature, message.input)),
        outputs=tuple(map(_feature, message.output)),
        states=tuple(map(_feature, message.state)),
        predicted_feature=message.predictedFeatureName,
        predicted_probabilities=message.predictedProbabilitiesName,
    )


def _feature(message: Message) -> Feature:
    kind = message.type.which("Type")
    return Feature(
        name=message.name,
        type=_feature_type(message.name, kind, message.type),
        optional=message.type.isOptional,
        description=message.shortDescription,
    )


def _feature_type(name: str, kind: str, message: Message) -> FeatureType:
    if kind == "multiArrayType":
        return _array_type(message.multiArrayType)
    if kind == "imageType":
        return _image_type(name, message.imageType)
    if kind == "int64Type":
        return ScalarType("int64")
    if kind == "doubleType":
        return ScalarType("double")
    if kind == "stringType":
        return ScalarType("string")
    if kind == "dictionaryType":
        return DictionaryType("int64" if message.dictionaryType.which("KeyType") == "int64KeyType" else "string")
    if kind == "sequenceType":
        sequence = message.sequenceType
        element: Literal["int64", "string"] = "int64" if sequence.which("Type") == "int64Type" else "string"
        return SequenceType(element, _size_range(sequence.sizeRange) if sequence.has("sizeRange") else None)
    if kind == "stateType":
        return StateType(_array_type(message.stateType.arrayType))
    raise ModelDamaged(f"feature {name!r} has no type")


_ARRAY_TYPES = {
    "FLOAT16": "float16",
    "FLOAT32": "float32",
    "DOUBLE": "float64",
    "INT32": "int32",
    "INT8": "int8",
    "INVALID_ARRAY_DATA_TYPE": "float32",
}


def _array_type(message: Message) -> ArrayType:
    default = message.which("defaultOptionalValue")
    if message.dataType not in _ARRAY_TYPES:
        raise ModelDamaged(f"an array of unknown type {message.dataType}")
    return ArrayType(
        dtype=_ARRAY_TYPES[message.dataType],
        shape=tuple(message.shape.tolist()),
        shapes=tuple(tuple(shape.shape.tolist()) for shape in message.enumeratedShapes.shapes),
        ranges=tuple(map(_size_range, message.shapeRange.sizeRanges)),
        default=getattr(message, default) if default else None,
    )


_COLORS: Mapping[str, Color] = {
    "GRAYSCALE": "grayscale",
    "RGB": "rgb",
    "BGR": "bgr",
    "GRAYSCALE_FLOAT16": "grayscale_float16",
}


def _image_type(name: str, message: Message) -> ImageType:
    if message.colorSpace not in _COLORS:
        raise ModelDamaged(f"image {name!r} has no colour space")
    flexible = message.which("SizeFlexibility")
    ranges = message.imageSizeRange
    return ImageType(
        width=message.width,
        height=message.height,
        color=_COLORS[message.colorSpace],
        sizes=tuple((size.width, size.height) for size in message.enumeratedSizes.sizes),
        width_range=_size_range(ranges.widthRange) if flexible == "imageSizeRange" else None,
        height_range=_size_range(ranges.heightRange) if flexible == "imageSizeRange" else None,
    )


def _size_range(message: Message) -> SizeRange:
    upper = message.upperBound
    return SizeRange(max(message.lowerBound, 0), None if upper < 0 else upper)
