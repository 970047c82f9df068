from __future__ import annotations

import pytest

from edgerun.contract import Delegate
from edgerun.delegates import choose, confirm
from edgerun.errors import DelegateUnavailable

OFFERS = [Delegate("npu", False, "libnpu.so is missing"), Delegate("gpu"), Delegate("cpu")]


@pytest.mark.parametrize("wish", [None, "auto"])
def test_the_best_available_one_is_taken(wish):
    assert choose(wish, OFFERS, "runtime").name == "gpu"


def test_a_name_is_taken_or_refused_with_the_reason():
    assert choose("cpu", OFFERS, "runtime").name == "cpu"
    with pytest.raises(DelegateUnavailable, match=r"libnpu\.so is missing") as refusal:
        choose("npu", OFFERS, "runtime")
    assert refusal.value.hint == "use one of: gpu, cpu"
    with pytest.raises(DelegateUnavailable, match="not one of runtime's delegates"):
        choose("ane", OFFERS, "runtime")


def test_of_a_list_the_first_available_one_is_taken_and_says_why_earlier_ones_were_not():
    chosen = choose(["ane", "npu", "cpu", "gpu"], OFFERS, "runtime")
    assert chosen.name == "cpu"
    assert "ane" in chosen.reason
    assert "libnpu.so" in chosen.reason
    with pytest.raises(DelegateUnavailable):
        choose(["ane", "npu"], OFFERS, "runtime")
    with pytest.raises(DelegateUnavailable):
        choose([], OFFERS, "runtime")


def test_a_runtime_that_falls_back_is_caught():
    confirm("gpu", Delegate("gpu"), "gpu", "runtime")
    confirm(None, Delegate("gpu"), "cpu", "runtime")
    with pytest.raises(DelegateUnavailable, match="fell back to cpu"):
        confirm("gpu", Delegate("gpu"), "cpu", "runtime")


def test_nothing_available_is_told():
    with pytest.raises(DelegateUnavailable):
        choose(None, [Delegate("npu", False, "no")], "runtime")
