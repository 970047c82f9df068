"""Tables of boxes that a graph decodes itself."""

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Decoder, Evidence, Graph, Match, Node, Sure, TensorSpec
from edgerun.decoders import BUILTIN
from edgerun.graphs.decoded_rows import strides_of_rows
from edgerun.interpretation import decoder_choice

STRIDES = np.array([[8.0] * 16 + [16.0] * 4 + [32.0]], np.float32)
"""Of an input of 32 x 32."""

NODES = {
    "near": Node("Sub", inputs=("anchors", "left_top"), outputs=("near",)),
    "far": Node("Add", inputs=("anchors", "right_bottom"), outputs=("far",)),
    "total": Node("Add", inputs=("near", "far"), outputs=("total",)),
    "centre": Node("Div", inputs=("total", "two"), outputs=("centre",)),
    "size": Node("Sub", inputs=("far", "near"), outputs=("size",)),
    "boxes": Node("Concat", inputs=("centre", "size"), outputs=("boxes",), attributes={"axis": 1}),
    "scaled": Node("Mul", inputs=("boxes", "strides"), outputs=("scaled",)),
    "scores": Node("Sigmoid", inputs=("logits",), outputs=("scores",)),
    "output": Node("Concat", inputs=("scaled", "scores"), outputs=("output",), attributes={"axis": 1}),
}
BEFORE = Node("Split", inputs=("image",), outputs=("left_top", "right_bottom", "logits"))


def graph_of(strides=STRIDES, two=2.0, **changed):
    """The graph, with some nodes changed; a value of None leaves one out."""
    nodes = [BEFORE, *(node for node in ({**NODES, **changed}).values() if node is not None)]
    anchors = TensorSpec("anchors", (1, 2, 21), "float32")
    constants = {"strides": strides, "two": np.float32(two)}
    return Graph(nodes, ("image",), ("output",), {"anchors": anchors}, constants)


def test_the_strides_of_all_rows_are_told():
    assert np.array_equal(strides_of_rows(graph_of(), "output"), STRIDES[0])


def test_a_change_of_the_type_on_the_way_is_none_of_the_values():
    cast = Node("Cast", inputs=("scores",), outputs=("wide",))
    output = Node("Concat", inputs=("scaled", "wide"), outputs=("output",), attributes={"axis": 1})
    assert strides_of_rows(graph_of(cast=cast, output=output), "output") is not None


OTHER_WAYS = {
    "scores before the sigmoid": {"scores": Node("Relu", inputs=("logits",), outputs=("scores",))},
    "joined along the rows": {"output": Node("Concat", "", ("scaled", "scores"), ("output",), {"axis": 2})},
    "scores first": {"output": Node("Concat", "", ("scores", "scaled"), ("output",), {"axis": 1})},
    "keypoints behind": {"output": Node("Concat", "", ("scaled", "scores", "logits"), ("output",), {"axis": 1})},
    "corners": {"boxes": Node("Concat", "", ("near", "far"), ("boxes",), {"axis": 1})},
    "halved by three": {"two": 3.0},
    "size before centre": {"boxes": Node("Concat", "", ("size", "centre"), ("boxes",), {"axis": 1})},
    "sizes turned round": {"size": Node("Sub", inputs=("near", "far"), outputs=("size",))},
    "another corner": {"total": Node("Add", inputs=("near", "near"), outputs=("total",))},
    "cells that an image moves": {"near": Node("Sub", inputs=("image", "left_top"), outputs=("near",))},
    "cells that an image moves on both sides": {
        "near": Node("Sub", inputs=("image", "left_top"), outputs=("near",)),
        "far": Node("Add", inputs=("image", "right_bottom"), outputs=("far",)),
    },
    "scaled again": {"rest": Node("Mul", "", ("scaled", "two"), ("small",)),
                     "output": Node("Concat", "", ("small", "scores"), ("output",), {"axis": 1})},
    "quantised": {"rest": Node("DequantizeLinear", "", ("scores", "two"), ("stored",)),
                  "output": Node("Concat", "", ("scaled", "stored"), ("output",), {"axis": 1})},
    "nothing that makes them": {"scaled": None},
}  # fmt: skip


@pytest.mark.parametrize("change", OTHER_WAYS.values(), ids=list(OTHER_WAYS))
def test_every_other_way_is_left_to_a_trial_run(change):
    assert strides_of_rows(graph_of(**change), "output") is None


# --------------------------------------------------------------------------------------------- what follows


def evidence_of(graph, labels=("cat", "dog")):
    """What is known of a model [1, 6, 21] for 32 x 32, of which a trial run is an error."""

    def run(kind):
        raise AssertionError("a trial run is made")

    image = TensorSpec("image", (1, 3, 32, 32), "float32")
    outputs = [TensorSpec("output", (1, 6, 21), "float32")]
    sources = {"labels": "metadata", "height": "the file's input", "width": "the file's input"}
    card = ModelCard(height=32, width=32, labels=labels, sources=sources)
    return Evidence([image], outputs, image, card, {}, run, lambda: graph)


def test_what_the_graph_shows_is_believed_without_a_trial_run():
    choice = decoder_choice.choose(evidence_of(graph_of()), BUILTIN)
    assert choice.decoder.name == "yolov8"
    assert choice.match.conventions["box_units"] == "pixels"
    assert choice.match.why.endswith("as the graph shows")


@pytest.mark.parametrize(
    "evidence",
    [
        evidence_of(graph_of(strides=STRIDES / 32)),
        evidence_of(graph_of(strides=STRIDES[:, ::-1])),
        evidence_of(graph_of(), labels=()),
    ],
    ids=["boxes in 0..1", "another order of rows", "columns that no label names"],
)
def test_where_the_graph_leaves_anything_open_a_trial_run_is_made(evidence):
    with pytest.raises(AssertionError, match="a trial run is made"):
        decoder_choice.choose(evidence, BUILTIN)


def test_a_plugins_family_is_asked_all_the_same():
    mine = Decoder("mine", lambda _: Match(Sure.POSSIBLE, "it may be mine"), lambda outputs, frame: None)
    choice = decoder_choice.choose(evidence_of(graph_of()), [*BUILTIN, mine])
    assert [name for name, _ in choice.others] == ["mine"]
