"""Heads of a family, made up: objects go in, the outputs of a network come out, and the kit knows what must be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from edgerun import Detections, Detector
from edgerun.card import ModelCard, checked
from edgerun.contract import Arrays, Candidates, Decoder, Delegate, Evidence, Frame, Health, Match, TensorSpec
from edgerun.interpretation import decoder_choice
from edgerun.runtime.registry import Registry
from edgerun.tensors import AnyArray

__all__ = ["LARGE", "SIZES", "Encode", "Head", "Reading", "as_floats"]

Size = tuple[int, int]
"""Height and width of a model's input."""

Encode = Callable[[AnyArray, int, int, np.random.Generator], Arrays]
"""(objects [N, 6], height, width, random) -> outputs that hold these objects and, everywhere else, nothing.

An object is x1, y1, x2, y2 in pixels of the model's input, score and class; its keypoints, where the head has some, lie
at its corners and middle: top left, top right, centre, bottom left, bottom right. Outputs have a batch axis of 1.
"""

Read = Callable[[Arrays, float], Candidates]
"""(outputs, least score) -> what is read."""

SIZES: tuple[Size, ...] = ((320, 320), (256, 416), (512, 384), (736, 1280), (330, 410))
"""Of every shape; the last is one that no stride divides."""

LARGE: Size = (1280, 1280)


@dataclass(frozen=True)
class Head:
    """How the outputs of one kind of head are made up.

    Attributes:
        encode: see `Encode`.
        decoder: the name of the decoder that must read it; "" for the head's own name, up to a "/".
        sizes: inputs that the head may have; tests of one size take the first.
        large: one at which it has 10,000 rows and more; None for heads of a fixed length.
        classes, count: how many classes and objects to make up.
        of_classes: (number of classes) -> how a head of so many is encoded; None where a family has just `classes`.
        keypoints: how many each object has; 0 for none.
        objects: (height, width, random) -> the objects, for heads that do not hold any others.
        layout: of the image input.
        image_name, dtype: of the image input.
        further_inputs: names of other inputs.
        card: fields that the user must give, by name.
        arguments: further ones that the user must give only where no network can be run, as here.
        rivals: names of decoders that read it as well, so that it is refused until the user names one.
        score_tolerance: how far a score may be off.
    """

    encode: Encode
    decoder: str = ""
    sizes: Sequence[Size] = SIZES
    large: Size | None = LARGE
    classes: int = 4
    count: int = 3
    of_classes: Callable[[int], Encode] | None = None
    keypoints: int = 0
    objects: Callable[[int, int, np.random.Generator], AnyArray] | None = None
    layout: Literal["chw", "hwc"] = "chw"
    image_name: str = "images"
    dtype: str = "float32"
    further_inputs: Sequence[str] = ()
    card: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    rivals: Sequence[str] = ()
    score_tolerance: float = 1e-5

    def encoded(self, objects: AnyArray, size: Size, seed: int = 1) -> dict[str, AnyArray]:
        """The outputs that hold these objects."""
        return dict(self.encode(objects, *size, np.random.default_rng(seed)))

    def made_up(self, size: Size, seed: int = 0) -> AnyArray:
        """Objects float64 [N, 6] that it can hold: x1 y1 x2 y2 score class."""
        random = np.random.default_rng(seed)
        if self.objects is not None:
            return self.objects(*size, random)
        return _boxes(self.count, *size, self.classes, random)

    def is_stackable(self) -> bool:
        """Whether all outputs have an axis for the images of a batch."""
        outputs = self.encoded(np.empty((0, 6)), self.sizes[0], seed=0)
        return all(array.ndim and array.shape[0] == 1 for array in outputs.values())

    def image(self, size: Size, batch: int | None = 1) -> TensorSpec:
        """The image input."""
        height, width = size
        shape = (batch, height, width, 3) if self.layout == "hwc" else (batch, 3, height, width)
        return TensorSpec(self.image_name, shape, self.dtype)

    def evidence(self, size: Size, outputs: Arrays, /, *, blank: Arrays | None = None, **fields: Any) -> Evidence:
        """What is known of a model with these outputs.

        Args:
            size: of its input.
            outputs: of its trial run.
            blank: of the trial run on an empty image; None for the same.
            **fields: of the card, besides the head's own.
        """
        height, width = size
        card = _card({**self.card, **fields, "height": height, "width": width})
        restored = as_floats(outputs)
        runs = {"textured": restored, "blank": restored if blank is None else as_floats(blank)}
        further = [TensorSpec(name, (1, 2), "int64") for name in self.further_inputs]
        specs = [TensorSpec(name, array.shape, str(array.dtype)) for name, array in outputs.items()]
        image = self.image(size)
        return Evidence([image, *further], specs, image, card, MappingProxyType({}), lambda kind: dict(runs[kind]))


@dataclass(frozen=True)
class Reading:
    """Reads made-up outputs as a detector does, with these decoders to choose from."""

    decoders: Sequence[Decoder]

    def named(self, name: str) -> Decoder:
        """The decoder of this name."""
        return next(decoder for decoder in self.decoders if decoder.name == name)

    def reader(self, head: Head, size: Size, probe: Arrays, labels: Sequence[str] = ()) -> tuple[str, Read]:
        """The name of the decoder that is chosen, and how it reads float32 outputs, in pixels of the model's input.

        Args:
            head: that the outputs are of.
            size: of the model's input.
            probe: outputs of the trial run, by which the decoder is chosen.
            labels: that the user gives; () for none beside the head's own.
        """
        given: dict[str, Any] = {"labels": labels} if labels else {}
        if head.rivals:
            given["decoder"] = head.decoder
        known = head.evidence(size, probe, **given)
        choice = decoder_choice.choose(known, self.decoders)
        card = _with_conventions(known.card, choice.match)

        def read(outputs: Arrays, conf: float) -> Candidates:
            return _in_pixels(choice.decode(outputs, Frame(*size, conf, card)), card)

        return choice.decoder.name, read

    def candidates(
        self, head: Head, size: Size, outputs: Arrays, *, conf: float = 0.25, probe: Arrays | None = None
    ) -> tuple[str, Candidates]:
        """The name of the decoder that is chosen, and what it reads, in pixels of the model's input.

        Args:
            head: that the outputs are of.
            size: of the model's input.
            outputs: to be read.
            conf: least score.
            probe: outputs of the trial run, by which the decoder is chosen; None for the same.
        """
        name, read = self.reader(head, size, outputs if probe is None else probe)
        return name, read(as_floats(outputs), conf)

    def detections(
        self, head: Head, size: Size, answers: Sequence[Arrays], *, batch: int | None, path: Path
    ) -> list[Detections]:
        """What a `Detector` finds in as many images of just the model's size, the model giving these outputs.

        Args:
            head: that the outputs are of.
            size: of the model's input.
            answers: outputs for each image; the first are also those of trial runs.
            batch: images a run; None where the file leaves it open.
            path: where the model's file may be written.
        """
        decoder = self.named(head.decoder)
        session = _Session(head, size, answers[0], batch, partial(_stacked, numbered=not decoder.batched))
        path.write_bytes(b"made up")
        given = {**head.card, **head.arguments}
        if head.rivals:
            given["decoder"] = head.decoder
        if None in session.inputs[0].shape[1:]:
            given["imgsz"] = size
        registry = Registry(backends=[_Backend(session)], decoders=list(self.decoders))
        with Detector.load(path, registry=registry, **given) as detector:
            session.waiting = list(answers)
            image = np.zeros((*size, 3), np.uint8)
            return list(detector([image] * len(answers), nms="none", conf=0.25))


def _boxes(count: int, height: int, width: int, classes: int, random: np.random.Generator) -> AnyArray:
    """Objects that lie inside and differ in place, size, shape and class."""
    rows = []
    for number in range(count):
        wide, high = random.uniform(0.12, 0.35, 2) * (min(width, 320), min(height, 320))
        x, y = random.uniform(0.02, 0.98, 2) * (width - wide - 4, height - high - 4) + 2
        rows.append((x, y, x + wide, y + high, random.uniform(0.5, 0.95), number * 7 % classes))
    return np.array(rows).reshape(-1, 6)


def as_floats(outputs: Arrays) -> dict[str, AnyArray]:
    """Outputs as a decoder is given them; the caller's own arrays."""
    return {name: array.astype(np.float32) for name, array in outputs.items()}


def _card(fields: Mapping[str, Any]) -> ModelCard:
    """A card of what the user gives."""
    values = {name: checked(name, value, "argument") for name, value in fields.items()}
    return ModelCard(**values, sources=MappingProxyType(dict.fromkeys(values, "argument")))


def _with_conventions(card: ModelCard, match: Match) -> ModelCard:
    """The card with what the family brings, where the user gives nothing else."""
    brought = {
        name: checked(name, value, match.basis[name])
        for name, value in match.conventions.items()
        if name not in card.sources
    }
    return replace(card, **brought)


def _in_pixels(candidates: Candidates, card: ModelCard) -> Candidates:
    """Boxes and keypoints in pixels of the model's input."""
    if card.box_units == "pixels":
        return candidates
    size = np.array([card.width, card.height], np.float32)
    scaled = replace(candidates, boxes=candidates.boxes * np.tile(size, 2))
    if candidates.keypoints is None:
        return scaled
    return replace(scaled, keypoints=candidates.keypoints * np.append(size, np.float32(1)))


def _stacked(answers: Sequence[Arrays], *, numbered: bool) -> Arrays:
    """Outputs of several images as a model gives them: along the first axis, or in one list with the image's number."""
    join = _listed if numbered else np.concatenate
    return {name: join([answer[name] for answer in answers]).astype(array.dtype) for name, array in answers[0].items()}


def _listed(tables: Sequence[AnyArray]) -> AnyArray:
    """Tables [..., N, columns] as one list, where the first column is the number of their image; others stacked."""
    if tables[0][..., 0].any():
        return np.concatenate(tables)
    numbered = [table.copy() for table in tables]
    for number, table in enumerate(numbered):
        table[..., 0] = number
    return np.concatenate(numbered, axis=-2)


class _Session:
    """Gives made-up outputs, one after the other for each image; those of the trial run before."""

    delegate = "cpu"
    metadata: Mapping[str, str | bytes] = MappingProxyType({})

    def __init__(
        self, head: Head, size: Size, probe: Arrays, batch: int | None, stacked: Callable[[Sequence[Arrays]], Arrays]
    ) -> None:
        image = head.image(size, batch)
        if batch is None and head.layout == "chw":  # a file that leaves all sizes open
            image = replace(image, shape=(None, 3, None, None))
        self.inputs = [image]
        self.waiting: list[Arrays] = []
        self._probe, self._stacked = probe, stacked
        self.outputs = [
            TensorSpec(name, (batch, *array.shape[1:]) if batch is None else array.shape, str(array.dtype))
            for name, array in stacked([probe] * (batch or 1)).items()
        ]

    def run(self, feeds: Arrays) -> Arrays:
        count = len(feeds[self.inputs[0].name])
        return self._stacked([self.waiting.pop(0) if self.waiting else self._probe for _ in range(count)])

    def coverage(self) -> None:
        return None

    def close(self) -> None:
        pass


class _Backend:
    """Opens one session, whatever the file."""

    name, formats, specimen = "kit", ("kit",), Path("specimen.kit")

    def __init__(self, session: _Session) -> None:
        self._session = session

    def health(self) -> Health:
        return Health(True)

    def delegates(self) -> list[Delegate]:
        return [Delegate("cpu")]

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> _Session:
        return self._session
