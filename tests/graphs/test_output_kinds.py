from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Graph, Match, Node, Sure
from edgerun.graphs import output_kinds
from edgerun.graphs.output_kinds import Treatment


def chain(*steps, image="images", rest=(), producer=""):
    """A graph of operators one after another; a step is (operator, constants) and perhaps attributes."""
    nodes, constants, value = [], {}, image
    for number, (op, arrays, *attributes) in enumerate(steps):
        names = [f"c{number}_{index}" for index in range(len(arrays))]
        constants |= {name: np.asarray(array) for name, array in zip(names, arrays, strict=True)}
        nodes.append(Node(op, inputs=(value, *names), outputs=(f"v{number}",), attributes=dict(*attributes)))
        value = f"v{number}"
    return Graph([*nodes, *rest], (image,), (value,), constants=constants, producer=producer)


MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
BYTES = {"scale": 1.0, "mean": 0.0, "std": 1.0}
SHARES = {**BYTES, "scale": 1 / 255}
CENTRED = {**BYTES, "scale": 1 / 127.5, "mean": 1.0}
FIRST = ("Conv", [np.zeros((8, 3, 3, 3))])


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
def test_a_graph_that_normalises_takes_the_picture_as_it_is(steps, fields):
    found, why = output_kinds.said_of(output_kinds.treatment(chain(*steps, FIRST), "images"))
    assert found == fields
    assert bool(why) is bool(fields)


def test_constants_that_operators_yield_count_as_well():
    maker = Node("Constant", outputs=("k",), attributes={"value": np.array(255.0, np.float32)})
    divide = Node("Div", inputs=("images", "k"), outputs=("v",))
    graph = Graph([maker, divide, Node("Conv", inputs=("v", "w"), outputs=("o",))], ("images",), ("o",))
    assert output_kinds.said_of(output_kinds.treatment(graph, "images"))[0] == BYTES


def test_core_ml_s_scaler_is_a_factor():
    graph = chain(("scaler", [], {"channelScale": 1 / 255}), ("convolution", []))
    assert output_kinds.said_of(output_kinds.treatment(graph, "images"))[0] == BYTES


def test_an_operator_that_asks_for_the_shape_alone_does_not_count():
    asking = Node("Shape", inputs=("images",), outputs=("size",))
    graph = chain(("Div", [255.0]), FIRST, rest=(asking,))
    assert output_kinds.said_of(output_kinds.treatment(graph, "images"))[0] == BYTES


@pytest.mark.parametrize(("order", "turned"), [("012", False), ("210", True)])
def test_channels_that_are_split_and_put_together_again_are_followed(order, turned):
    nodes = [Node("Split", inputs=("images",), outputs=("s0", "s1", "s2"))]
    nodes += [Node("Div", inputs=(f"s{each}", "k"), outputs=(f"d{each}",)) for each in range(3)]
    nodes += [Node("Concat", inputs=tuple(f"d{each}" for each in order), outputs=("v",))]
    nodes += [Node("Conv", inputs=("v", "w"), outputs=("o",))]
    graph = Graph(nodes, ("images",), ("o",), constants={"k": np.array(255.0)})
    found = output_kinds.treatment(graph, "images")
    assert output_kinds.said_of(found)[0] == BYTES
    assert found.reversed is turned


def test_channels_that_are_put_together_in_another_way_are_not_followed():
    nodes = [Node("Split", inputs=("images",), outputs=("s0", "s1", "s2"))]
    nodes += [Node("Concat", inputs=("s1", "s0", "s2"), outputs=("v",))]
    assert output_kinds.treatment(Graph(nodes, ("images",), ("v",)), "images") == Treatment()


def test_a_convolution_of_one_pixel_may_turn_channels_and_one_that_mixes_them_is_the_network_s_own():
    turning = ("Conv", [np.eye(3)[::-1].reshape(3, 3, 1, 1)])
    assert output_kinds.treatment(chain(turning, FIRST), "images").reversed
    mixing = ("Conv", [np.ones((3, 3, 1, 1))])
    assert output_kinds.treatment(chain(mixing, FIRST), "images") == Treatment()


def test_what_several_operators_read_is_not_followed():
    other = Node("Slice", inputs=("images", "a"), outputs=("x",))
    graph = chain(("Div", [255.0]), FIRST, rest=(other,))
    assert output_kinds.treatment(graph, "images") == Treatment()


@pytest.mark.parametrize(
    "step",
    [
        ("Gather", [[2, 1, 0]]),
        ("Slice", [[-1], [-10], [1], [-1]]),
        ("REVERSE_V2", [[3]]),
    ],
    ids=("gather", "slice", "reverse"),
)
def test_channels_that_are_turned_round_turn_the_convention(step):
    found = output_kinds.treatment(chain(step, FIRST), "images")
    assert found.reversed
    match = output_kinds.turned(Match(Sure.LIKELY, "seen", {"color": "rgb"}, {"color": "convention: so"}), found)
    assert match.conventions["color"] == "bgr"
    assert match.basis["color"].startswith("inferred: the graph turns")
    assert output_kinds.turned(match, Treatment()) is match


def test_a_mean_and_a_deviation_are_turned_with_their_channels():
    found = output_kinds.treatment(chain(("Gather", [[2, 1, 0]]), FIRST), "images")
    fields = {"color": "bgr", "mean": (104.0, 117.0, 123.0), "std": (57.0, 58.0, 59.0)}
    turned = output_kinds.turned(Match(Sure.LIKELY, "seen", fields), found).conventions
    assert (turned["color"], turned["mean"], turned["std"]) == ("rgb", (123.0, 117.0, 104.0), (59.0, 58.0, 57.0))


def test_a_slice_that_turns_nothing_round_is_the_network_s_own():
    assert not output_kinds.treatment(chain(("Slice", [[0], [9], [2], [2]]), FIRST), "images").reversed


@pytest.mark.parametrize(
    ("steps", "made"),
    [
        ([("Conv", [np.ones(1)]), ("Sigmoid", []), ("Reshape", [[1]]), ("Transpose", [])], "sigmoid"),
        ([("FULLY_CONNECTED", [np.ones(1)]), ("SOFTMAX", [])], "softmax"),
        ([("Sigmoid", []), ("Conv", [np.ones(1)]), ("Transpose", [])], "raw"),
        ([("LOGISTIC", []), ("DEQUANTIZE", [])], "sigmoid"),
        ([("Relu", [])], ""),
    ],
    ids=("sigmoid", "softmax", "raw", "tflite", "else"),
)
def test_what_made_an_output_is_seen_behind_what_moves_it(steps, made):
    graph = chain(*steps)
    assert output_kinds.activation(graph, graph.outputs[0]) == made


def test_an_output_of_two_origins_is_of_neither():
    graph = Graph(
        [
            Node("Sigmoid", inputs=("a",), outputs=("x",)),
            Node("Conv", inputs=("a", "w"), outputs=("y",)),
            Node("Concat", inputs=("x", "y"), outputs=("z",)),
        ],
        ("a",),
        ("z",),
    )
    assert output_kinds.activation(graph, "z") == ""
    assert output_kinds.activation(graph, "x") == "sigmoid"


def test_operators_are_found_by_the_names_of_every_format():
    assert output_kinds.has(chain(("NonMaxSuppression", [])), "nms")
    assert output_kinds.has(chain(("TFLite_Detection_PostProcess", [])), "nms")
    assert output_kinds.has(chain(("ios17.nonMaximumSuppression", [])), "nms")
    assert output_kinds.has(chain(("TOPK_V2", [])), "topk")
    assert not output_kinds.has(chain(("Conv", [])), "nms", "topk")
    assert not output_kinds.has(None, "nms")


def test_patches_of_a_vision_transformer_are_told_from_a_stem():
    patch = ("Conv", [], {"kernel_shape": (16, 16), "strides": (16, 16)})
    stem = ("Conv", [], {"kernel_shape": (3, 3), "strides": (2, 2)})
    assert output_kinds.patches(chain(stem, patch)) == 16
    assert output_kinds.patches(chain(stem)) == 0


@pytest.mark.parametrize(
    ("producer", "version"), [("pytorch 1.10", (1, 10)), ("pytorch 2.13.0", (2, 13)), ("tf2onnx 1.9", None), ("", None)]
)
def test_pytorch_s_version_is_read(producer, version):
    assert output_kinds.torch_version(chain(producer=producer)) == version
