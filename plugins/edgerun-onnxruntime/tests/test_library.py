"""Plugin execution providers by their library: what is wrong with one is named, and the process lives."""

from __future__ import annotations

import pytest

from edgerun import Detector
from edgerun.contract import Delegate
from edgerun.errors import DelegateUnavailable
from edgerun_onnxruntime import OnnxRuntimeBackend

pytest.importorskip("onnxruntime")


def opened(odd, library, **options):
    return OnnxRuntimeBackend().open(odd, Delegate("external", options={"library": str(library), **options}), 1)


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
