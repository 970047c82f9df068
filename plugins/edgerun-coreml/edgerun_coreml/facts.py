"""What edgerun is told of a model: its inputs and outputs as tensors, its description as metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from edgerun.tensors import TensorSpec
from edgerun_coreml.file.description import ModelDescription, describe, pipeline_models
from edgerun_coreml.file.feature_types import ArrayType, DictionaryType, Feature, ImageType, Interface, ScalarType
from edgerun_coreml.file.package import ModelFile
from edgerun_coreml.running import shapes
from edgerun_coreml.running.classifier import Labels
from edgerun_coreml.running.pipeline import interface_of
from edgerun_coreml.running.suppression import Rules, read_rules

PREFIX: Final = "coreml."
"""Of the keys that are made here; what the author wrote into the file keeps its own."""


THRESHOLDS: Final = ("iouThreshold", "confidenceThreshold")
"""Names that every exporter gives to the thresholds of a suppression."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A model's description, and the rules of its suppression where it has one."""

    description: ModelDescription
    interface: Interface
    rules: Rules | None
    labels: Labels

    @staticmethod
    def of(file: ModelFile, labels: Labels = (), function: str = "") -> Facts:
        """Read off the file; ``labels`` are those that a program holds inside."""
        description = describe(file.spec)
        rules = next(
            (read_rules(stage) for stage in (file.spec, *pipeline_models(file.spec)) if _suppresses(stage)), None
        )
        return Facts(description, interface_of(file.spec, function), rules, description.labels or labels)

    def inputs(self) -> list[TensorSpec]:
        """Images as float32 [1, C, H, W], 0..255 in the declared order of channels; thresholds as float64 [1].

        Inputs that have values of their own are left out, but for thresholds that edgerun knows by name.
        """
        own = () if self.rules is None else (self.rules.iou_input, self.rules.threshold_input)
        specs = [
            input_spec(feature)
            for feature in self.interface.inputs
            if (feature.name in THRESHOLDS if feature.name in own else not feature.optional)
        ]
        return [spec for spec in specs if spec is not None]

    def outputs(self) -> list[TensorSpec]:
        """Arrays, images as float32 [1, C, H, W], probabilities as float32 [1, C].

        Empty where the file does not say the shape of one of them.
        """
        specs = [output_spec(feature, len(self.labels)) for feature in self.interface.outputs if carried(feature)]
        return [] if None in specs else [spec for spec in specs if spec is not None]

    def metadata(self) -> dict[str, str | bytes]:
        """The author's own keys as they are, and the description under keys with a prefix."""
        known = self.texts()
        if self.labels:
            known[PREFIX + "labels"] = json.dumps([str(label) for label in self.labels], ensure_ascii=False)
        known |= {PREFIX + key: value for key, value in _image_facts(self.interface.inputs).items()}
        if flexible := {item.name: sizes for item in self.interface.inputs if (sizes := _flexible(item))}:
            known[PREFIX + "flexible"] = json.dumps(flexible)
        if self.rules is not None:
            known[PREFIX + "suppression"] = json.dumps(_rules(self.rules))
        return dict(known)

    def texts(self) -> dict[str, str]:
        """The author's own keys as they are, and what the description says for people."""
        description = self.description
        known: dict[str, str] = {
            "kind": description.kind,
            "specification_version": str(description.specification_version),
            "minimum_os": description.minimum_os,
            "description": description.metadata.description,
            "author": description.metadata.author,
            "license": description.metadata.license,
            "version": description.metadata.version,
        }
        return dict(description.metadata.user) | {PREFIX + key: value for key, value in known.items() if value}

    def card(self) -> dict[str, Any]:
        """Fields of edgerun's card that the description settles, as JSON takes them."""
        fields: dict[str, Any] = {}
        image_types = [feature.type for feature in self.interface.inputs if isinstance(feature.type, ImageType)]
        if len(image_types) == 1:
            (kind,) = image_types
            fields["color"] = "gray" if kind.channels == 1 else kind.color
            if kind.color != "grayscale_float16":
                fields |= {"scale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3}
        if self.labels:
            fields["labels"] = [str(label) for label in self.labels]
        if self.rules is not None:
            roles = {self.rules.confidence_output: "confidence", self.rules.coordinates_output: "coordinates"}
            fields |= {"suppressed": True, "box_units": "unit", "outputs": roles}
            fields |= {"conf": self.rules.threshold, "iou": self.rules.iou}
        return fields


def _flexible(feature: Feature) -> dict[str, Any]:
    """Sizes that an input may have besides its own, images as (width, height); no bound is None."""
    kind = feature.type
    if isinstance(kind, ImageType):
        several: Sequence[Sequence[int]] = kind.sizes
        ranges = [r for r in (kind.width_range, kind.height_range) if r is not None]
    elif isinstance(kind, ArrayType):
        several, ranges = kind.shapes, list(kind.ranges)
    else:
        return {}
    if several:
        return {"enumerated": [list(sizes) for sizes in several]}
    return {"ranges": [[each.lower, each.upper] for each in ranges]} if ranges else {}


def _suppresses(stage: Any) -> bool:
    return bool(stage.which("Type") == "nonMaximumSuppression")


def _rules(rules: Rules) -> Mapping[str, Any]:
    return {
        "confidence": rules.confidence_output,
        "coordinates": rules.coordinates_output,
        "iou": rules.iou,
        "conf": rules.threshold,
        "iou_input": rules.iou_input,
        "conf_input": rules.threshold_input,
        "per_class": rules.per_class,
    }


def _image_facts(inputs: Iterable[Feature]) -> dict[str, str]:
    image_inputs = [(feature.name, feature.type) for feature in inputs if isinstance(feature.type, ImageType)]
    if len(image_inputs) != 1:
        return {}
    name, kind = image_inputs[0]
    return {
        "image": name,
        "image_color": kind.color,
        "image_width": str(kind.width),
        "image_height": str(kind.height),
    }


def input_spec(feature: Feature) -> TensorSpec | None:
    """An input as a tensor; None for what is none."""
    kind = feature.type
    if isinstance(kind, ImageType):
        return TensorSpec(feature.name, (1, kind.channels, *_sizes(kind)), "float32")
    if isinstance(kind, ArrayType):
        return TensorSpec(feature.name, shapes.dimensions(kind), _stored(kind))
    if isinstance(kind, ScalarType) and kind.kind != "string":
        return TensorSpec(feature.name, (1,), "float64" if kind.kind == "double" else "int64")
    return None


def _sizes(kind: ImageType) -> tuple[int | None, int | None]:
    """Height and width, None where the size may vary."""
    if kind.sizes:
        heights, widths = {h for _, h in kind.sizes} | {kind.height}, {w for w, _ in kind.sizes} | {kind.width}
        return (kind.height if len(heights) == 1 else None), (kind.width if len(widths) == 1 else None)
    if kind.height_range is None or kind.width_range is None:
        return kind.height, kind.width
    fixed = [r.lower if r.lower == r.upper else None for r in (kind.height_range, kind.width_range)]
    return fixed[0], fixed[1]


def _stored(kind: ArrayType) -> str:
    return "int32" if kind.dtype in ("int8", "int32") else "float32"


def carried(feature: Feature) -> bool:
    """Whether an output is numbers: a label alone is not, its probabilities are."""
    return isinstance(feature.type, (ArrayType, ImageType, DictionaryType))


def output_spec(feature: Feature, labels: int) -> TensorSpec | None:
    """An output as a tensor; None for what is none, and where its shape is not told."""
    kind = feature.type
    if isinstance(kind, ImageType):
        return TensorSpec(feature.name, (1, kind.channels, *_sizes(kind)))
    if isinstance(kind, DictionaryType):
        return TensorSpec(feature.name, (1, labels)) if labels else None
    if isinstance(kind, ArrayType):
        sizes = shapes.dimensions(kind)
        return TensorSpec(feature.name, sizes, _handed_out(kind)) if sizes else None
    return None


def _handed_out(kind: ArrayType) -> str:
    return "float32" if kind.dtype == "float16" else kind.dtype


def as_array(value: Any, feature: Feature) -> Any:
    """An output as `Facts.outputs` announces it."""
    if isinstance(feature.type, DictionaryType):
        return np.array([list(value.values())], np.float32)
    if isinstance(feature.type, ArrayType):
        return np.ascontiguousarray(shapes.declared(value, feature.type))
    return np.ascontiguousarray(value, np.float32)
