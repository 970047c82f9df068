"""Which delegate is asked for: backends report, this policy chooses, a named wish never falls back in silence."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from edgerun.contract import ANY, Coverage, Delegate, SaysWhy, Session
from edgerun.errors import DelegateIncomplete, DelegateUnavailable, InputError

__all__ = [
    "VOCABULARY",
    "Wish",
    "Wishes",
    "candidates",
    "confirm",
    "coverage",
    "demand",
    "named",
    "none_left",
    "on_processor",
]

VOCABULARY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cpu": "the runtime's own kernels on the processor",
        "xnnpack": "Google's kernels for processors",
        "coreml": "Apple's Core ML: processor, GPU and Neural Engine, see its option units",
        "ane": "Core ML with the Neural Engine: coreml:units=ane",
        "mps": "Apple's GPU by Metal Performance Shaders",
        "metal": "Apple's GPU by Metal",
        "mlx": "Apple's GPU by MLX",
        "nnapi": "Android's Neural Networks API",
        "qnn": "Qualcomm's processors, GPUs and NPUs",
        "cuda": "NVIDIA's GPUs",
        "tensorrt": "NVIDIA's GPUs by TensorRT",
        "rocm": "AMD's GPUs",
        "migraphx": "AMD's GPUs by MIGraphX",
        "openvino": "Intel's processors, GPUs and NPUs, see its option device",
        "directml": "any GPU on Windows",
        "webgpu": "any GPU by WebGPU",
        "gpu": "the GPU as the runtime reaches it",
        "vulkan": "any GPU by Vulkan",
        "edgetpu": "Google's Edge TPU",
        "armnn": "Arm's processors and Mali GPUs",
        "ethos-u": "Arm's Ethos-U microNPUs",
        "onnxruntime": "a Core ML model, computed by ONNX Runtime",
        "onnxruntime-fp16": "likewise, with the rounding of a device that stores fp16",
        "external": "a delegate, or a plugin execution provider, from a library: external:/path/lib.so",
    }
)
"""The names that all runtimes share. A plugin may add its own."""

PROCESSOR: Final = frozenset(("cpu", "xnnpack", "openvino", "onnxruntime", "onnxruntime-fp16"))
"""Of the vocabulary, those that compute on the processor where their options do not say otherwise."""

LIBRARY: Final = re.compile(r"(?i)\.(so(\.\d+)*|dylib|dll)$")
SPELLING: Final = 'write a name, "name:option=value,option=value", or the path of a library'


@dataclass(frozen=True, slots=True)
class Wish:
    """A delegate by name, with options.

    As text: "openvino", "openvino:device=GPU,precision=FP32", "/path/libx.so", "external:/path/libx.so,key=value".
    A comma begins an option only where NAME= follows, so that values may hold commas.

    Attributes:
        name: of the delegate.
        options: what it is told besides; see `Delegate.takes`.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @staticmethod
    def parse(text: str) -> Wish:
        """Read a wish.

        Raises:
            InputError: the text is no wish.
        """
        text = text.strip()
        found = re.fullmatch(r"(?s)(\w[\w.+-]+)(?::(.*))?", text)  # one letter before a colon is a drive of Windows
        if found is not None and (found[2] is not None or not LIBRARY.search(text)):
            name, rest = found[1], found[2]
        elif LIBRARY.search(re.split(r",(?=[\w.-]+=)", text)[0].removeprefix("external:")) or re.search(r"[/\\]", text):
            name, rest = "external", text.removeprefix("external:")
        else:
            name, rest = "", None
        parts = [] if rest is None else re.split(r",(?=[\w.-]+=)", rest)
        options: dict[str, str] = {}
        for number, part in enumerate(parts):
            key, equals, value = part.partition("=")
            if not equals and number == 0 and name == "external" and part:
                key, value = "library", part
            elif not equals or not key.strip() or not value.strip():
                raise InputError(f"{part!r} in the delegate {text!r} is no option.", hint=SPELLING)
            options[key.strip()] = value.strip()
        if not name:
            raise InputError(f"{text!r} is no delegate.", hint=SPELLING)
        return Wish(name, MappingProxyType(options))

    def __str__(self) -> str:
        return self.name + (":" if self.options else "") + ",".join(f"{k}={v}" for k, v in self.options.items())


Wishes = (
    str | os.PathLike[str] | Wish | Sequence[str | os.PathLike[str] | Wish] | Mapping[str, Mapping[str, Any]] | None
)
"""What `delegate=` takes: None or "auto", one wish, or several of which the first that can be in force is taken, as a
list or as {name: options}."""


def on_processor(wish: Wish | Delegate) -> bool:
    """Whether a delegate computes on the processor, where threads count; those beyond the vocabulary may."""
    place = wish.options.get("device") or wish.options.get("units") or wish.options.get("device_type")
    if wish.name not in VOCABULARY:
        return True
    return wish.name in PROCESSOR if place is None else str(place).lower() == "cpu"


def named(wish: Wishes) -> bool:
    """Whether the user said which delegate, so that another one would be a surprise."""
    return wish is not None and wish != "auto"


def candidates(
    wish: Wishes, offers: Sequence[Delegate], backend: str, *, strict: bool = False
) -> tuple[list[Delegate], list[str]]:
    """The delegates to try, best first, and why earlier wishes are not among them.

    Args:
        wish: None or "auto" for the backend's available ones in its order.
        offers: the backend's, best first.
        backend: its name, for the message.
        strict: whether nothing else may compute.

    Raises:
        InputError: a wish that cannot be read, or an option that nobody knows.
        DelegateUnavailable: nothing that was wished is available; the message says why for each.
    """
    if not named(wish):
        found = [replace(offer, strict=strict) for offer in offers if offer.available]
        if not found:
            raise DelegateUnavailable(f"{backend} has no available delegate.", hint="run: edgerun doctor")
        return found, []
    wishes = [wish] if isinstance(wish, (str, os.PathLike, Wish)) else _several(wish)
    if not wishes:
        raise InputError("The list of delegates is empty.", hint=f"name one: {_usable(offers)}")
    found, refusals = [], []
    for entry in wishes:
        if entry == "auto":
            there = [asked.name for asked in found]
            found += [replace(one, strict=strict) for one in offers if one.available and one.name not in there]
            continue
        one = entry if isinstance(entry, Wish) else Wish.parse(os.fspath(entry))
        word = one.name
        offer = next((offer for offer in offers if offer.name == one.name), None)
        if offer is None and word == "ane" and any(offer.name == "coreml" for offer in offers):
            one = Wish("coreml", {"units": "ane", **one.options})
            offer = next(offer for offer in offers if offer.name == "coreml")
        if offer is None:
            refusals.append(_unknown(word, offers, backend))
        elif not offer.available and not (offer.needs and one.options):
            refusals.append(f"{word}: {offer.reason}")
        else:
            options = {**offer.options, **_options(one, offer, offers, backend)}
            lacking = [name for name in offer.needs if name not in options]
            if lacking:
                refusals.append(f"{word}: it needs the option {' and '.join(lacking)}")
            else:
                found.append(replace(offer, options=options, reason="" if offer.needs else offer.reason, strict=strict))
    if not found:
        raise none_left(refusals, offers)
    return found, refusals


def none_left(refusals: Sequence[str], offers: Sequence[Delegate]) -> DelegateUnavailable:
    """The error where no wish can be in force: the reason of each, and what can be used."""
    reasons = "; ".join(dict.fromkeys(refusals))
    return DelegateUnavailable(
        f"No delegate that was asked for can be used: {reasons}.", hint=f"use one of: {_usable(offers)}"
    )


def confirm(wish: Wishes, asked: Delegate, session: Session, backend: str) -> str:
    """Why the delegate in force is that one; "" where there is nothing to say.

    Raises:
        DelegateUnavailable: one was named, and another is in force.
    """
    why = session.delegate_reason if isinstance(session, SaysWhy) else ""
    if session.delegate == asked.name:
        return why or asked.reason
    why = why or f"{backend} fell back to it"
    if named(wish):
        raise DelegateUnavailable(
            f"Delegate {asked.name} was asked for, but {session.delegate} is in force: {why}.",
            hint=f'pass delegate="{session.delegate}" to accept that, or run: edgerun doctor',
        )
    return why


def coverage(session: Session, backend: str) -> Coverage:
    """Which nodes run where; where the runtime cannot tell, that is said."""
    return session.coverage() or Coverage("none", f"{backend} does not tell which node runs where")


def demand(found: Coverage, delegate: str, model: str) -> None:
    """Raise unless every node of a model runs on a delegate.

    Raises:
        DelegateIncomplete: some do not, or nobody can tell.
    """
    if found.evidence == "none":
        raise DelegateIncomplete(
            f"Whether all of {model} runs on {delegate} cannot be told: {found.source}.",
            hint="leave strict out, or run the model on a runtime that tells",
        )
    if found.outside(delegate):
        raise found.refusal(delegate, model)


def _several(wishes: Any) -> list[Any]:
    entries = [Wish(*pair) for pair in wishes.items()] if isinstance(wishes, Mapping) else wishes
    if not isinstance(entries, Sequence):
        raise InputError(f"delegate = {wishes!r} cannot be.", hint=SPELLING)
    for entry in entries:
        good = isinstance(entry, (str, os.PathLike))
        if isinstance(entry, Wish):
            good = isinstance(entry.name, str) and isinstance(entry.options, Mapping)
        if not good:
            raise InputError(f"{entry!r} among the delegates cannot be.", hint=SPELLING)
    return list(entries)


def _unknown(name: str, offers: Sequence[Delegate], backend: str) -> str:
    known = [offer.name for offer in offers]
    if name in VOCABULARY:
        return f"{name}: {backend} does not offer it"
    near = get_close_matches(name.lower(), [*known, *VOCABULARY], 1)
    return f"{name} is no delegate" + (f", perhaps {near[0]} was meant" if near else f" of {backend}")


def _options(wish: Wish, offer: Delegate, offers: Sequence[Delegate], backend: str) -> dict[str, str]:
    """The options of a wish, checked against what the delegate takes."""
    found = {}
    for name, value in wish.options.items():
        text = str(value)
        if name not in offer.takes and ANY not in offer.takes:
            others = [other.name for other in offers if name in other.takes]
            known = ", ".join(sorted(offer.takes)) or "none"
            whose = f"; it is one of {' and '.join(others)}" if others else ""
            raise InputError(
                f"Delegate {offer.name} of {backend} has no option {name}{whose}.", hint=f"its options are: {known}"
            )
        values = offer.takes.get(name, ())
        if values:
            text = {entry.lower(): entry for entry in values}.get(text.lower(), "")
        if not text:
            raise InputError(
                f"The option {name} of delegate {offer.name} cannot be {str(value)!r}.",
                hint=f"it can be: {', '.join(values) or 'any text'}",
            )
        found[name] = _library(text) if name == "library" else text
    return found


def _library(text: str) -> str:
    """The path of a library, whole where it has a folder; a bare name is left to the system's search."""
    path = Path(text).expanduser()
    if path.is_dir():
        inside = [entry.name for entry in sorted(path.iterdir()) if LIBRARY.search(entry.name)]
        hint = f"name the file: {path / inside[0]}" if inside else "name a file that ends in .so, .dylib or .dll"
        raise InputError(f"The library {text} is a folder.", hint=hint)
    if not path.exists() and len(path.parts) > 1:
        raise InputError(f"There is no library {text}.", hint="check the path")
    return str(path.resolve()) if path.exists() else text


def _usable(offers: Sequence[Delegate]) -> str:
    return ", ".join(offer.name for offer in offers if offer.available) or "none"
