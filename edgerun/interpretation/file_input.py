"""What a file's input and its outputs' names fix: claims about size, channels, and the steps of an integer input."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from edgerun.card import ModelCard
from edgerun.contract import Inference, TensorSpec
from edgerun.errors import ModelUnreadable
from edgerun.interpretation.claims import Claim, Objection, Standing
from edgerun.processing import quantization
from edgerun.processing.model_inputs import ImageInput
from edgerun.tensors import AnyArray

__all__ = [
    "BYTES_AS_THEY_ARE",
    "bytes_as_they_are",
    "fixed",
    "names_of_outputs",
    "open_sizes",
    "refuse_what_cannot_run",
    "steps",
]

BYTES_AS_THEY_ARE: Mapping[str, Any] = {"scale": 1.0, "mean": 0.0, "std": 1.0}
"""Fields by which 0 to 255 are fed."""

DEFAULT_SIDE = 640
"""Pixels, for models whose input takes any size."""

FEWEST_STEPS = 16
"""Distinct values of an integer input, below which an image is dark."""

SOURCE = "the file's input"


BEYOND_NUMPY = ("bfloat16", "float8", "float4", "int4", "uint4", "int2", "uint2")
"""Beginnings of the names of ONNX's types that numpy lacks. Source: onnx 1.23.2, TensorProto.DataType."""


def refuse_what_cannot_run(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], given: Collection[str], model: str
) -> None:
    """Refuse a model with inputs or outputs of types that numpy lacks, such as bfloat16, or with states.

    Args:
        inputs, outputs: of the session.
        given: names of inputs whose value is said.
        model: its name, for the message.

    Raises:
        ModelUnreadable: there is such an input or output.
    """
    for spec in inputs:
        if not _is_of_numbers(spec):
            raise ModelUnreadable(
                f"{model} takes an input {spec}, and numpy has no numbers of that type.",
                hint="export it with an input of float32, float16 or uint8",
            )
    for spec in outputs:
        if spec.dtype.startswith(BEYOND_NUMPY):
            raise ModelUnreadable(
                f"{model} gives an output {spec}, and numpy has no numbers of that type.",
                hint="export it with outputs of float32",
            )
    for spec in inputs:
        after = None if spec.name in given else _state_after(spec, outputs)
        if after is not None:
            raise ModelUnreadable(
                f"{model} carries a state from frame to frame, from its output {after.name} to its input {spec}, which "
                "edgerun does not.",
                hint=f'export it without the state; or hold it still, with inputs={{"{spec.name}": numpy.zeros(…)}}',
            )


def _is_of_numbers(spec: TensorSpec) -> bool:
    try:
        return np.dtype(spec.dtype).kind in "biuf"
    except TypeError:
        return False


STATES = re.compile(r"lstm|gru|rnn|state|hidden", re.IGNORECASE)
"""What inputs and outputs are called that hold a state. Source: tensorflow/models, research/lstm_object_detection
(raw_inputs/init_lstm_c and raw_outputs/lstm_c)."""


def _state_after(spec: TensorSpec, outputs: Sequence[TensorSpec]) -> TensorSpec | None:
    """The output that is to be fed to an input at the next frame; None where the input is not a state."""
    if not STATES.search(spec.name):
        return None
    alike = (output for output in outputs if output.shape == spec.shape and output.dtype == spec.dtype)
    return next((output for output in alike if STATES.search(output.name)), None)


def fixed(image: ImageInput, model: str) -> Claim:
    """What the input fixes: height and width that are not open, and "gray" for one channel."""
    fields: dict[str, Any] = {}
    grounds: dict[str, str] = {}
    hints: dict[str, str] = {}
    for name, size in (("height", image.height), ("width", image.width)):
        if size is not None:
            fields[name] = size
            grounds[name] = f"the input of {model} is fixed at {size}"
            hints[name] = "leave the size out, or export the model with a size that is free"
    if image.channels == 1:
        fields["color"] = "gray"
        grounds["color"] = f"{model} takes one channel"
        hints["color"] = 'leave the color out, or say "gray"'
    limit = partial(_objection_to_gray, model) if image.channels == 3 else None
    return Claim(SOURCE, fields, Standing.FIXED, grounds=grounds, hints=hints, limit=limit)


def _objection_to_gray(model: str, card: ModelCard) -> Objection | None:
    if card.color != "gray":
        return None
    return Objection(f"{model} takes three channels, not gray images.", 'say color="rgb" or "bgr"')


def open_sizes() -> Claim:
    """The size that is taken where neither the file nor anybody gives one."""
    sizes = {"height": DEFAULT_SIDE, "width": DEFAULT_SIDE}
    return Claim("default: the file takes any size", sizes, Standing.CONVENTION)


def bytes_as_they_are(image: ImageInput) -> Claim:
    """How an input of uint8 without a scale is fed: a normalisation by 1/255 or by a mean would leave nothing of an
    image in it, so that it is inside the graph, whatever the family is trained on.
    """
    takes_bytes = image.spec.dtype == "uint8" and image.spec.quantization is None
    fields = BYTES_AS_THEY_ARE if takes_bytes else {}
    return Claim(f"{SOURCE}, which holds bytes", fields, Standing.CONVENTION)


def names_of_outputs(outputs: Sequence[TensorSpec], model: str) -> Claim:
    """The outputs that there are: a card must not speak of others."""
    limit = partial(_objection_to_outputs, tuple(spec.name for spec in outputs), model)
    return Claim("the file's outputs", {}, Standing.FIXED, limit=limit)


def _objection_to_outputs(names: Sequence[str], model: str, card: ModelCard) -> Objection | None:
    absent = sorted(set(card.outputs) - set(names))
    if not absent:
        return None
    return Objection(
        f"The {card.source('outputs')} speaks of an output {absent[0]}, but {model} has none of that name.",
        "its outputs are " + ", ".join(names[:20]),
    )


def steps(image: ImageInput, model: str) -> Claim:
    """What an input of whole numbers can hold: a normalisation must leave something of an image in it.

    For the end of the list, since conventions may say how an image is normalised.
    """
    is_integer = np.dtype(image.spec.dtype).kind in "iu"
    limit = partial(_objection_to_normalisation, image.spec, model) if is_integer else None
    return Claim(SOURCE, {}, Standing.FIXED, limit=limit)


def _objection_to_normalisation(spec: TensorSpec, model: str, card: ModelCard) -> Objection | None:
    ends = _black_and_white(card)
    if spec.quantization is None:
        beyond = _objection_to_range(spec, model, card, ends)
        if beyond is not None:
            return beyond
    low, high = (quantization.store(end, spec).astype(np.int64) for end in ends)
    distance = np.abs(high - low).max()
    if distance >= FEWEST_STEPS:
        return None
    return Objection(
        f"With scale = {card.scale:.6g} ({card.source('scale')}) all pixels of an image become at most "
        f"{distance + 1} of the whole numbers that the input of {model} takes.",
        "say scale=1 where the model takes bytes as they are",
    )


def _objection_to_range(spec: TensorSpec, model: str, card: ModelCard, ends: AnyArray) -> Objection | None:
    """Where pixels would go beyond what the stored type holds."""
    limits = np.iinfo(spec.dtype)
    least, most = ends.min(), ends.max()
    if most > limits.max:
        return Objection(
            f"The input of {model} is {spec.dtype}, which ends at {limits.max}; pixels would go beyond it.",
            _how_brought_in(card),
        )
    if least < limits.min - 1:
        return Objection(
            f"The input of {model} is {spec.dtype}, which begins at {limits.min}; with mean = {card.mean} "
            f"({card.source('mean')}) pixels would go down to {least:.4g}.",
            "say mean=0, std=1, scale=1 where the model takes bytes as they are",
        )
    return None


def _how_brought_in(card: ModelCard) -> str:
    """The next step where pixels do not fit in; a graph that normalises them cannot be fed otherwise."""
    if card.source("scale").startswith(Inference.KIND):
        return "export it with an input of uint8 or float32"
    return "say how they are brought into it: scale=0.5, or mean=128"


def _black_and_white(card: ModelCard) -> AnyArray:
    """What pixels of 0 and of 255 become, float64 [2, 3]."""
    ends = np.array([[0.0], [255.0]]) * card.scale
    return np.asarray((ends - np.array(card.mean)) / np.array(card.std))
