"""Families that are imported when they are asked, some only about several outputs: the list tells the truth of them."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Decoder, Sure

LISTED: dict[str, list[Decoder]] = {}
LATER: dict[str, list[Decoder]] = {}
"""Module -> its families as listed: of all, and of those that need several outputs."""
for entry in decoders.BUILTIN:
    LISTED.setdefault(entry.matches.args[0], []).append(entry)
    if entry.matches.func is decoders._matches_several:
        LATER.setdefault(entry.matches.args[0], []).append(entry)


def facts(family: Decoder) -> tuple[object, ...]:
    return family.name, family.suppress, family.batched, family.decode


@pytest.mark.parametrize("module", LISTED)
def test_the_list_gives_a_modules_families_as_they_are(module):
    real = import_module(f"edgerun.decoders.{module}").DECODERS
    assert list(map(facts, LISTED[module])) == list(map(facts, real))


def test_every_module_is_listed():
    folder = Path(decoders.__file__).parent
    assert set(LISTED) == {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_no_head_of_one_output_is_theirs(request):
    families = [family for module in LATER for family in import_module(f"edgerun.decoders.{module}").DECODERS]
    single = 0
    for name, head in request.config.all_heads().items():
        size = head.sizes[0]
        outputs = {} if head.encode is None else head.encoded(head.made_up(size), size)
        if len(outputs) == 1:
            single += 1
            known = head.evidence(size, outputs)
            taken = [family.name for family in families if family.matches(known).sure is not Sure.NO]
            assert not taken, name
    assert single > 20


def test_none_is_imported_before_it_is_asked():
    code = (
        "import sys; from edgerun import decoders; "
        "print(*(name for name in sys.modules if 'edgerun.decoders.' in name or 'edgerun.heads' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


def test_those_of_several_are_not_imported_for_one_output():
    code = """
import sys
from types import SimpleNamespace
from edgerun import decoders
for family in decoders.BUILTIN:
    if family.matches.func is decoders._matches_several:
        family.matches(SimpleNamespace(outputs=["one"]))
print(*(name for name in sys.modules if "edgerun.decoders." in name))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


def test_a_model_of_one_output_is_refused_in_a_sentence(evidence):
    known = evidence({}, (320, 320), {"output": np.zeros((1, 2100, 84), np.float32)})
    for families in LATER.values():
        for family in families:
            assert family.matches(known).why == "it needs several outputs"
