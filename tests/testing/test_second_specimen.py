"""The kit's second specimen catches backends that the first one lets through."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Delegate, Health, TensorSpec
from edgerun.testing import BackendConformance
from edgerun.testing.second_specimen import SCALE, ZERO_POINT

KIT = BackendConformance()


class Session:
    delegate, metadata = "cpu", {}
    inputs = (TensorSpec("x", (None, 3)), TensorSpec("q", (None, 3), "int8"))
    outputs = (TensorSpec("r", (None, 3), "int8"), TensorSpec("y", (None, 3)))

    def run(self, feeds):
        y = (feeds["x"] + SCALE * (feeds["q"].astype(np.float32) - ZERO_POINT)).astype(np.float32)
        r = np.clip(np.rint(y / SCALE) + ZERO_POINT, -128, 127).astype(np.int8)
        return {"r": r, "y": y}

    def close(self):
        pass


class InOrderOfNames(Session):
    """As a runtime whose own list of outputs is sorted by when they are computed."""

    def run(self, feeds):
        return dict(reversed(super().run(feeds).items()))


class OfOneSize(Session):
    """As a runtime whose memory stays that of the first run."""

    rows = None

    def run(self, feeds):
        self.rows = self.rows or len(feeds["x"])
        return {name: array[: self.rows] for name, array in super().run(feeds).items()}


class Views(Session):
    """As a runtime whose results are views of its own memory."""

    memory = np.zeros((64, 3), np.float32)

    def run(self, feeds):
        results = super().run(feeds)
        rows = self.memory[: len(results["y"])]
        rows[:] = results["y"]
        return {**results, "y": rows}


class Floats(Session):
    """As a runtime that dequantises by itself."""

    def run(self, feeds):
        results = super().run(feeds)
        return {**results, "r": results["y"].copy()}


class Backend:
    name, formats = "mine", ("mine",)

    def __init__(self, kind):
        self.kind = kind

    def health(self):
        return Health(True, "1")

    def delegates(self):
        return [Delegate("npu", False, "there is none"), Delegate("cpu")]

    def open(self, path, delegate, threads):
        return self.kind()


@pytest.mark.parametrize("kind", [InOrderOfNames, OfOneSize, Floats], ids=lambda kind: kind.__name__)
def test_wrong_results_are_caught(kind, tmp_path):
    KIT.test_results_of_every_size_are_right_on_every_available_delegate(Backend(Session), tmp_path)
    with pytest.raises(AssertionError):
        KIT.test_results_of_every_size_are_right_on_every_available_delegate(Backend(kind), tmp_path)


def test_results_that_a_later_run_changes_are_caught():
    KIT.test_earlier_results_stay_when_the_size_changes(Session())
    with pytest.raises(AssertionError):
        KIT.test_earlier_results_stay_when_the_size_changes(Views())


def test_inputs_in_another_order_or_of_a_fixed_size_are_caught():
    turned, fixed = Session(), Session()
    turned.inputs = Session.inputs[::-1]
    fixed.inputs = (TensorSpec("x", (2, 3)), TensorSpec("q", (2, 3), "int8"))
    KIT.test_two_inputs_are_listed_in_the_order_of_the_file(Session())
    for wrong in (turned, fixed):
        with pytest.raises(AssertionError):
            KIT.test_two_inputs_are_listed_in_the_order_of_the_file(wrong)
