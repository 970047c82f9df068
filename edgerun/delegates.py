"""The names of delegates that all runtimes share, and how a delegate is asked for: by name, with options.

Which delegate is taken is decided in `edgerun.runtime.delegate_choice`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from edgerun.contract import Delegate
from edgerun.errors import InputError

__all__ = ["LIBRARY", "SPELLING", "VOCABULARY", "Wish", "Wishes", "on_processor"]

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
"""How the name of a shared library ends: libx.so, libx.so.1, x.dylib, x.dll."""

SPELLING: Final = 'write a name, "name:option=value,option=value", or the path of a library'
"""The hint of every error about a request that cannot be read."""

NAMED: Final = re.compile(r"(?s)(\w[\w.+-]+)(?::(.*))?")
"""NAME or NAME:OPTIONS; a single letter before a colon is a drive of Windows, so a name has two at least."""

NEXT_OPTION: Final = re.compile(r",(?=[\w.-]+=)")
"""A comma begins an option only where NAME= follows, so that values may hold commas."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A request for a delegate: its name and options.

    As text: "openvino", "openvino:device=GPU,precision=FP32", "/path/libx.so", "external:/path/libx.so,key=value".

    Attributes:
        name: of the delegate.
        options: option -> value; see `Delegate.takes`.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @staticmethod
    def parse(text: str) -> Wish:
        """Read a request from text.

        Raises:
            InputError: the text is not a delegate.
        """
        text = text.strip()
        name, listed = _name_and_options(text)
        return Wish(name, MappingProxyType(_options(name, listed, text)))

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return f"{self.name}:" + ",".join(f"{name}={value}" for name, value in self.options.items())


Wishes = (
    str | os.PathLike[str] | Wish | Sequence[str | os.PathLike[str] | Wish] | Mapping[str, Mapping[str, Any]] | None
)
"""What `delegate=` takes: None or "auto", one request, or several of which the first that can be in force is taken, as
a list or as {name: options}."""


def on_processor(request: Wish | Delegate) -> bool:
    """Whether a delegate computes on the processor, where threads count; those beyond the vocabulary may."""
    if request.name not in VOCABULARY:
        return True
    for option in ("device", "units", "device_type"):
        place = request.options.get(option)
        if place:
            return str(place).lower() == "cpu"
    return request.name in PROCESSOR


def _name_and_options(text: str) -> tuple[str, str | None]:
    """The name in a request, and the text of its options; None where there is no colon."""
    found = NAMED.fullmatch(text)
    if found is not None and not _is_library(text):
        return found[1], found[2]
    path = NEXT_OPTION.split(text)[0].removeprefix("external:")
    if LIBRARY.search(path) or re.search(r"[/\\]", text):
        return "external", text.removeprefix("external:")
    raise InputError(f"{text!r} is not a delegate.", hint=SPELLING)


def _is_library(text: str) -> bool:
    """Whether a text is the bare name of a library, "libedgetpu.so.1", rather than that of a delegate."""
    return ":" not in text and LIBRARY.search(text) is not None


def _options(name: str, listed: str | None, text: str) -> dict[str, str]:
    """Option -> value. The first entry of "external" may be the library's path alone."""
    if listed is None:
        return {}
    options: dict[str, str] = {}
    entries = NEXT_OPTION.split(listed)
    if name == "external" and entries[0].strip() and "=" not in entries[0]:
        options["library"] = entries.pop(0).strip()
    for entry in entries:
        option, _, value = entry.partition("=")
        option, value = option.strip(), value.strip()
        if not option or not value:
            raise InputError(f"{entry!r} in the delegate {text!r} is not an option.", hint=SPELLING)
        options[option] = value
    return options
