"""Core ML itself, on a Mac: coremltools' MLModel behind edgerun's contract of a session."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from edgerun.contract import Coverage, Delegate
from edgerun.errors import BackendUnavailable, DelegateUnavailable, ModelUnreadable
from edgerun.tensors import Arrays, TensorSpec
from edgerun_coreml.facts import Facts, as_array, carried
from edgerun_coreml.file import plan
from edgerun_coreml.file.feature_types import ImageType
from edgerun_coreml.file.package import open_model
from edgerun_coreml.running import images

COMPUTE_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {"all": "ALL", "ane": "CPU_AND_NE", "gpu": "CPU_AND_GPU", "cpu": "CPU_ONLY"}
)
"""Compute units -> coremltools.ComputeUnit, best first."""

_WHAT: Final = {
    "all": "Core ML chooses among CPU, GPU and Neural Engine for every operation",
    "ane": "Core ML chooses between CPU and Neural Engine for every operation",
    "gpu": "Core ML chooses between CPU and GPU for every operation",
    "cpu": "Core ML on the CPU alone",
}


def on_macos() -> bool:
    """Whether Core ML is part of this system."""
    return sys.platform == "darwin"


def missing() -> str:
    """Why Core ML itself cannot be used here; "" where it can."""
    if not on_macos():
        return "native on macOS only"
    lacking = [
        name for name, module in (("coremltools", "coremltools"), ("pillow", "PIL")) if find_spec(module) is None
    ]
    return f"pip install {' '.join(lacking)}" if lacking else ""


def delegates() -> list[Delegate]:
    """Core ML with any compute units; then one for each choice of units by its name."""
    reason = missing()
    return [
        Delegate("coreml", not reason, reason or _WHAT["all"], takes={"units": tuple(COMPUTE_UNITS)}),
        *(Delegate(name, not reason, reason or _WHAT[name]) for name in COMPUTE_UNITS if name != "all"),
    ]


class NativeSession:
    """A model that Core ML computes."""

    def __init__(self, path: Path, delegate: Delegate) -> None:
        file = open_model(path)
        facts = Facts.of(file)
        if path.is_file() and facts.description.kind == "mlProgram":
            raise BackendUnavailable(
                f"Core ML does not open the archive {path.name}.", hint='unzip it, or pass delegate="onnxruntime"'
            )
        self._units = delegate.name if delegate.name in COMPUTE_UNITS else delegate.options.get("units", "all")
        self._model: Any = _opened(path, self._units)
        self._interface = facts.interface
        self._plan: Coverage | None = None
        self.delegate = delegate.name
        self.inputs: Sequence[TensorSpec] = facts.inputs()
        self.outputs: Sequence[TensorSpec] = facts.outputs()
        self.metadata: Mapping[str, str | bytes] = facts.metadata()

    def run(self, feeds: Arrays) -> Arrays:
        """Compute. Images are float32 [1, C, H, W] of whole numbers in 0..255."""
        if self._model is None:
            raise RuntimeError("the session is closed")
        given: dict[str, Any] = {}
        for feature in self._interface.inputs:
            if feature.name not in feeds:
                continue
            value = feeds[feature.name]
            if isinstance(feature.type, ImageType):
                given[feature.name] = _image(value, feature.name, feature.type)
            else:
                given[feature.name] = value.item() if value.dtype in (np.float64, np.int64) else value
        results = self._model.predict(given)
        return {
            feature.name: as_array(_plain(results[feature.name], feature.type), feature)
            for feature in self._interface.outputs
            if carried(feature)
        }

    def coverage(self) -> Coverage:
        """Operations by the unit that Core ML plans them for; those on a unit that was asked for are the delegate's."""
        if self._plan is None:
            self._plan = plan.read(self._model, COMPUTE_UNITS[self._units], self.delegate, self._units)
        return self._plan

    def close(self) -> None:
        """Let go of the model."""
        self._model = None


def _opened(path: Path, units: str) -> Any:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        coremltools: Any = import_module("coremltools")
        if units in plan.lacking():
            raise DelegateUnavailable(f"This Mac has no {plan.UNITS[units]}.", hint='pass delegate="coreml"')
        model = coremltools.models.MLModel(str(path), compute_units=coremltools.ComputeUnit[COMPUTE_UNITS[units]])
    if model.__proxy__ is None:
        reasons = [str(entry.message) for entry in told if "Core ML model" in str(entry.message)]
        raise ModelUnreadable(
            f"Core ML cannot open {path.name}: {reasons[-1][:300] if reasons else 'it is of a later version'}",
            hint='pass delegate="onnxruntime" to compute it without Core ML',
        )
    return model


def _image(array: Any, name: str, kind: ImageType) -> Any:
    """A PIL image with exactly these pixels."""
    if kind.color != "grayscale_float16" and (array != images.stored(array, kind)).any():
        raise RuntimeError(f"image input '{name}' takes whole numbers in 0..255: leave scale, mean and std out")
    image = images.to_image(array, name, kind)
    return image.convert("RGB") if image.mode == "RGBA" else image


def _plain(value: Any, kind: object) -> Any:
    """An image as float32 [1, C, H, W] in the declared order of channels; all else as it is."""
    if not isinstance(kind, ImageType):
        return value
    pixels = np.asarray(value, np.float32)
    if pixels.ndim == 2:
        return pixels[None, None]
    pixels = pixels[..., :3]
    return np.ascontiguousarray((pixels[..., ::-1] if kind.color == "bgr" else pixels).transpose(2, 0, 1)[None])
