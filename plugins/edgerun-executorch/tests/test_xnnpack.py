"""What a part that was lowered for XNNPACK computes stands in the file, and is read."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Graph
from edgerun.errors import ModelUnreadable
from edgerun.graphs.output_kinds import activation
from edgerun.graphs.preprocessing import preprocessing
from edgerun_executorch import graph, xnnpack

DATA = Path(__file__).parent / "data"


def test_its_operators_are_read_with_the_names_of_the_call_around_them():
    # torch 2.13, executorch 1.5.1: a convolution with a rectifier, another one, and a sum that XNNPACK does not take
    lowered, _ = graph.read(DATA / "net.pte").nodes
    kinds = [node.op.removeprefix("xnnpack::") for node in lowered.inside]
    assert kinds == ["transpose", "conv", "transpose", "conv", "transpose"]
    assert not lowered.closed
    assert lowered.inside[0].inputs == ("input_0",)
    made = {name for node in lowered.inside for name in node.outputs}
    assert made.issuperset(lowered.outputs)
    assert activation(graph.read(DATA / "net.pte"), "output_0") == "raw"


def test_what_it_does_to_an_image_is_followed():
    # the file: (x - ImageNet's mean) / 58, then channels turned, x 1, 2, 4 and + 1, 2, 3; see data/write.py
    found = preprocessing(graph.read(DATA / "lowered_mean.pte"), "input_0")
    assert found.channels_swapped
    assert found.closed_by == ""
    factor, mean = np.array([1, 2, 4]) / 58, np.array([103.53, 116.28, 123.675])
    np.testing.assert_allclose(found.factor, factor, rtol=1e-5)
    np.testing.assert_allclose(found.offset, [1, 2, 3] - mean * factor, rtol=1e-5)


def test_a_filter_of_single_channels_lies_in_the_order_of_other_formats():
    """Three filters of one pixel, [1, 1, 1, 3] in the blob."""
    made = xnnpack._Blob.__new__(xnnpack._Blob)
    spec = xnnpack.TensorSpec("w", (1, 1, 1, 3))
    made.values, made.constants = {"w": spec}, {"w": np.arange(3, dtype=np.float32).reshape(1, 1, 1, 3)}
    for _ in range(2):
        made.turn_filter("w")
        assert made.constants["w"].shape == (3, 1, 1, 1)


def test_every_operator_of_the_schema_has_a_place():
    # executorch/backends/xnnpack/serialization/schema.fbs of 1.5.1: XNodeUnion
    assert len(xnnpack.OPERATORS) == 47
    names = [layout.name for layout in xnnpack.OPERATORS]
    assert (names[0], names[6], names[15], names[35], names[46]) == ("add", "conv", "sub", "attention", "cos")


@pytest.mark.parametrize("name", ["lowered_mean.pte", "net.pte"])
def test_a_damaged_part_is_read_refused_or_closed(tmp_path, name):
    dice, whole, path, closed = random.Random(0), (DATA / name).read_bytes(), tmp_path / "damaged.pte", 0
    start = whole.index(xnnpack.MAGIC)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            content[dice.randrange(start, len(content))] = dice.randrange(256)
        path.write_bytes(content)
        with suppress(ModelUnreadable):
            found = graph.read(path)
            assert isinstance(found, Graph)
            closed += any(node.closed for node in found.nodes)
    assert closed > 20
