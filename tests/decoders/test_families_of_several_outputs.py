"""Families that are imported only for models of several outputs: the list tells the truth about them."""

import subprocess
import sys
from functools import partial
from importlib import import_module

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Decoder, Sure

LATER: dict[str, list[Decoder]] = {}
for entry in decoders.BUILTIN:
    if isinstance(entry.matches, partial) and entry.matches.func is decoders._matches:
        LATER.setdefault(entry.matches.args[0], []).append(entry)


@pytest.mark.parametrize("module", LATER)
def test_the_list_gives_a_modules_families_and_their_suppression(module):
    real = import_module(f"edgerun.decoders.{module}").DECODERS
    assert [(family.name, family.suppress) for family in LATER[module]] == [(each.name, each.suppress) for each in real]
    assert all(each.decode is None and each.batched for each in real)


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


def test_none_of_them_is_imported_for_a_single_output():
    code = "import sys; from edgerun import decoders; print(*(name for name in sys.modules if 'decoders.' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.rpartition(".")[2] for name in done.stdout.split()}
    assert "yolov8" in imported
    assert not imported & set(LATER)


def test_a_model_of_one_output_is_refused_in_a_sentence(evidence):
    known = evidence({}, (320, 320), {"output": np.zeros((1, 2100, 84), np.float32)})
    for families in LATER.values():
        for family in families:
            assert family.matches(known).why == "it needs several outputs"
