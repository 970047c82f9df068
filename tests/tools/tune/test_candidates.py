"""All ways of running a model that are worth a try, and no others."""

from __future__ import annotations

import pytest

from edgerun.contract import Delegate
from edgerun.tools.tune.candidates import candidates, references
from edgerun.tools.tune.runner import Candidate


def test_a_delegate_that_computes_elsewhere_is_not_tried_with_fewer_threads(offers):
    ways = [str(way) for way in candidates(offers, 4)]
    assert "gpu with 4 threads" in ways
    assert "gpu with 2 threads" not in ways
    assert not any(way.startswith("tpu") for way in ways)  # not available
    assert [way for way in ways if way.startswith("cpu")] == [f"cpu with {n} thread{'s' * (n > 1)}" for n in (4, 2, 1)]


def test_each_value_of_an_option_is_tried_with_all_cores():
    offers = {
        "fake": [
            Delegate("openvino", takes={"device": (), "precision": ("FP32", "FP16"), "cache": ()}),
            Delegate("cpu", takes={"spinning": ("on", "off")}),
            Delegate("coreml", False, "no Mac", takes={"units": ("all", "ane")}),
        ]
    }
    assert [(way.delegate, way.threads) for way in candidates(offers, 2)] == [
        ("openvino", 2),
        ("cpu", 2),
        ("openvino:device=GPU", 2),
        ("openvino:device=NPU", 2),
        ("openvino:precision=FP32", 2),
        ("openvino:precision=FP16", 2),
        ("cpu:spinning=on", 2),
        ("cpu:spinning=off", 2),
        ("openvino", 1),
        ("cpu", 1),
    ]


@pytest.mark.parametrize(
    ("cores", "counts"),
    [(1, [1]), (2, [2, 1]), (6, [6, 4, 3, 2, 1]), (12, [12, 8, 6, 4, 2, 1]), (16, [16, 8, 4, 2, 1])],
)
def test_threads_are_all_cores_half_of_them_and_powers_of_two(cores, counts):
    assert [way.threads for way in candidates({"fake": [Delegate("cpu")]}, cores)] == counts


def test_what_the_user_names_is_all_that_is_tried(offers):
    assert candidates(offers, 4, delegates=["cpu"], threads=3) == [Candidate("fake", "cpu", 3)]


@pytest.mark.parametrize("saturates", [False, True])
def test_a_value_that_is_in_force_anyway_is_not_tried_and_else_is_the_reference(saturates):
    usual = {} if saturates else {"quantised": "exact"}
    cpu = Delegate("cpu", takes={"quantised": ("exact",)}, usual=usual)
    found = candidates({"fake": [Delegate("npu"), cpu]}, 1)
    exact = ["cpu:quantised=exact"] if saturates else []
    assert [way.delegate for way in found] == ["npu", "cpu", *exact]
    assert [way.delegate for way in references(found)] == [*exact, "cpu", "npu"]
