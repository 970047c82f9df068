"""ONNX Runtime's execution providers: edgerun's names of them, where they live, and what they can be told.

Source of the options: https://onnxruntime.ai/docs/execution-providers of ONNX Runtime 1.24 to 1.31.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

from edgerun.contract import ANY, Delegate
from edgerun_onnxruntime import saturation

__all__ = ["PROVIDERS", "name_of", "offers", "told"]

PROVIDERS: Final = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "qnn": "QNNExecutionProvider",
    "nnapi": "NnapiExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Delegate -> execution provider, best first."""

HOMES: Final = {
    "coreml": ("darwin", "Core ML is part of Apple's systems alone"),
    "directml": ("win32", "DirectML is part of Windows alone"),
    "nnapi": ("android", "NNAPI is part of Android alone"),
}
"""Delegate -> the system that has it, and the sentence where this is another one."""

THREADS: Final = {"openvino": "num_of_threads", "xnnpack": "intra_op_num_threads"}
"""Delegate -> its own name of the number of threads."""

PACKAGES: Final = {"openvino": "onnxruntime_ep_openvino", "webgpu": "onnxruntime_ep_webgpu"}
"""Delegate -> the module of a package that brings it as a library."""

_DEVICE: Final = ("device_id={}",)
OPTIONS: Final[Mapping[str, Mapping[str, Sequence[str] | Mapping[str, Sequence[str]]]]] = {
    "tensorrt": {
        "device": _DEVICE,
        "precision": {
            "FP32": (),
            "FP16": ("trt_fp16_enable=1",),
            "INT8": ("trt_int8_enable=1",),
        },
        "cache": ("trt_engine_cache_enable=1", "trt_engine_cache_path={}"),
    },
    "cuda": {"device": _DEVICE, "memory": ("gpu_mem_limit={}",)},
    "migraphx": {"device": _DEVICE, "precision": {"FP32": (), "FP16": ("migraphx_fp16_enable=1",)}},
    "rocm": {"device": _DEVICE, "memory": ("gpu_mem_limit={}",)},
    "coreml": {
        "units": {
            "all": ("MLComputeUnits=ALL",),
            "ane": ("MLComputeUnits=CPUAndNeuralEngine",),
            "gpu": ("MLComputeUnits=CPUAndGPU",),
            "cpu": ("MLComputeUnits=CPUOnly",),
        },
        "format": {"MLProgram": ("ModelFormat=MLProgram",), "NeuralNetwork": ("ModelFormat=NeuralNetwork",)},
        "cache": ("ModelCacheDirectory={}",),
    },
    "openvino": {
        "device": ("device_type={}",),
        "precision": {name: (f"precision={name}",) for name in ("FP32", "FP16", "ACCURACY")},
        "streams": ("num_streams={}",),
        "cache": ("cache_dir={}",),
    },
    "directml": {"device": _DEVICE},
    "qnn": {"library": ("backend_path={}",), "mode": ("htp_performance_mode={}",)},
    "webgpu": {"layout": {name: (f"preferredLayout={name}",) for name in ("NCHW", "NHWC")}},
    "xnnpack": {"threads": ("intra_op_num_threads={}",)},
    "cpu": {"spinning": {"on": (), "off": ()}, "quantised": {"exact": ()}},  # of the session, not of the provider
}
"""Delegate -> option -> what the provider is told, "{}" for the value; or value -> what it is told."""


def offers() -> Iterator[Delegate]:
    """One per execution provider, those that this build lacks too; then any by its library."""
    import onnxruntime

    built_in = onnxruntime.get_available_providers()
    for name, provider in PROVIDERS.items():
        there = provider in built_in
        exact = name == "cpu" and not saturation.processor_saturates()
        usual = {"quantised": "exact"} if exact else {}
        yield Delegate(name, there, "" if there else _lacking(name), takes=_takes(name), usual=usual)
    takes = {"library": (), "device": ("cpu", "gpu", "npu"), "registration": (), ANY: ()}
    if hasattr(onnxruntime, "register_execution_provider_library"):
        reason = 'it needs the library of a plugin execution provider, "external:/path/lib.so"'
        yield Delegate("external", False, reason, takes=takes, needs=("library",))
    else:
        yield Delegate("external", False, "onnxruntime before 1.23 loads no plugin execution providers")


def name_of(delegate: Delegate) -> str:
    """The execution provider of a delegate; of one that another plugin adds, its option "provider".

    Raises:
        KeyError: nothing says which.
    """
    return delegate.options.get("provider") or PROVIDERS[delegate.name]


def told(delegate: Delegate, threads: int | None = None) -> dict[str, str]:
    """What the execution provider is told: a request's options in the provider's words, all others as they are.

    Those that compute on the processor with threads of their own are told how many.
    """
    words: dict[str, str] = {}
    on_processor = delegate.options.get("device", "CPU").upper().startswith("CPU")
    if threads is not None and delegate.name in THREADS and on_processor:
        words[THREADS[delegate.name]] = str(threads)
    known = OPTIONS.get(delegate.name, {})
    for name, value in delegate.options.items():
        found = known.get(name, (f"{name}={{}}",))
        lines = found[value] if isinstance(found, Mapping) else found
        words |= dict(line.format(value).split("=", 1) for line in lines if name != "provider")
    return words


def _takes(name: str) -> Mapping[str, tuple[str, ...]]:
    options: Mapping[str, Any] = OPTIONS.get(name, {})
    return {option: tuple(found) if isinstance(found, Mapping) else () for option, found in options.items()}


def _lacking(name: str) -> str:
    system, sentence = HOMES.get(name, (sys.platform, ""))
    if not sys.platform.startswith(system):
        return sentence
    package = PACKAGES.get(name)
    if package is not None and find_spec(package) is not None:
        return f"this build of onnxruntime lacks it; {package} brings it as a library, see external"
    return "this build of onnxruntime lacks it"
