"""Delegates of ONNX Runtime: what is offered, what it is told, and what it does."""

from __future__ import annotations

import sys

import pytest

from edgerun.contract import Delegate
from edgerun.errors import DelegateUnavailable, InputError
from edgerun.runtime.delegate_choice import candidates, confirm
from edgerun_onnxruntime import OnnxRuntimeBackend, providers

pytest.importorskip("onnxruntime")


def asked(wish):
    return candidates(wish, [Delegate(name, takes=providers._takes(name)) for name in providers.PROVIDERS], "ort")[0][0]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("cpu", {}),
        ("openvino:device=AUTO:GPU,CPU,precision=fp16", {"device_type": "AUTO:GPU,CPU", "precision": "FP16"}),
        ("coreml:units=ane", {"MLComputeUnits": "CPUAndNeuralEngine"}),
        ("ane", {"MLComputeUnits": "CPUAndNeuralEngine"}),
        ("tensorrt:precision=FP32", {}),
        (
            "tensorrt:cache=/x=y,precision=FP16",
            {"trt_engine_cache_enable": "1", "trt_engine_cache_path": "/x=y", "trt_fp16_enable": "1"},
        ),
        ("cuda:device=1", {"device_id": "1"}),
    ],
)
def test_options_reach_a_provider_in_its_own_words(wish, words):
    assert providers.told(asked(wish)) == words


def test_a_provider_with_threads_of_its_own_is_told_how_many():
    assert providers.told(asked("openvino"), 3) == {"num_of_threads": "3"}
    assert providers.told(asked("openvino:device=GPU"), 3) == {"device_type": "GPU"}
    assert providers.told(asked("xnnpack:threads=2"), 3) == {"intra_op_num_threads": "2"}
    assert providers.told(asked("cuda"), 3) == {}


def test_what_another_plugin_tells_a_provider_passes_as_it_is():
    mine = Delegate("mine", options={"provider": "MineExecutionProvider", "speed": "high"})
    assert providers.name_of(mine) == "MineExecutionProvider"
    assert providers.told(mine) == {"speed": "high"}


def test_options_that_a_provider_does_not_know_are_refused():
    with pytest.raises(InputError, match="Delegate cuda of ort has no option units; it is one of coreml"):
        asked("cuda:units=ane")
    with pytest.raises(InputError, match="units of delegate coreml does not take 'npu'"):
        asked("coreml:units=npu")


@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML is here")
def test_core_ml_on_another_system_is_said_to_be_apples():
    with pytest.raises(DelegateUnavailable, match="coreml: Core ML is part of Apple's systems alone"):
        candidates("coreml", OnnxRuntimeBackend().delegates(), "onnxruntime")


def test_nnapi_on_a_desktop_is_said_to_be_androids():
    with pytest.raises(DelegateUnavailable, match="nnapi: NNAPI is part of Android alone"):
        candidates("nnapi", OnnxRuntimeBackend().delegates(), "onnxruntime")


def test_a_provider_that_this_build_lacks_is_refused_and_not_replaced(odd):
    with pytest.raises(DelegateUnavailable, match=r"cannot run odd\.onnx on tensorrt: "):
        OnnxRuntimeBackend().open(odd, Delegate("tensorrt", options={"device": "0"}), 1)


def test_a_provider_that_is_listed_and_takes_no_node_is_not_in_force(odd):
    """Plain onnxruntime brings one: AzureExecutionProvider, which calls servers and computes nothing itself."""
    import onnxruntime

    if "AzureExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this build of onnxruntime lacks it")
    asked = Delegate("azure", options={"provider": "AzureExecutionProvider"})
    session = OnnxRuntimeBackend().open(odd, asked, 1)
    assert session._opened.get_providers()[0] == "AzureExecutionProvider"
    assert session.delegate == "cpu"
    with pytest.raises(DelegateUnavailable, match="lists AzureExecutionProvider, which took none of the nodes"):
        confirm("azure", asked, session, "onnxruntime")


def test_strict_on_the_processor_is_the_processor(odd):
    session = OnnxRuntimeBackend().open(odd, Delegate("cpu", strict=True), 1)
    assert session.coverage().nodes == {"cpu": 4}
