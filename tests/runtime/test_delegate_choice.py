"""Which delegate is tried, and what is refused."""

from __future__ import annotations

import pytest

from edgerun.contract import ANY, Coverage, Delegate, Placed
from edgerun.errors import DelegateIncomplete, DelegateUnavailable, InputError
from edgerun.runtime.delegate_choice import candidates, confirm, coverage, demand

OFFERS = [
    Delegate("npu", False, "libnpu.so is missing"),
    Delegate("gpu", takes={"precision": ("FP16", "FP32"), "cache": ()}, options={"power": "low"}),
    Delegate("coreml", takes={"units": ("all", "ane")}),
    Delegate("external", False, "say which library", takes={"library": (), ANY: ()}, needs=("library",)),
    Delegate("cpu"),
]


def only(wish, **options):
    (chosen,), _ = candidates(wish, OFFERS, "runtime", **options)
    return chosen


class Opened:
    """A session that says what it is told to say."""

    def __init__(self, delegate, placed=None, why=None):
        self.delegate = delegate
        self._placed = placed
        if why is not None:
            self.delegate_reason = why

    def coverage(self):
        return None if self._placed is None else Coverage("assigned", "a test", tuple(self._placed))


@pytest.mark.parametrize("wish", [None, "auto"])
def test_without_a_name_all_that_are_available_are_tried_in_their_order(wish):
    found, refusals = candidates(wish, OFFERS, "runtime")
    assert [entry.name for entry in found] == ["gpu", "coreml", "cpu"]
    assert refusals == []


def test_a_name_is_taken_or_refused_with_the_reason():
    assert only("cpu").name == "cpu"
    with pytest.raises(DelegateUnavailable, match=r"libnpu\.so is missing") as refusal:
        only("npu")
    assert refusal.value.hint == "use one of: gpu, coreml, cpu"
    with pytest.raises(DelegateUnavailable, match="edgetpu: runtime does not offer it"):
        only("edgetpu")


@pytest.mark.parametrize(
    ("typed", "meant"), [("gpuu", "gpu"), ("core-ml", "coreml"), ("TensorRT", "tensorrt"), ("CPU", "cpu")]
)
def test_a_misspelt_name_is_told_the_one_that_was_meant(typed, meant):
    with pytest.raises(DelegateUnavailable, match=rf"{typed} is not a delegate, perhaps {meant} was meant\."):
        only(typed)


def test_of_a_list_the_first_available_one_comes_first_and_earlier_ones_say_why_not():
    found, refusals = candidates(["armnn", "npu", "cpu", "gpu"], OFFERS, "runtime")
    assert [entry.name for entry in found] == ["cpu", "gpu"]
    assert refusals == ["armnn: runtime does not offer it", "npu: libnpu.so is missing"]
    with pytest.raises(DelegateUnavailable, match=r"armnn: .*; npu: "):
        candidates(["armnn", "npu"], OFFERS, "runtime")


def test_auto_at_the_end_of_a_list_stands_for_all_that_are_available():
    found, refusals = candidates(["npu", "cpu", "auto"], OFFERS, "runtime", strict=True)
    assert [entry.name for entry in found] == ["cpu", "gpu", "coreml"]
    assert all(entry.strict for entry in found)
    assert refusals == ["npu: libnpu.so is missing"]


def test_names_with_options_may_come_as_a_table():
    found, refusals = candidates({"npu": {}, "gpu": {"precision": "FP16"}}, OFFERS, "runtime")
    assert [(entry.name, entry.options["precision"]) for entry in found] == [("gpu", "FP16")]
    assert refusals == ["npu: libnpu.so is missing"]


@pytest.mark.parametrize("wish", [5, [5], [None], {"gpu": "FP16"}, {5: {}}])
def test_what_must_be_a_request_is_told_with_the_spelling(wish):
    with pytest.raises(InputError, match="must be") as refusal:
        candidates(wish, OFFERS, "runtime")
    assert "name:option=value" in refusal.value.hint


def test_an_empty_list_is_told():
    with pytest.raises(InputError, match="empty"):
        candidates([], OFFERS, "runtime")


def test_nothing_available_is_told():
    with pytest.raises(DelegateUnavailable, match="no available delegate"):
        candidates(None, [Delegate("npu", False, "no")], "runtime")


def test_strict_goes_to_the_backend_with_the_delegate():
    assert only("cpu", strict=True).strict
    assert not only("cpu").strict


# ------------------------------------------------------------------------------------------------ in force


def test_a_runtime_that_falls_back_is_caught():
    assert confirm("gpu", Delegate("gpu"), Opened("gpu"), "runtime") == ""
    assert confirm(None, Delegate("gpu"), Opened("cpu"), "runtime") == "runtime fell back to it"
    with pytest.raises(DelegateUnavailable, match="cpu is in force: runtime fell back to it"):
        confirm("gpu", Delegate("gpu"), Opened("cpu"), "runtime")


def test_a_file_that_settles_the_delegate_is_not_called_a_fallback():
    opened = Opened("cpu", why="it was exported without a backend")
    assert confirm(None, Delegate("xnnpack"), opened, "runtime") == "it was exported without a backend"
    with pytest.raises(DelegateUnavailable, match=r"cpu is in force: it was exported without a backend\."):
        confirm("xnnpack", Delegate("xnnpack"), opened, "runtime")


def test_strict_lists_what_runs_elsewhere():
    placed = [Placed("Conv", "gpu"), *[Placed("TopK", "cpu", shape=(1, None))] * 2, Placed("Sort", "cpu", nodes=3)]
    with pytest.raises(DelegateIncomplete) as refusal:
        demand(Opened("gpu", placed).coverage(), "gpu", "m.onnx")
    assert refusal.value.message == "5 of 6 nodes of m.onnx run on cpu, not on gpu: 2 x TopK [1, ?], Sort."
    assert [row["operator"] for row in refusal.value.to_dict()["outside"]] == ["TopK", "TopK", "Sort"]
    demand(Opened("gpu", placed[:1]).coverage(), "gpu", "m.onnx")


def test_strict_refuses_where_the_runtime_cannot_tell():
    assert coverage(Opened("gpu"), "runtime").source == "runtime does not tell which node runs where"
    with pytest.raises(DelegateIncomplete, match="cannot be told: runtime does not tell"):
        demand(coverage(Opened("gpu"), "runtime"), "gpu", "m.onnx")


def test_shares_of_time_are_of_what_was_measured():
    placed = (Placed("Conv", "gpu", milliseconds=3.0), Placed("Sort", "cpu", milliseconds=1.0), Placed("X", "cpu"))
    seen = Coverage("measured", "a profile", placed)
    assert seen.time == {"gpu": 0.75, "cpu": 0.25}
    assert seen.nodes == {"gpu": 1, "cpu": 2}
    assert seen.operators == {"gpu": ("Conv",), "cpu": ("Sort", "X")}
    assert Coverage("assigned", "a word", placed[2:]).time == {}


def test_an_option_that_is_asked_for_goes_before_that_of_the_offer():
    """Both name a library: the one that is installed, and the user's."""
    offer = Delegate("edgetpu", takes={"library": (), ANY: ()}, options={"library": "libedgetpu.so.1", "power": "low"})
    (asked,), _ = candidates("edgetpu:library=libmine.so", [offer], "runtime")
    assert dict(asked.options) == {"library": "libmine.so", "power": "low"}
    (asked,), _ = candidates("edgetpu:power=high,usb=1", [offer], "runtime")
    assert dict(asked.options) == {"library": "libedgetpu.so.1", "power": "high", "usb": "1"}


def test_an_option_that_is_asked_for_goes_before_that_of_a_short_name():
    """ "ane" stands for coreml with units=ane."""
    offers = [Delegate("coreml", takes={"units": ("all", "ane", "cpu"), "cache": ()}, options={"units": "all"})]
    assert dict(candidates("ane", offers, "runtime")[0][0].options) == {"units": "ane"}
    assert dict(candidates("ane:units=cpu,cache=x", offers, "runtime")[0][0].options) == {"units": "cpu", "cache": "x"}
