from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path

import numpy as np

from edgerun.interpretation import decoder_choice

if "heads_of_test_nanodet" not in sys.modules:
    spec = importlib.util.spec_from_file_location("heads_of_test_nanodet", Path(__file__).with_name("test_nanodet.py"))
    sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[spec.name])
nanodet = sys.modules["heads_of_test_nanodet"]

STRIDES = (8, 16, 32, 64)


def encode(rows, height, width, random, *, order=1):
    found = nanodet.encode(rows, height, width, random, strides=STRIDES, bins=8, offset=0.5)
    arrays = [found[stride][part][None] for part in (0, 1) for stride in STRIDES][::order]
    return {f"scale_{index}": array.astype(np.float32) for index, array in enumerate(arrays)}


HEADS = {"picodet": {"encode": encode}, "picodet/backwards": {"encode": partial(encode, order=-1)}}


def test_picodet_is_fed_red_green_blue_in_imagenets_deviations(evidence):
    from edgerun import decoders

    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    match = decoder_choice.choose(evidence({}, (320, 320), outputs), decoders.BUILTIN).match
    assert match.conventions["color"] == "rgb"
    assert match.conventions["scale"] == 1 / 255
    assert match.conventions["mean"] == (0.485, 0.456, 0.406)
