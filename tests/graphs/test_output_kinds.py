from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Graph, Node
from edgerun.graphs import output_kinds


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
def test_what_made_an_output_is_seen_behind_what_moves_it(steps, made, chain):
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


def test_operators_are_found_by_the_names_of_every_format(chain):
    assert output_kinds.has(chain(("NonMaxSuppression", [])), "nms")
    assert output_kinds.has(chain(("TFLite_Detection_PostProcess", [])), "nms")
    assert output_kinds.has(chain(("ios17.nonMaximumSuppression", [])), "nms")
    assert output_kinds.has(chain(("TOPK_V2", [])), "topk")
    assert not output_kinds.has(chain(("Conv", [])), "nms", "topk")
    assert not output_kinds.has(None, "nms")


def test_patches_of_a_vision_transformer_are_told_from_a_stem(chain):
    patch = ("Conv", [], {"kernel_shape": (16, 16), "strides": (16, 16)})
    stem = ("Conv", [], {"kernel_shape": (3, 3), "strides": (2, 2)})
    assert output_kinds.patches(chain(stem, patch)) == 16
    assert output_kinds.patches(chain(stem)) == 0


@pytest.mark.parametrize(
    ("producer", "version"), [("pytorch 1.10", (1, 10)), ("pytorch 2.13.0", (2, 13)), ("tf2onnx 1.9", None), ("", None)]
)
def test_pytorch_s_version_is_read(producer, version, chain):
    assert output_kinds.torch_version(chain(producer=producer)) == version
