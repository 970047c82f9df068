"""Delegates of LiteRT from libraries: one compiled here, which takes ADD and declines the rest."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector, hookimpl
from edgerun.contract import Delegate
from edgerun.errors import DelegateIncomplete, DelegateUnavailable, InputError
from edgerun.runtime.delegate_choice import candidates, confirm, demand
from edgerun.runtime.registry import Registry
from edgerun_tflite import TfliteBackend

pytestmark = pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="Linux on x86-64")


@pytest.fixture(scope="session")
def adder(tmp_path_factory) -> Path:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("there is no gcc")
    library = tmp_path_factory.mktemp("adder") / "libadder.so"
    subprocess.run([gcc, "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_name("adder.c")], check=True)
    return library


@pytest.fixture
def model(author, tmp_path) -> Path:
    """z = (x + x) * x + x, of which the adder takes two of three operators."""
    a = author()
    x, y, m, z = (a.tensor(name, (1, 4)) for name in "xymz")
    a.operator("ADD", [x, x], [y])
    a.operator("MUL", [y, x], [m])
    a.operator("ADD", [m, x], [z])
    return a.write(tmp_path / "model.tflite", [x], [z])


def opened(model, wish, *, strict=False):
    backend = TfliteBackend()
    (asked,), _ = candidates(wish, backend.delegates(), backend.name, strict=strict)
    session = backend.open(model, asked, 1)
    confirm(wish, asked, session, backend.name)
    if strict:
        demand(session.coverage(), session.delegate, model.name)
    return session


def test_it_takes_what_it_can_and_exactly_the_rest_is_named(adder, model):
    session = opened(model, adder)
    assert session.delegate == "external"
    coverage = session.coverage()
    assert coverage.nodes == {"external": 2, "cpu": 1}
    assert [(str(entry), entry.name) for entry in coverage.outside("external")] == [("MUL [1, 4]", "1")]


def test_its_options_reach_it_and_what_it_took_is_seen_in_the_result(adder, model):
    x = np.full((1, 4), 3, np.float32)
    assert opened(model, "cpu").run({"x": x})["z"].tolist() == [[21] * 4]  # (3 + 3) * 3 + 3
    session = opened(model, f"{adder},factor=10")
    assert session.run({"x": x})["z"].tolist() == [
        [(6 * 10 * 3 + 3) * 10] * 4
    ]  # both sums are its own, the product not


def test_strict_refuses_the_operator_that_it_declines(adder, model):
    with pytest.raises(DelegateIncomplete) as refusal:
        opened(model, adder, strict=True)
    assert refusal.value.message == "1 of 3 nodes of model.tflite run on cpu, not on external: MUL [1, 4]."


def test_strict_runs_a_model_that_it_takes_whole(adder):
    session = opened(TfliteBackend.specimen, adder, strict=True)
    assert session.coverage().nodes == {"external": 1}


def test_a_model_of_which_it_takes_nothing_is_refused(adder, author, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 4)), a.tensor("y", (1, 4))
    a.operator("MUL", [x, x], [y])
    with pytest.raises(DelegateUnavailable, match="cpu is in force: external took none of the operators"):
        opened(a.write(tmp_path / "square.tflite", [x], [y]), adder)


def test_one_that_a_plugin_adds_has_options_too(adder, model):
    class Guest:
        @staticmethod
        @hookimpl
        def edgerun_register_delegates(backend):
            return (
                [Delegate("adder", options={"library": str(adder)}, takes={"factor": ()})]
                if backend == "tflite"
                else []
            )

    registry = Registry()
    registry.backends.append(TfliteBackend())
    registry.admit("guest", Guest())
    assert not registry.failures
    (asked,), _ = candidates("adder:factor=2", registry.offers(registry.backends[0]), "tflite")
    session = registry.backends[0].open(model, asked, 1)
    assert session.delegate == "adder"
    assert session.run({"x": np.ones((1, 4), np.float32)})["z"].tolist() == [[10] * 4]  # (2 * 2 + 1) * 2
    with pytest.raises(InputError, match="Delegate adder of tflite has no option speed"):
        candidates("adder:speed=2", registry.offers(registry.backends[0]), "tflite")


# ------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("stage", ["create", "prepare"])
def test_one_that_crashes_does_not_take_the_process_along(adder, model, stage):
    with pytest.raises(DelegateUnavailable, match="brought down the process that tried it"):
        opened(model, f"{adder},die={stage}")


def test_one_that_refuses_says_why(adder, model):
    with pytest.raises(DelegateUnavailable, match=r"from .*libadder\.so cannot be used for model\.tflite: "):
        opened(model, f"{adder},refuse=1")
    with pytest.raises(DelegateUnavailable, match="an option that it does not know"):
        opened(model, f"{adder},colour=blue")


def test_a_file_that_is_no_library_and_a_library_that_is_no_delegate(model, tmp_path):
    path = tmp_path / "libtext.so"
    path.write_text("no library")
    with pytest.raises(DelegateUnavailable, match=r"libtext\.so cannot be used .*(invalid ELF header|file too short)"):
        opened(model, path)
    with pytest.raises(DelegateUnavailable, match="tflite_plugin_create_delegate"):
        opened(model, "libc.so.6")


def test_nnapi_on_a_desktop_is_said_to_be_androids(model):
    with pytest.raises(DelegateUnavailable, match="nnapi: NNAPI is part of Android alone"):
        opened(model, "nnapi")


def test_in_a_list_the_next_one_is_taken_and_the_report_says_why(adder, detector_file):
    with Detector.load(detector_file(), delegate=[f"{adder},die=create", "nnapi", "cpu"]) as detector:
        report = detector.report()
    assert report.delegate == "cpu"
    assert "brought down the process" in report.delegate_reason
    assert "nnapi: NNAPI is part of Android alone" in report.delegate_reason
