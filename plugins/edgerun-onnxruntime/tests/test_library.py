"""Plugin execution providers by their library: one compiled here, and what can be wrong with others."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edgerun import Detector
from edgerun.contract import Delegate
from edgerun.errors import DelegateIncomplete, DelegateUnavailable
from edgerun_onnxruntime import OnnxRuntimeBackend

pytest.importorskip("onnxruntime")


def opened(path, library, *, strict=False, **options):
    asked = Delegate("external", options={"library": str(library), **options}, strict=strict)
    return OnnxRuntimeBackend().open(path, asked, 1)


X = {"x": np.random.default_rng(0).normal(size=(1, 2, 4, 4)).astype(np.float32)}


def test_a_provider_takes_what_it_can_and_exactly_the_rest_is_named(three, provider):
    session = opened(three, provider)
    assert session.delegate == "external"
    assigned, measured = session.coverage(), session.profile(X)
    assert (assigned.evidence, measured.evidence) == ("assigned", "measured")
    assert assigned.nodes == measured.nodes == {"external": 2, "cpu": 1}  # the runtime's own profile says the same
    assert [(e.operator, e.name) for e in assigned.outside("external")] == [("Hardmax", "odd")]
    assert [(str(e), e.name) for e in measured.outside("external")] == [("Hardmax [1, 2, 4, 4]", "odd")]
    assert set(measured.time) == {"external", "cpu"}
    bare = OnnxRuntimeBackend().open(three, Delegate("cpu"), 1)
    np.testing.assert_array_equal(session.run(X)["y"], bare.run(X)["y"])
    assert bare.coverage().nodes == {"cpu": 3}  # a provider that is registered is not used unasked


def test_one_that_a_plugin_adds_by_name_is_as_good(three, provider):
    session = OnnxRuntimeBackend().open(three, Delegate("made", options={"library": str(provider)}), 1)
    assert session.delegate == "made"
    assert session.coverage().nodes == {"made": 2, "cpu": 1}


def test_strict_refuses_with_the_operator_and_its_shape_or_runs_the_whole(three, provider):
    with pytest.raises(DelegateIncomplete) as refusal:
        opened(three, provider, strict=True)
    assert refusal.value.message == "1 of 3 nodes of three.onnx run on cpu, not on external: Hardmax [1, 2, 4, 4]."
    session = opened(OnnxRuntimeBackend.specimen, provider, strict=True)
    assert session.coverage().nodes == {"external": 1}


def test_a_kind_of_device_that_a_provider_does_not_bring_is_told(odd, provider):
    with pytest.raises(DelegateUnavailable, match="finds no gpu device, only CPU"):
        opened(odd, provider, device="gpu")


def test_a_library_that_was_registered_by_somebody_else_is_used(three, provider):
    script = (
        "import sys, onnxruntime; from pathlib import Path\n"
        "from edgerun.contract import Delegate\n"
        "from edgerun_onnxruntime import OnnxRuntimeBackend\n"
        "onnxruntime.register_execution_provider_library('theirs', sys.argv[2])\n"
        "asked = Delegate('external', options={'library': sys.argv[2]})\n"
        "print(OnnxRuntimeBackend().open(Path(sys.argv[1]), asked, 1).coverage().nodes)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, three, provider], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "{'external': 2, 'cpu': 1}", ran.stderr


def test_a_library_that_is_no_execution_provider_is_told_what_it_lacks(odd, compiled):
    with pytest.raises(DelegateUnavailable, match=r"cannot be loaded from .*libmade\.so: .*CreateEpFactories"):
        opened(odd, compiled("int answer(void) { return 42; }"))


def test_a_file_that_is_no_library_fails_to_load(odd, tmp_path):
    path = tmp_path / "libtext.so"
    path.write_text("no library")
    with pytest.raises(DelegateUnavailable, match=r"cannot be loaded from .*libtext\.so"):
        opened(odd, path)


def test_a_library_that_crashes_when_it_is_loaded_does_not_take_the_process_along(odd, compiled):
    library = compiled("#include <stdlib.h>\n__attribute__((constructor)) static void die(void) { abort(); }")
    with pytest.raises(DelegateUnavailable, match="brought down the process that tried it"):
        opened(odd, library)


def test_in_a_list_the_next_one_is_taken_and_the_report_says_why(compiled):
    library = compiled("#include <stdlib.h>\n__attribute__((constructor)) static void die(void) { abort(); }")
    with Detector.load("codes", delegate=[library, "cpu"]) as detector:
        report = detector.report()
    assert report.delegate == "cpu"
    assert "brought down the process" in report.delegate_reason
