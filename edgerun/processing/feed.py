"""What a model is fed: the buffer of its image input, whose size may follow the image, and its other inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgerun.card import ModelCard
from edgerun.media.images import Image
from edgerun.processing import model_inputs
from edgerun.processing.fitting import Fitting
from edgerun.processing.model_inputs import ImageInput
from edgerun.processing.preprocess import CUT, Geometry, Plan
from edgerun.tensors import AnyArray, Arrays, TensorSpec

__all__ = ["Feed", "follows_image"]


def follows_image(card: ModelCard, image: ImageInput) -> bool:
    """Whether the input takes another size for each image: the card pads none, and the file leaves its size open."""
    is_open = image.height is None and image.width is None and image.batch in (None, 0, 1)
    return is_open and not card.padded and card.resize not in CUT


class Feed:
    """The inputs of one model; buffers are kept from call to call.

    Attributes:
        card: of the model, with the height and width that the input has now.
        plan: how an image is brought into the input.
        auxiliary: what the inputs beside the image are fed.
        batch: slots for images.
    """

    def __init__(
        self, inputs: Sequence[TensorSpec], image: ImageInput, card: ModelCard, *, batch: int, model: str
    ) -> None:
        self._inputs, self._image, self._model = inputs, image, model
        self._nominal = card if follows_image(card, image) else None
        self.batch = 1 if self._nominal else batch
        self._take(card)

    def _take(self, card: ModelCard) -> None:
        """Make plan and buffers for the input's size on this card."""
        self.card = card
        self.plan = Plan.of(card, self._image)
        self.auxiliary: Arrays = model_inputs.auxiliary(self._inputs, self._image, card, self._model)
        self._input = self.plan.new_input(self.batch)
        self._borders: list[tuple[int, ...] | None] = [None] * self.batch

    def fresh(self, batch: int) -> Feed:
        """Another one for the same model, with buffers of its own and so many slots."""
        return Feed(self._inputs, self._image, self._nominal or self.card, batch=batch, model=self._model)

    def place(self, slot: int, image: Image) -> Geometry:
        """Write an image into its slot of the input; the border is written only where the shape has changed."""
        self._follow(image)
        geometry = self.plan.apply(image, self._input[slot], border=self._borders[slot] != image.shape)
        self._borders[slot] = image.shape
        return geometry

    def _follow(self, image: Image) -> None:
        """Give the input the size of an image, where the card says that it ends where the image ends."""
        nominal = self._nominal
        if nominal is None:
            return
        tall, wide = image.shape[:2]
        height, width = Fitting.of(nominal).open_size((tall, wide), (nominal.height, nominal.width))
        if (self.card.height, self.card.width, self.card.resize) != (height, width, "stretch"):
            self._take(replace(nominal, height=height, width=width, resize="stretch", crop=1.0))

    def filled(self, count: int) -> AnyArray:
        """The input: `count` slots of it where the batch is open, one without its axis where there is none."""
        if self._image.batch is None:
            return self._input[:count]
        return self._input if self._image.batch else self._input[0]
