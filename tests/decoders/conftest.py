"""Made-up heads: each file here says in HEADS how its families write boxes down; test_kit.py reads them all.

HEADS: name of a decoder, or that and a variant, "yolov8/two classes" -> the fields of `edgerun.testing.Head`, under
    these names: encode, decoder, sizes, large, classes, count, keypoints, dtype, card, rivals, and
    of_classes, None for families that one class does not tell from their like,
    rows (objects), image (layout), picture (image_name), inputs (further_inputs), said (arguments),
    loose (score_tolerance).
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from functools import partial
from pathlib import Path

import pytest

from edgerun import decoders
from edgerun.testing import Head
from edgerun.testing.heads import Reading

FIELDS = {
    "rows": "objects",
    "image": "layout",
    "picture": "image_name",
    "inputs": "further_inputs",
    "said": "arguments",
    "loose": "score_tolerance",
}
"""Key in HEADS -> the field of `Head`, where they differ."""


def as_head(entry):
    """A head of an entry in HEADS; {} is one that is only fed."""
    fields = {FIELDS.get(key, key): value for key, value in {"encode": None, **entry}.items()}
    return Head(**{"of_classes": of_classes(fields["encode"]), **fields})


def of_classes(encode):
    """(number of classes) -> how a head of so many is encoded, where the encoding takes `classes`; else None."""
    if encode is None or "classes" not in inspect.signature(encode).parameters:
        return None
    return lambda count: partial(encode, classes=count)


def gathered():
    """Name -> entry, of all files in this folder."""
    found = {}
    for path in sorted([*Path(__file__).parent.glob("test_*.py"), *Path(__file__).parent.glob("heads_of_*.py")]):
        name = f"made_up_in_{path.stem}"
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        for key, entry in getattr(sys.modules[name], "HEADS", {}).items():
            assert key not in found, f"two heads are called {key}"
            found[key] = entry
    return found


def pytest_configure(config):
    config.all_heads = lambda: {name: as_head(entry) for name, entry in gathered().items()}


@pytest.fixture
def all_heads():
    """Name -> entry, of all files."""
    return gathered()


@pytest.fixture
def evidence():
    """(entry, size, outputs, blank=None, **card fields) -> what is known of a model with these outputs."""
    return lambda entry, size, outputs, /, **given: as_head(entry).evidence(size, outputs, **given)


@pytest.fixture
def read():
    """(entry, size, outputs, conf=0.25) -> (decoder, candidates in model pixels), as a detector does."""
    reading = Reading(decoders.BUILTIN)
    return lambda entry, size, outputs, conf=0.25: reading.candidates(as_head(entry), size, outputs, conf=conf)


@pytest.fixture
def objects():
    """(entry, size, seed=0) -> objects [count, 6] that it can hold: x1 y1 x2 y2 score class."""
    return lambda entry, size, seed=0: as_head(entry).made_up(size, seed)
