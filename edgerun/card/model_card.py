"""The model card: everything that one model file wants and means, with the source of every field.

The card is a value. `edgerun.interpretation` makes it from arguments, sidecars, metadata and what a file shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from edgerun import notebook
from edgerun.card.fields import BoxUnits, Color, Nms, Overlap, Resize, Rounding, Task, checked

__all__ = ["DEFAULT_CONF", "DEFAULT_IOU", "ModelCard"]

DEFAULT_CONF = 0.25
DEFAULT_IOU = 0.7
"""Where neither argument nor card gives one; Ultralytics' defaults, which most people know."""


MAX_SHOWN = 120
"""Characters of a value that a notebook shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What one model file wants and means.

    A pixel value p of 0..255 reaches the model as (p * scale - mean) / std, per channel in the order of `color`.

    Attributes:
        task: what the rows mean.
        decoder: name of the way to read the outputs; None until it is chosen.
        labels: class names in order; () where nothing says them.
        height, width: pixels of the model's input.
        resize: how an image of another shape is fitted.
        crop: fraction of each side of the fitted image that is cut out of its middle, for "center-crop" and "stretch".
        shorter_side, longer_side: pixels that the sides of the image are fitted to, and at most; 0 where `resize`
            and the input's size say it alone.
        side_multiple, side_rounding: both sides of the fitted image become multiples, down or up.
        padded: False where an input whose size the file leaves open ends where the fitted image ends; `height` and
            `width` are then those of trial runs, and the most that an image may have where no sides are given.
        fill: the colour of the border, 0..255 per channel in the order of `color`.
        color: the order of channels.
        scale, mean, std: see above.
        box_units: "unit" where boxes come out in 0..1 of the model's input.
        suppressed: True where the model has done its own suppression.
        nms: the suppression that the file recommends.
        overlap: how oriented boxes are compared.
        conf, iou: thresholds that the file recommends; None where it does not.
        keypoints: how many per row; 0 where there are none.
        keypoint_dims: 2 (x y) or 3 (x y visibility).
        inputs: values of further inputs, by name, as nested tuples.
        outputs: meaning of an output by its name ("boxes", "scores", "classes", "count" ...), for heads that need it.
        sources: field -> "argument", "sidecar", "… metadata", "inferred: …", "convention: …" or "default".
    """

    task: Task = "detect"
    decoder: str | None = None
    labels: tuple[str, ...] = ()
    height: int = 0
    width: int = 0
    resize: Resize = "letterbox"
    crop: float = 1.0
    shorter_side: int = 0
    longer_side: int = 0
    side_multiple: int = 1
    side_rounding: Rounding = "down"
    padded: bool = True
    fill: tuple[int, ...] = (114, 114, 114)
    color: Color = "rgb"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    box_units: BoxUnits = "pixels"
    suppressed: bool = False
    nms: Nms = "class"
    overlap: Overlap = "polygon"
    conf: float | None = None
    iou: float | None = None
    keypoints: int = 0
    keypoint_dims: int = 3
    inputs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    outputs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def source(self, name: str) -> str:
        """Where the value of this field comes from."""
        return self.sources.get(name, "default")

    def with_field(self, name: str, value: Any, source: str) -> ModelCard:
        """A card with one more field said, in place of what this one says of it.

        Raises:
            CardInvalid: the value is impossible; the message names the source.
        """
        changed = {name: checked(name, value, source)}
        return replace(self, **changed, sources=MappingProxyType({**self.sources, name: source}))

    def label(self, index: int) -> str:
        """The name of a class; its number where nothing says it."""
        return self.labels[index] if 0 <= index < len(self.labels) else str(index)

    def _repr_html_(self) -> str:
        """For notebooks: what each field says, and by whose word."""
        said = [own.name for own in fields(self) if own.name != "sources"]
        rows = [(name, _short(getattr(self, name)), self.source(name)) for name in said]
        return notebook.table(("field", "value", "source"), rows, "model card")


def _short(value: Any) -> str:
    """As text that fits a table's cell."""
    text = str(dict(value)) if isinstance(value, Mapping) else str(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
