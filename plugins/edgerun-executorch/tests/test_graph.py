from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Graph, ReadsGraphs, TellsNeeds
from edgerun.errors import ModelUnreadable
from edgerun.graphs.preprocessing import preprocessing
from edgerun_executorch import ExecuTorchBackend

DATA = Path(__file__).with_name("data")


@pytest.fixture
def read():
    return ExecuTorchBackend().graph


def test_the_backend_offers_graphs_and_needs():
    assert isinstance(ExecuTorchBackend(), ReadsGraphs)
    assert isinstance(ExecuTorchBackend(), TellsNeeds)


def test_what_was_lowered_is_one_node_named_after_its_backend(read):
    graph = read(DATA / "net.pte")
    assert [node.op for node in graph.nodes] == ["XnnpackBackend", "aten::sum.IntList_out"]
    lowered, total = graph.nodes
    assert lowered.inputs == ("input_0",)
    assert "output_0" in lowered.outputs
    assert total.inputs[0] in lowered.outputs
    assert total.outputs == ("output_1",)
    assert total.attributes["1"] == (2, 3)
    assert (graph.inputs, graph.outputs) == (("input_0",), ("output_0", "output_1"))
    assert graph.values["output_0"].shape == (1, 4, 16, 24)


def test_open_sizes_are_none(read):
    assert read(DATA / "open_sizes.pte").values["input_0"].shape == (None,) * 4


@pytest.mark.parametrize("name", ["constants.pte", "channels_last.pte"])
def test_constants_are_read_in_the_order_of_their_axes(read, name):
    graph = read(DATA / name)
    (node,) = graph.nodes
    weight, bias = (graph.constants[value] for value in node.inputs[1:3])
    np.testing.assert_array_equal(weight, np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1))
    np.testing.assert_array_equal(bias, np.float32([0.5, 0.5]))


def test_the_backends_that_a_program_needs_are_told():
    (need,) = ExecuTorchBackend().needs(DATA / "net.pte")
    assert (need.what, need.why) == ("ExecuTorch with XnnpackBackend", "1 of 2 calls are lowered for it")
    assert ExecuTorchBackend().needs(DATA / "constants.pte") == []


@pytest.mark.parametrize("content", [b"", b"this is not a program" * 9, b"\x20\0\0\0ET12" + bytes(99)])
def test_what_is_no_program_is_refused(read, tmp_path, content):
    path = tmp_path / "program.pte"
    path.write_bytes(content)
    with pytest.raises(ModelUnreadable):
        read(path)
    with suppress(ModelUnreadable):
        assert ExecuTorchBackend().needs(path) == []


def test_a_damaged_program_is_read_or_refused(read, tmp_path):
    dice = random.Random(0)
    whole = (DATA / "constants.pte").read_bytes()
    path = tmp_path / "damaged.pte"
    refused = 0
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(dice.randint(1, 5)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        path.write_bytes(content[: dice.choice((len(content), dice.randrange(len(content))))])
        for ask in (read, ExecuTorchBackend().needs):
            with suppress(ModelUnreadable):
                assert isinstance(ask(path), (Graph, list))
                continue
            refused += 1
    assert refused > 100


def test_lists_of_tensors_are_spread(read, shared):
    graph = read(shared / "models" / "executorch" / "nanodet_m_320_xnnpack.pte")
    split = next(node for node in graph.nodes if node.op == "aten::split_with_sizes_copy.out")
    assert (len(split.inputs), len(split.outputs)) == (1, 2)
    made = {name for node in graph.nodes for name in node.outputs} | set(graph.inputs) | set(graph.constants)
    assert set(graph.outputs) <= made


def test_what_a_program_does_to_an_image_is_seen_by_the_names_of_its_operators(read):
    # torch 2.13 and executorch 1.5.1: relu((x - mean) / 58) with ImageNet's mean in bytes
    graph = read(DATA / "mean_taken_off.pte")
    assert [node.op for node in graph.nodes if "input_0" in node.inputs] == ["aten::sub.out"]
    found = preprocessing(graph, "input_0")
    np.testing.assert_allclose(found.factor, 1 / 58, rtol=1e-5)
    np.testing.assert_allclose(found.offset, [-123.675 / 58, -116.28 / 58, -103.53 / 58], rtol=1e-5)


def test_a_part_that_cannot_be_read_shows_nothing_of_what_it_does(read, tmp_path):
    path = tmp_path / "program.pte"
    path.write_bytes((DATA / "net.pte").read_bytes().replace(b"XH00", b"XH99"))
    assert preprocessing(read(path), "input_0").closed_by == "XnnpackBackend"
    path.write_bytes((DATA / "net.pte").read_bytes().replace(b"XnnpackBackend", b"TalkingBackend"))
    assert preprocessing(read(path), "input_0").closed_by == "TalkingBackend"
    assert preprocessing(read(DATA / "mean_taken_off.pte"), "input_0").closed_by == ""


def test_an_input_that_is_changed_in_place_is_followed_and_is_not_an_output(read):
    # torch 2.13 and executorch 1.5.1: x /= 255, which the program gives back first, before relu(x) and x.sum()
    graph = read(DATA / "in_place.pte")
    assert (graph.inputs, graph.outputs) == (("input_0",), ("output_0", "output_1"))
    np.testing.assert_allclose(preprocessing(graph, "input_0").factor, 1 / 255, rtol=1e-5)
