from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Graph, Node
from edgerun.graphs.preprocessing import InGraphPreprocessing, preprocessing
from edgerun.interpretation import graph_evidence

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
BYTES = {"scale": 1.0, "mean": 0.0, "std": 1.0}
SHARES = {**BYTES, "scale": 1 / 255}
CENTRED = {**BYTES, "scale": 1 / 127.5, "mean": 1.0}
FIRST = ("Conv", [np.zeros((8, 3, 3, 3))])


def fed(found):
    """(card fields, why) of a graph with this preprocessing."""
    inferred = graph_evidence.fed_as(found)
    return ({}, "") if inferred is None else (dict(inferred.fields), inferred.reason)


@pytest.mark.parametrize(
    ("steps", "fields"),
    [
        ([("Div", [255.0])], BYTES),
        ([("Mul", [1 / 255])], BYTES),
        ([("Cast", []), ("Transpose", []), ("DIV", [np.float32(255)])], BYTES),
        ([("Div", [255.0]), ("Sub", [MEAN.reshape(1, 3, 1, 1)]), ("Div", [STD.reshape(1, 3, 1, 1)])], BYTES),
        ([("Sub", [MEAN * 255]), ("Div", [STD * 255])], BYTES),
        ([("MUL", [1 / 127.5]), ("SUB", [1.0])], BYTES),
        ([("Mul", [1 / 127.5]), ("Add", [-1.0])], BYTES),
        ([("Resize", []), ("Div", [255.0])], BYTES),
        ([("Sub", [MEAN]), ("Div", [STD])], SHARES),
        ([("Mul", [2.0]), ("Sub", [1.0])], SHARES),
        ([("BatchNormalization", [np.ones(3), np.zeros(3), np.full(3, 118.0), np.full(3, 57.0**2)])], BYTES),
        ([("Sub", [np.array([104.0, 117.0, 123.0])])], BYTES),
        ([("Clip", [0.0, 255.0]), ("Pad", [np.zeros(8)]), ("Div", [255.0])], BYTES),
        ([("Conv", [np.full((3, 1, 1, 1), 1 / 255)])], BYTES),
        ([("Conv", [np.eye(3).reshape(3, 3, 1, 1) * 4, np.full(3, -2.0)])], SHARES),
        ([("Mul", [255.0])], SHARES),
        ([("Mul", [255.0]), ("Sub", [MEAN * 255])], SHARES),
        ([("Add", [1.0]), ("Mul", [0.5])], CENTRED),
        ([("Mul", [127.5]), ("Add", [127.5])], CENTRED),
        ([], {}),
        ([("Transpose", [])], {}),
        ([("Mul", [3.0])], {}),
        ([("BatchNormalization", [np.ones(3)] * 4)], {}),
    ],
    ids=lambda value: "-".join(step[0] for step in value) or "nothing" if isinstance(value, list) else None,
)
def test_a_graph_that_normalises_takes_the_picture_as_it_is(steps, fields, chain):
    found, why = fed(preprocessing(chain(*steps, FIRST), "images"))
    assert found == fields
    assert bool(why) is bool(fields)


def test_constants_that_operators_yield_count_as_well():
    maker = Node("Constant", outputs=("k",), attributes={"value": np.array(255.0, np.float32)})
    divide = Node("Div", inputs=("images", "k"), outputs=("v",))
    graph = Graph([maker, divide, Node("Conv", inputs=("v", "w"), outputs=("o",))], ("images",), ("o",))
    assert fed(preprocessing(graph, "images"))[0] == BYTES


def test_core_ml_s_scaler_is_a_factor(chain):
    graph = chain(("scaler", [], {"channelScale": 1 / 255}), ("convolution", []))
    assert fed(preprocessing(graph, "images"))[0] == BYTES


def test_an_operator_that_asks_for_the_shape_alone_does_not_count(chain):
    asking = Node("Shape", inputs=("images",), outputs=("size",))
    graph = chain(("Div", [255.0]), FIRST, rest=(asking,))
    assert fed(preprocessing(graph, "images"))[0] == BYTES


@pytest.mark.parametrize(("order", "turned"), [("012", False), ("210", True)])
def test_channels_that_are_split_and_put_together_again_are_followed(order, turned):
    nodes = [Node("Split", inputs=("images",), outputs=("s0", "s1", "s2"))]
    nodes += [Node("Div", inputs=(f"s{each}", "k"), outputs=(f"d{each}",)) for each in range(3)]
    nodes += [Node("Concat", inputs=tuple(f"d{each}" for each in order), outputs=("v",))]
    nodes += [Node("Conv", inputs=("v", "w"), outputs=("o",))]
    graph = Graph(nodes, ("images",), ("o",), constants={"k": np.array(255.0)})
    found = preprocessing(graph, "images")
    assert fed(found)[0] == BYTES
    assert found.channels_swapped is turned


def test_channels_that_are_put_together_in_another_way_are_not_followed():
    nodes = [Node("Split", inputs=("images",), outputs=("s0", "s1", "s2"))]
    nodes += [Node("Concat", inputs=("s1", "s0", "s2"), outputs=("v",))]
    assert preprocessing(Graph(nodes, ("images",), ("v",)), "images") == InGraphPreprocessing()


def test_a_convolution_of_one_pixel_may_turn_channels_and_one_that_mixes_them_is_the_network_s_own(chain):
    turning = ("Conv", [np.eye(3)[::-1].reshape(3, 3, 1, 1)])
    assert preprocessing(chain(turning, FIRST), "images").channels_swapped
    mixing = ("Conv", [np.ones((3, 3, 1, 1))])
    assert preprocessing(chain(mixing, FIRST), "images") == InGraphPreprocessing()


def test_what_several_operators_read_is_not_followed(chain):
    other = Node("Slice", inputs=("images", "a"), outputs=("x",))
    graph = chain(("Div", [255.0]), FIRST, rest=(other,))
    assert preprocessing(graph, "images") == InGraphPreprocessing()


def test_a_slice_that_turns_nothing_round_is_the_network_s_own(chain):
    assert not preprocessing(chain(("Slice", [[0], [9], [2], [2]]), FIRST), "images").channels_swapped


@pytest.mark.parametrize(
    "step",
    [
        ("Gather", [[2, 1, 0]]),
        ("Slice", [[-1], [-10], [1], [-1]]),
        ("REVERSE_V2", [[3]]),
    ],
    ids=("gather", "slice", "reverse"),
)
def test_channels_that_are_turned_round_are_seen(step, chain):
    assert preprocessing(chain(step, FIRST), "images").channels_swapped


def test_steps_count_in_the_order_in_which_the_channels_leave(chain):
    found = preprocessing(chain(("Sub", [MEAN]), ("Gather", [[2, 1, 0]]), ("Div", [STD]), FIRST), "images")
    np.testing.assert_allclose(found.factor, 1 / STD)
    np.testing.assert_allclose(found.offset, -MEAN[::-1] / STD)
