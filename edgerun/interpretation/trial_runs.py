"""Runs on made-up images, and the graph, each made or read once and only when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from edgerun.card import DEFAULT_CONF, DEFAULT_IOU, ModelCard
from edgerun.contract import Arrays, Graph, HandsOverGraph, ReadsGraphs, TensorSpec
from edgerun.errors import ModelUnreadable, translated
from edgerun.media.images import Image
from edgerun.media.synthetic import SEED, stand_in
from edgerun.media.synthetic import picture as made_up_image
from edgerun.processing import model_inputs, quantization
from edgerun.processing.model_inputs import ImageInput
from edgerun.processing.preprocess import Plan
from edgerun.runtime.opening import Opened
from edgerun.runtime.trial_cache import TrialCache

__all__ = ["Kind", "TrialRuns", "read_graph"]

Kind = Literal["blank", "textured"]
"""Uniform grey, or edges at all scales."""

SMALL_SIDE = 48
"""Pixels of an image that stands for one that is made and fed in the same way."""


def read_graph(opened: Opened) -> Graph | None:
    """The operators of the file, from the session where that has parsed it; None where they cannot be read."""
    if not isinstance(opened.backend, ReadsGraphs):
        return None
    try:
        parsed = _handed_over(opened)
        return parsed or opened.backend.graph(opened.file)
    except ModelUnreadable:  # the runtime has opened it; another form of the format, or an odd file
        return None


def _handed_over(opened: Opened) -> Graph | None:
    return opened.session.hand_over_graph() if isinstance(opened.session, HandsOverGraph) else None


class TrialRuns:
    """What an opened model answers to made-up images, fed by a provisional card.

    Outputs are float32, dequantised, and those of one image: where a batch is fixed, of its first.

    Args:
        opened: the model.
        image: the input that takes the image.
        card: how it is fed.
        kept: outputs of earlier loads; None where none are kept.
    """

    def __init__(self, opened: Opened, image: ImageInput, card: ModelCard, kept: TrialCache | None = None) -> None:
        self._opened = opened
        self._kept = kept
        self._image = image
        self._card = card
        self._answers: dict[Kind, Arrays] = {}

    def probe(self, kind: Kind) -> Arrays:
        """The outputs for one of the images; each is run once."""
        if kind not in self._answers:
            self._answers[kind] = self._run(kind, self._card)
        return self._answers[kind]

    def fed(self, kind: Kind, fields: Mapping[str, Any]) -> Arrays:
        """The outputs for one of the images, with these card fields in place of what is known."""
        card = self._card
        for name, value in fields.items():
            card = card.with_field(name, value, "trial")
        return self._run(kind, card)

    @cached_property
    def outputs(self) -> Sequence[TensorSpec]:
        """The outputs as the file declares them, or with the sizes that a run shows where it leaves any open."""
        declared = self._opened.session.outputs
        if declared and all(spec.static for spec in declared):
            return declared
        return _as_observed(declared, self.probe("textured"))

    @property
    def outputs_of_one(self) -> Sequence[TensorSpec]:
        """The outputs as they are for one image, where the model takes a fixed number of several."""
        batch = self._image.batch
        if batch is None or batch < 2:
            return self.outputs
        return [_of_one(spec, batch) for spec in self.outputs]

    def _run(self, kind: Kind, card: ModelCard) -> Arrays:
        opened, image = self._opened, self._image
        raw = self._answer(kind, card)
        outputs = quantization.restore(raw, opened.session.outputs)
        if image.batch is None or image.batch < 2:
            return outputs
        return {name: _first_of(array, image.batch) for name, array in outputs.items()}

    def _answer(self, kind: Kind, card: ModelCard) -> Arrays:
        """The raw outputs: those of an earlier load where they are kept, else of a run; one that fails is not kept."""
        opened, plan = self._opened, Plan.of(card, self._image)
        others = self._beside_the_image(card)

        def run() -> Arrays:
            feeds = self._shown(kind, plan) | others
            with translated(
                ModelUnreadable,
                f"{opened.backend.name} opened {opened.file.name}, but a trial run on an image of {card.width} x "
                f"{card.height} pixels failed",
                hint="give the size it was made for: imgsz=(height, width)",
            ):
                return opened.session.run(feeds)

        if self._kept is None:
            return run()
        # the image is told by how it is made and fed, and by a small one that is: made in a thirtieth of the time
        small = replace(plan, height=min(plan.height, SMALL_SIDE), width=min(plan.width, SMALL_SIDE))
        made_up = stand_in if kind == "textured" else made_up_image
        sample = self._fed(made_up(kind, small.height, small.width), small)
        return self._kept.answer(f"{kind} {SEED} {plan}", sample | others, run)

    def _shown(self, kind: Kind, plan: Plan) -> Arrays:
        """The made-up image in every slot of the input."""
        return self._fed(made_up_image(kind, plan.height, plan.width), plan)

    def _fed(self, picture: Image, plan: Plan) -> Arrays:
        """An image in every slot of the input."""
        image = self._image
        batch = plan.new_input(image.batch or 1)
        for slot in batch:
            plan.apply(picture, slot)
        return {image.spec.name: batch[0] if image.batch == 0 else batch}

    def _beside_the_image(self, card: ModelCard) -> Arrays:
        """What the other inputs are fed."""
        inputs = self._opened.session.inputs
        auxiliary = model_inputs.auxiliary(inputs, self._image, card, self._opened.file.name)
        return auxiliary | model_inputs.thresholds(inputs, DEFAULT_CONF, DEFAULT_IOU)


def _as_observed(declared: Sequence[TensorSpec], outputs: Arrays) -> list[TensorSpec]:
    """Outputs with the shapes that a run gave; those that were not declared as they are."""
    known = {spec.name: spec for spec in declared}
    observed = []
    for name, array in outputs.items():
        spec = known.get(name, TensorSpec(name, (), str(array.dtype)))
        observed.append(replace(spec, shape=tuple(array.shape)))
    return observed


def _of_one(spec: TensorSpec, batch: int) -> TensorSpec:
    if spec.shape[:1] != (batch,):
        return spec
    return replace(spec, shape=(1, *spec.shape[1:]))


def _first_of(array: Any, batch: int) -> Any:
    return array[:1] if array.shape[:1] == (batch,) else array
