"""A size in a file's header that its graph does not depend on is left open.

That is done where the user gives another size, and where it is that of a stand-in image, in which no object of the
family fits. That nothing depends on it is shown twice: by the graph, operator by operator, and by runs at two sizes,
whose outputs must follow.
"""

from __future__ import annotations

import numpy as np

from edgerun.card import ModelCard
from edgerun.contract import FreesSizes, Graph
from edgerun.errors import DecoderUnknown, ModelUnreadable, translated
from edgerun.graphs.size_free import bound_by
from edgerun.heads.requirements import STAND_IN
from edgerun.interpretation.claims import USER
from edgerun.processing import model_inputs
from edgerun.processing.model_inputs import ImageInput
from edgerun.runtime.opening import Opened
from edgerun.tensors import Arrays

__all__ = ["free", "is_stand_in", "wants_another"]

TRIED = ((128, 192), (256, 384))
"""Height and width of two runs; multiples of 64, so that each stride of a network divides them."""


def wants_another(card: ModelCard, image: ImageInput) -> bool:
    """Whether the user says another size than the header does."""
    fixed = {"height": image.height, "width": image.width}
    given = [name for name in fixed if card.source(name) in USER]
    return any(fixed[name] is not None and getattr(card, name) != fixed[name] for name in given)


def is_stand_in(refusal: DecoderUnknown) -> bool:
    """Whether a family reads the outputs, but for the size of the input."""
    return any(STAND_IN in match.why for _, match in refusal.verdicts or ())


def free(opened: Opened, graph: Graph | None) -> bool:
    """Leave the size and the number of images open; False where the graph, or the runtime, binds them.

    Raises:
        ModelUnreadable: the graph shows nothing that binds them, and yet outputs do not follow the size.
    """
    session = opened.session
    if graph is None or not isinstance(session, FreesSizes) or bound_by(graph):
        return False
    image = model_inputs.find(session.inputs, opened.file.name)
    if len(session.inputs) > 1 or not session.free_sizes(image.spec.name):
        return False
    with translated(ModelUnreadable, f"{opened.file.name} has a fixed size in its header, and runs at no other"):
        smaller, larger = (session.run(_nothing(image, *size)) for size in TRIED)
    shapes = [(smaller[name].shape, larger[name].shape) for name in smaller]
    if not all(_follows(*pair) for pair in shapes) or all(before == after for before, after in shapes):
        raise ModelUnreadable(
            f"{opened.file.name} has a fixed size in its header, and its outputs do not follow another one.",
            hint="export it again at the size that it is to run at",
        )
    return True


def _nothing(image: ImageInput, height: int, width: int) -> Arrays:
    """A feed of zeros of this size, for one image."""
    channels = image.channels or 3
    shape = (height, width, channels) if image.channels_last else (channels, height, width)
    return {image.spec.name: np.zeros(shape if image.batch == 0 else (1, *shape), image.spec.dtype)}


def _follows(smaller: tuple[int, ...], larger: tuple[int, ...]) -> bool:
    """Whether an output, of one image, has twice the height and width, or four times the rows, at twice the size."""
    ratios = [after / before for before, after in zip(smaller, larger, strict=True) if before]
    grown = sorted(ratio for ratio in ratios if ratio != 1)
    return smaller[:1] == larger[:1] == (1,) and grown in ([], [2, 2], [4])
