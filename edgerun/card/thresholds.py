"""Thresholds as people give them: one number, or a table from class to number; and classes by name or number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from edgerun.card.fields import checked
from edgerun.errors import CardInvalid, InputError
from edgerun.tensors import AnyArray, FloatArray

__all__ = ["ClassThresholds", "class_ids", "fraction"]


@dataclass(frozen=True, slots=True)
class ClassThresholds:
    """The least score of each class.

    Attributes:
        usual: of the classes that are not in the table, 0..1.
        of_class: class number -> least score, 0..1.
    """

    usual: float
    of_class: Mapping[int, float]

    @staticmethod
    def read(name: str, given: Any, usual: float, labels: Sequence[str], model: str) -> ClassThresholds:
        """From one number for all classes, or a table from class, by name or number, to number.

        Args:
            name: of the argument, for the message.
            given: the number or the table.
            usual: for the classes that a table leaves out.
            labels: of the model; () where nothing says them.
            model: its name, for the message.

        Raises:
            InputError: a class that the model does not have, one that is given twice, or a number outside 0..1.
        """
        if not isinstance(given, Mapping):
            return ClassThresholds(fraction(name, given), {})
        numbers = class_ids(given, labels, model).tolist()
        if len(set(numbers)) < len(numbers):
            raise InputError(f"{name} gives a class twice, by its name and by its number.", hint="give it once")
        return ClassThresholds(
            usual, dict(zip(numbers, (fraction(name, value) for value in given.values()), strict=True))
        )

    @property
    def least(self) -> float:
        """The lowest of them all: no row below it is kept."""
        return min(self.usual, *self.of_class.values()) if self.of_class else self.usual

    def of(self, classes: AnyArray) -> FloatArray:
        """The threshold of each row by its class, float32 [N]."""
        thresholds = np.full(len(classes), self.usual, np.float32)
        for number, threshold in self.of_class.items():
            thresholds[classes == number] = threshold
        return thresholds


def fraction(name: str, value: Any) -> float:
    """A threshold of 0..1.

    Raises:
        InputError: it is none.
    """
    try:
        return float(checked(name, value, "argument"))
    except CardInvalid as cause:
        raise InputError(
            f"{name} must be a number from 0 to 1, not {value!r}.", hint=f"pass {name}=0.25, say"
        ) from cause


def class_ids(classes: Iterable[int | str], labels: Sequence[str], model: str) -> AnyArray:
    """Numbers of classes, int32, from names and numbers.

    Args:
        classes: also a single one.
        labels: of the model; () where nothing says them.
        model: its name, for the message.

    Raises:
        InputError: a class that the model does not have.
    """
    entries = [classes] if isinstance(classes, (str, int)) else classes
    return np.array([_class_id(entry, labels, model) for entry in entries], np.int32)


def _class_id(entry: int | str, labels: Sequence[str], model: str) -> int:
    if isinstance(entry, str) and not entry.isdigit():
        return _labelled(entry, labels, model)
    number = int(entry)
    if number < 0 or number >= (len(labels) or math.inf):
        raise InputError(f"{model} has no class number {number}.", hint=f"it has {len(labels)}, from 0")
    return number


def _labelled(name: str, labels: Sequence[str], model: str) -> int:
    if name in labels:
        return labels.index(name)
    hint = "it knows " + (", ".join(labels[:100]) or "only numbers: the model has no labels")
    near = get_close_matches(name, labels, 1)
    if near:
        hint = f"did you mean {near[0]}? {hint}"
    raise InputError(f"{model} has no class {name!r}.", hint=hint)
