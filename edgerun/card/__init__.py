"""The model card: everything that one model file wants and means, with the source of every field."""

from __future__ import annotations

from edgerun.card.fields import FIELDS, BoxUnits, CardArguments, Color, Nms, Resize, Rounding, Task, checked
from edgerun.card.model_card import DEFAULT_CONF, DEFAULT_IOU, ModelCard

__all__ = [
    "DEFAULT_CONF",
    "DEFAULT_IOU",
    "FIELDS",
    "BoxUnits",
    "CardArguments",
    "Color",
    "ModelCard",
    "Nms",
    "Resize",
    "Rounding",
    "Task",
    "checked",
]
