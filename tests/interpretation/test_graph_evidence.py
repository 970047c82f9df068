from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, Graph, Match, Node, Sure, TensorSpec
from edgerun.graphs.preprocessing import InGraphPreprocessing, preprocessing
from edgerun.interpretation.graph_evidence import with_channel_order, with_open_normalisation


def chain(op, array):
    """A graph of one operator with a constant, and a convolution behind it."""
    nodes = [Node(op, inputs=("images", "c"), outputs=("v",)), Node("Conv", inputs=("v", "w"), outputs=("o",))]
    return Graph(nodes, ("images",), ("o",), constants={"c": np.asarray(array)})


def test_channels_that_are_turned_round_turn_the_convention():
    found = preprocessing(chain("Gather", [2, 1, 0]), "images")
    assert found.channels_swapped
    match = with_channel_order(Match(Sure.LIKELY, "seen", {"color": "rgb"}, {"color": "convention: so"}), found)
    assert match.conventions["color"] == "bgr"
    assert match.basis["color"].startswith("inferred: the graph swaps")
    assert with_channel_order(match, InGraphPreprocessing()) is match


def test_a_mean_and_a_deviation_are_turned_with_their_channels():
    found = preprocessing(chain("Gather", [2, 1, 0]), "images")
    fields = {"color": "bgr", "mean": (104.0, 117.0, 123.0), "std": (57.0, 58.0, 59.0)}
    turned = with_channel_order(Match(Sure.LIKELY, "seen", fields), found).conventions
    assert (turned["color"], turned["mean"], turned["std"]) == ("rgb", (123.0, 117.0, 104.0), (59.0, 58.0, 57.0))


@pytest.mark.parametrize(("factor", "left_open"), [(3.0, True), (1 / 255, False)])
def test_an_odd_normalisation_leaves_open_what_goes_in(factor, left_open):
    image, match = TensorSpec("images", (1, 3, 64, 64)), Match(Sure.LIKELY, "seen", {"scale": 1 / 255})
    known = Evidence([image], [], image, ModelCard(), {}, lambda kind: {}, lambda: chain("Mul", factor))
    found = with_open_normalisation(match, known)
    assert [entry.who for entry in found.alternatives.get("mean", ())][:2] == (["0..255", "0..1"] if left_open else [])
    assert ("the graph itself makes 3 x +0 of each x" in found.why) is left_open
    settled = replace(match, unsettled={"mean": ()})
    assert with_open_normalisation(settled, known) is settled


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_an_input_of_whole_numbers_takes_bytes_whatever_the_graph_makes_of_them(dtype):
    """MoveNet's inputs are uint8 (TFLite) and int32 (saved model): 0..1, -1..1 and ImageNet's would be lost in them."""
    match = Match(Sure.LIKELY, "seen", {"scale": 1 / 255, "mean": 0.5}, {"scale": "convention: so"})
    found = with_open_normalisation(match, evidence_of(chain("Mul", 3.0), dtype))
    assert not found.alternatives
    assert {name: found.conventions[name] for name in ("scale", "mean", "std")} == {"scale": 1, "mean": 0, "std": 1}
    assert found.basis["scale"] == f"inferred: an input of {dtype} takes bytes as they are"


def closed_graph(op):
    part = Node(op, inputs=("images",), outputs=("o",), closed=True)
    return Graph([part], ("images",), ("o",))


def evidence_of(graph, dtype="float32", **known):
    image = TensorSpec("images", (1, 3, 64, 64), dtype)
    card = replace(ModelCard(), **known, sources=dict.fromkeys(known, "argument"))
    return Evidence([image], [], image, card, {}, lambda kind: {}, lambda: graph)


def test_a_change_of_the_image_that_cannot_be_followed_leaves_open_what_goes_in():
    match = Match(Sure.LIKELY, "seen", {"scale": 1 / 255}, {"scale": "convention: so"})
    found = with_open_normalisation(match, evidence_of(closed_graph("aten::sub_")))
    assert "mean" in found.alternatives
    assert found.why.endswith("the file does not show what happens to an image inside of aten::sub_")
    assert with_open_normalisation(match, evidence_of(closed_graph("aten::sub_"), scale=1.0)) is match
    assert with_open_normalisation(match, evidence_of(closed_graph("aten::sub_"), "uint8")) is match
    inferred = replace(match, basis={"scale": "inferred: a trial run shows it"})
    assert with_open_normalisation(inferred, evidence_of(closed_graph("aten::sub_"))) is inferred


def test_a_convention_does_not_settle_what_a_part_does_that_was_compiled_for_a_device():
    basis = {"scale": "convention: so", "color": "convention: so", "mean": "inferred: seen"}
    match = Match(Sure.LIKELY, "seen", {"scale": 1 / 255, "color": "rgb", "mean": 0.0}, basis)
    found = with_open_normalisation(match, evidence_of(closed_graph("QnnBackend")))
    assert found.why.endswith("the file does not show what happens to an image inside of QnnBackend")
    assert "mean" in found.alternatives
    assert with_open_normalisation(match, evidence_of(closed_graph("QnnBackend"), scale=1.0)) is match


@pytest.mark.parametrize(
    ("op", "inputs", "left_open"),
    [
        ("aten::slice_scatter.out", ("images", "part"), True),
        ("ScatterND", ("images", "places", "part"), True),
        ("aten::where.self_out", ("mask", "part", "images"), True),
        ("ScatterND", ("table", "places", "images"), False),
        ("Where", ("images", "a", "b"), False),
        ("Conv", ("images", "w"), False),
    ],
)
def test_a_part_that_is_changed_and_written_back_leaves_open_what_goes_in(op, inputs, left_open):
    nodes = [Node("Slice", inputs=("images", "s", "e"), outputs=("part",)), Node(op, inputs=inputs, outputs=("o",))]
    match = Match(Sure.LIKELY, "seen", {"scale": 1 / 255}, {"scale": "convention: so"})
    found = with_open_normalisation(match, evidence_of(Graph(nodes, ("images",), ("o",))))
    assert ("mean" in found.alternatives) is left_open
    assert found.why.endswith(f"{op} changes a part of an image, which cannot be followed") is left_open


@pytest.mark.parametrize(("scale", "left_open"), [(1.0, True), (1 / 255, False)])
def test_a_range_that_most_of_a_convention_lies_beyond_leaves_it_open(scale, left_open):
    nodes = [
        Node("QuantizeLinear", inputs=("images", "s", "z"), outputs=("q",)),
        Node("DequantizeLinear", inputs=("q", "s", "z"), outputs=("d",)),
        Node("Conv", inputs=("d", "w"), outputs=("o",)),
    ]
    constants = {"s": np.float32(1 / 127), "z": np.int8(0)}
    graph = Graph(nodes, ("images",), ("o",), constants={name: np.asarray(each) for name, each in constants.items()})
    match = Match(Sure.LIKELY, "seen", {"scale": scale})
    found = with_open_normalisation(match, evidence_of(graph))
    assert ("mean" in found.alternatives) is left_open
    assert ("cuts off what goes in beyond 1" in found.why) is left_open
