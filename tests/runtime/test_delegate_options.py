"""Options of a request: known, spelt as the offer does, and libraries that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.contract import ANY, Delegate
from edgerun.delegates import Wish
from edgerun.errors import DelegateUnavailable, InputError
from edgerun.runtime.delegate_choice import candidates

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


def test_options_of_a_request_join_those_of_the_offer():
    chosen = only("gpu:precision=fp16,cache=/tmp/x y")
    assert dict(chosen.options) == {"power": "low", "precision": "FP16", "cache": "/tmp/x y"}
    assert dict(only(Wish("gpu", {"precision": "FP32"})).options)["precision"] == "FP32"


def test_an_unknown_option_is_told_the_known_ones():
    with pytest.raises(InputError, match="Delegate gpu of runtime has no option speed") as refusal:
        only("gpu:speed=9")
    assert refusal.value.hint == "its options are: cache, precision"


def test_an_option_of_another_delegate_is_told_whose_it_is():
    with pytest.raises(InputError, match="cpu of runtime has no option units; it is one of coreml") as refusal:
        only("cpu:units=ane")
    assert refusal.value.hint == "its options are: none"


def test_a_value_that_cannot_be_is_told_those_that_can():
    with pytest.raises(InputError, match="precision of delegate gpu does not take 'FP8'") as refusal:
        only("gpu:precision=FP8")
    assert refusal.value.hint == "it takes: FP16, FP32"


def test_ane_is_core_ml_with_the_neural_engine():
    chosen = only("ane")
    assert (chosen.name, dict(chosen.options)) == ("coreml", {"units": "ane"})


# ------------------------------------------------------------------------------------------------ libraries


def test_a_library_is_taken_by_its_path_with_options_of_its_own(tmp_path):
    library = tmp_path / "libx.so"
    library.touch()
    chosen = only(f"{library},level=3")
    assert (chosen.name, dict(chosen.options)) == ("external", {"library": str(library), "level": "3"})
    assert only(library).options["library"] == str(library)
    assert isinstance(library, Path)


def test_a_library_that_is_a_folder_or_missing_is_told(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        only(f"{tmp_path}/")
    (tmp_path / "libx.so").touch()
    with pytest.raises(InputError, match="is a folder") as refusal:
        only(f"external:{tmp_path}")
    assert refusal.value.hint == f"name the file: {tmp_path / 'libx.so'}"
    with pytest.raises(InputError, match="There is no library"):
        only(str(tmp_path / "liby.so"))


def test_external_without_a_library_is_told():
    with pytest.raises(DelegateUnavailable, match="external: say which library"):
        only("external")
    with pytest.raises(DelegateUnavailable, match="external: it needs the option library"):
        only("external:level=3")
