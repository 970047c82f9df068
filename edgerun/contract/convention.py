"""What a family or an exporter brings with it: conventions, and the alternatives that a file leaves open."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

__all__ = ["Alternative", "Alternatives", "Convention", "Inference", "as_alternatives"]


@dataclass(frozen=True, init=False)
class Convention:
    """Card fields that hold for a whole family, with the one reason for all of them.

    Convention("YOLOv5 is trained so", resize="letterbox", fill=114)

    Attributes:
        reason: who does so, as half a sentence.
        fields: card field -> value.
    """

    reason: str
    fields: Mapping[str, Any]

    KIND: ClassVar[str] = "convention"
    """What a field's source begins with."""

    def __init__(self, reason: str, /, **fields: Any) -> None:
        object.__setattr__(self, "reason", reason)
        object.__setattr__(self, "fields", MappingProxyType(fields))

    @property
    def basis(self) -> dict[str, str]:
        """Field -> where its value comes from, as `Match.basis` has it."""
        return dict.fromkeys(self.fields, f"{self.KIND}: {self.reason}")


class Inference(Convention):
    """Card fields that this very file shows: Inference("boxes of a trial run reach 603", box_units="pixels")."""

    KIND: ClassVar[str] = "inferred"


@dataclass(frozen=True)
class Alternative:
    """One of several habits that a file leaves open: the card fields that settle it, and who does so.

    Alternative({"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}, "RF-DETR")

    Attributes:
        fields: card field -> value; {} where only `text` is known.
        who: who does so.
        text: the arguments as an older plugin wrote them, shown as they are; "" where they are made from the fields.
    """

    fields: Mapping[str, Any]
    who: str
    text: str = field(default="", compare=False)

    @property
    def arguments(self) -> str:
        """What settles it, as arguments of `Detector.load`: mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)."""
        return self.text or ", ".join(f"{name}={spelt(value)}" for name, value in self.fields.items())


Alternatives = tuple[Alternative, ...]
"""All habits that one field leaves open."""


def as_alternatives(stated: Any) -> Alternatives:
    """The alternatives of one field, also from the text that contracts before 0.2 took: {"mean=0, std=1": "RT-DETR"}.

    A text that is not made of keywords and numbers is kept and shown, and offers no fields.
    """
    if isinstance(stated, Mapping):
        return tuple(Alternative(_read(text), who, text) for text, who in stated.items())
    return tuple(stated)


def spelt(value: Any) -> str:
    """A value as Python takes it, reciprocals as such: 1/255, (0.5, 0.25, 0.5), "bgr"; three equal numbers as one."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple) and len(set(value)) == 1:
        return spelt(value[0])
    if isinstance(value, tuple):
        return "(" + ", ".join(map(spelt, value)) + ")"
    if isinstance(value, float) and _is_reciprocal(value):
        return f"1/{1 / value:g}"
    if isinstance(value, float):
        return f"{value:g}"
    return repr(dict(value)) if isinstance(value, Mapping) else repr(value)


def _is_reciprocal(value: float) -> bool:
    """Whether 1/value is a round number, so that 1/255 is what somebody meant."""
    return 0 < value < 0.1 and abs(1 / value - round(1 / value, 1)) < 1e-6


_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _read(text: str) -> Mapping[str, Any]:
    """Keyword arguments in a text, {} where it holds anything else."""
    try:
        call = ast.parse(f"load({text})", mode="eval").body
        assert isinstance(call, ast.Call)  # that is what the line above spells
        return {entry.arg: _value(entry.value) for entry in call.keywords if entry.arg is not None}
    except (SyntaxError, ValueError, ArithmeticError):
        return {}


def _value(node: ast.expr) -> Any:
    """A literal, or arithmetic of two."""
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _ARITHMETIC[type(node.op)](_value(node.left), _value(node.right))
    return ast.literal_eval(node)
