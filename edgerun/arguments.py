"""What callers may pass, also in other tools' words: card fields to `Detector.load`, thresholds to every call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypedDict, get_args

import numpy as np

from edgerun.card import DEFAULT_CONF, DEFAULT_IOU, FIELDS, CardArguments, ModelCard, Nms
from edgerun.card.thresholds import ClassThresholds, class_ids, fraction
from edgerun.contract import Inference
from edgerun.dialects.readers import label_files
from edgerun.errors import InputError
from edgerun.media.pixels import ArrayColor
from edgerun.tensors import AnyArray

__all__ = [
    "ALIASES",
    "CallAliases",
    "CallArguments",
    "LoadArguments",
    "Wanted",
    "card_arguments",
    "changed",
    "class_ids",
    "unaliased",
    "usual",
]

ALIASES = {
    "confidence": "conf",
    "score_threshold": "conf",
    "confidence_threshold": "conf",
    "iou_threshold": "iou",
    "nms_threshold": "iou",
    "max_detections": "max_det",
    "max_results": "max_det",
    "names": "labels",
}
"""Other tools' names of the same things."""

OF_LOAD_ALONE = ("format", "delegate", "strict", "threads", "warm_up", "classes", "backend", "registry")
"""What `Detector.load` takes besides fields of the card."""


class CallAliases(TypedDict, total=False):
    """Other tools' names of what a call takes."""

    confidence: float | Mapping[int | str, float] | None
    score_threshold: float | Mapping[int | str, float] | None
    confidence_threshold: float | Mapping[int | str, float] | None
    iou_threshold: float | None
    nms_threshold: float | None
    max_detections: int | None
    max_results: int | None


class CallArguments(CallAliases, total=False):
    """What a call of a detector takes besides the image."""

    conf: float | Mapping[int | str, float] | None
    iou: float | None
    max_det: int | None
    classes: Iterable[int | str] | None
    nms: Nms | None
    color: ArrayColor


class LoadArguments(CardArguments, total=False):
    """What `Detector.load` takes besides its own keywords: fields of the card, and other tools' names."""

    confidence: float | None
    score_threshold: float | None
    confidence_threshold: float | None
    iou_threshold: float | None
    nms_threshold: float | None
    max_detections: int | None
    max_results: int | None
    names: str | Path | Sequence[str] | Mapping[int, str] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a run are kept.

    Attributes:
        conf: least score, 0..1.
        iou: largest overlap of two boxes that both stay, 0..1.
        max_det: most rows.
        classes: numbers of classes, int32; None for all.
        nms: which boxes that overlap go.
        by_class: least scores of single classes, none of which is below `conf`; None where that is for all.
    """

    conf: float
    iou: float
    max_det: int
    classes: AnyArray | None
    nms: Nms
    by_class: ClassThresholds | None = None

    def enough(self, scores: AnyArray, classes: AnyArray) -> AnyArray:
        """Which rows score enough, bool [N]."""
        least = self.conf if self.by_class is None else self.by_class.of(classes)
        return np.asarray(scores >= least)


# ------------------------------------------------------------------------------------------- other tools' words


def unaliased(given: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The arguments that were given, not None, under our own names.

    Args:
        given: by our own or another tool's names.
        names: our own, of those that can be passed here.

    Raises:
        InputError: an argument that there is not, or one thing given by two names.
    """
    own: dict[str, Any] = {}
    for name in sorted(given, key=ALIASES.__contains__):  # our own first
        target = _own_name(name, names)
        if given[name] is None:
            continue
        if target in own:
            raise InputError(f"{name} and {target} are the same argument, and both are given.", hint=f"pass {target}")
        own[target] = given[name]
    return own


def _own_name(name: str, names: Collection[str]) -> str:
    own = ALIASES.get(name, name)
    if own in names:
        return own
    allowed = [alias for alias, target in ALIASES.items() if target in names]
    further = OF_LOAD_ALONE if names is OF_LOAD else ("color",)
    near = get_close_matches(name, [*names, *allowed, *further], 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise InputError(f"There is no argument {name}.{guess}", hint=_listing(names))


def _listing(names: Collection[str]) -> str:
    if names is OF_LOAD:
        return "the fields of a card are " + ", ".join(FIELDS)
    return "a call takes color, " + ", ".join(names)


# ---------------------------------------------------------------------------------------------------- of load

OF_LOAD = frozenset(CardArguments.__annotations__) | {"max_det"}


def card_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """The card fields that a caller of `load` says, and "max_det" where another tool's name gave it.

    Raises:
        InputError: an argument that there is not, or one thing given by two names.
        CardInvalid: a label file that cannot be read.
    """
    fields = unaliased(given, OF_LOAD)
    if "labels" in fields:
        fields["labels"] = label_files.read(fields["labels"])
    if "imgsz" in fields:
        size = fields.pop("imgsz")
        fields["height"], fields["width"] = (size, size) if isinstance(size, int) else size
    return fields


# --------------------------------------------------------------------------------------------- of load and calls


def usual(card: ModelCard, model: str, max_det: int, classes: Iterable[int | str] | None) -> Wanted:
    """What is kept where a call does not say: by the arguments of `load`, the card, and the defaults."""
    return Wanted(
        conf=DEFAULT_CONF if card.conf is None else card.conf,
        iou=DEFAULT_IOU if card.iou is None else card.iou,
        max_det=_row_limit("max_det", max_det),
        classes=None if classes is None else class_ids(classes, card.labels, model),
        nms="none" if card.suppressed and not _asks_for_suppression(card) else card.nms,
    )


def _asks_for_suppression(card: ModelCard) -> bool:
    """Whether a suppression is said of a model, and that it has one inside is only inferred."""
    return card.source("nms") != "default" and card.source("suppressed").startswith(Inference.KIND)


def changed(wanted: Wanted, given: Mapping[str, Any], labels: Sequence[str] = (), model: str = "The model") -> Wanted:
    """What is kept where a call says some of it.

    Args:
        wanted: where it does not.
        given: conf, iou, max_det, classes and nms, also by other tools' names.
        labels: of the model; () where nothing says them.
        model: its name, for the message.

    Raises:
        InputError: a value that is impossible, or an argument that there is not.
    """
    values = unaliased(given, OF_A_CALL)
    if not values:
        return wanted
    told = {name: CHECKS[name](name, value) for name, value in values.items() if name in CHECKS}
    if "classes" in values:
        told["classes"] = class_ids(values["classes"], labels, model)
    if "conf" in values:
        limits = ClassThresholds.read("conf", values["conf"], wanted.conf, labels, model)
        told |= {"conf": limits.least, "by_class": limits if limits.of_class else None}
    return replace(wanted, **told)


def _row_limit(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a positive integer, not {value!r}.", hint="pass a whole number from 1")
    return value


def _suppression(name: str, value: Any) -> str:
    kinds = ", ".join(get_args(Nms))
    if value not in get_args(Nms):
        raise InputError(f"{name} must be one of {kinds}, not {value!r}.", hint=f"use one of {kinds}")
    return str(value)


CHECKS: Mapping[str, Callable[[str, Any], Any]] = {"iou": fraction, "max_det": _row_limit, "nms": _suppression}
"""What a call may say that needs no look at the model's classes, and how it is checked."""

OF_A_CALL = ("conf", "iou", "max_det", "classes", "nms")
"""What a call may say of the rows that are kept."""
