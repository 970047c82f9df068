"""Sizes that stand in a header and that the graph does not depend on."""

import numpy as np
import pytest

from edgerun import Detector
from edgerun.errors import CardInvalid, DecoderUnknown, ModelUnreadable
from edgerun.interpretation import free_sizes

LOG_SIZE = float(np.log(6.0))
"""Of a face of 24 pixels at CenterFace's stride of 4."""


@pytest.fixture
def red_faces(tmp_path):
    """Writes CenterFace's outputs, by one convolution: a face of 24 pixels wherever a cell of 4 x 4 is red.

    Arguments: shape of the input; bound, how the graph depends on its size: "", "grid", "reshape", "one cell".
    """
    from onnx import helper, numpy_helper, save

    def build(shape=(10, 3, 32, 32), bound=""):
        batch, _, height, width = shape
        rows, columns = height // 4, width // 4
        weights, bias = np.zeros((15, 3, 4, 4), np.float32), np.zeros(15, np.float32)
        weights[0] = np.array([1, -1, -1], np.float32)[:, None, None] / (16 * 255) * 20
        bias[0], bias[1:3] = -10.0, LOG_SIZE
        constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")]
        splits = np.array([1, 2, 2, 10])
        constants.append(numpy_helper.from_array(splits, "splits"))
        names = ["heat", "scale", "offset", "landmarks"]
        nodes = [
            helper.make_node("Conv", ["input.1", "weights", "bias"], ["maps"], kernel_shape=[4, 4], strides=[4, 4]),
            helper.make_node("Split", ["maps", "splits"], ["logits", *names[1:]], axis=1),
            helper.make_node("Sigmoid", ["logits"], ["plain"]),
        ]
        if bound == "reshape":
            constants.append(numpy_helper.from_array(np.array([batch, 1, rows, columns]), "target"))
            nodes.append(helper.make_node("Reshape", ["plain", "target"], ["heat"]))
        elif bound:
            size = (1, 1, 1, 1) if bound == "one number" else (1, 1, rows, columns)
            constants.append(numpy_helper.from_array(np.zeros(size, np.float32), "zeros"))
            nodes.append(helper.make_node("Add", ["plain", "zeros"], ["heat"]))
        else:
            nodes.append(helper.make_node("Identity", ["plain"], ["heat"]))
        channels = dict(zip(names, splits.tolist(), strict=True))
        graph = helper.make_graph(
            nodes,
            "faces",
            [helper.make_tensor_value_info("input.1", 1, list(shape))],
            [helper.make_tensor_value_info(n, 1, [batch, c, rows, columns]) for n, c in channels.items()],
            constants,
        )
        path = tmp_path / "faces.onnx"
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return path

    return build


def photo():
    """640 x 480, with one red square of 4 x 4 pixels about (202, 102)."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[100:104, 200:204] = (0, 0, 255)
    return image


@pytest.mark.parametrize("bound", ["", "one number"])
def test_a_stand_in_size_is_left_open(red_faces, bound):
    with Detector.load(red_faces(bound=bound)) as detector:
        assert (detector.card.height, detector.card.width) == (640, 640)
        assert detector.session.inputs[0].shape == (None, 3, None, None)
        (face,) = detector(photo(), conf=0.4)
        assert face.box == pytest.approx((190, 91.5, 214, 109.5), abs=0.1)  # the family stretches images


def test_a_size_that_is_given_is_taken(red_faces):
    with Detector.load(red_faces((1, 3, 320, 320)), imgsz=(480, 640)) as detector:
        assert (detector.card.height, detector.card.width) == (480, 640)
        assert len(detector(photo(), conf=0.4)) == 1


def test_a_size_in_the_header_that_may_be_meant_is_kept(red_faces):
    with Detector.load(red_faces((1, 3, 320, 320))) as detector:
        assert (detector.card.height, detector.card.width) == (320, 320)
        assert detector.session.inputs[0].shape == (1, 3, 320, 320)


@pytest.mark.parametrize("bound", ["grid", "reshape"])
def test_a_size_that_the_graph_is_bound_to_is_refused(red_faces, bound):
    with pytest.raises(DecoderUnknown, match="32 x 32 pixels are the size of a stand-in image"):
        Detector.load(red_faces(bound=bound))
    with pytest.raises(CardInvalid, match="is fixed at 320"):
        Detector.load(red_faces((1, 3, 320, 320), bound=bound), imgsz=640)


def test_outputs_that_do_not_follow_are_refused(red_faces, monkeypatch):
    monkeypatch.setattr("edgerun.interpretation.free_sizes.bound_by", lambda graph: "")
    with pytest.raises(ModelUnreadable, match="runs at no other"):
        Detector.load(red_faces((1, 3, 320, 320), bound="grid"), imgsz=640)


@pytest.mark.parametrize(
    ("smaller", "larger", "follows"),
    [
        ((1, 4, 32, 48), (1, 4, 64, 96), True),
        ((1, 504, 6), (1, 2016, 6), True),
        ((1, 300, 6), (1, 300, 6), True),
        ((1, 4, 32, 48), (1, 4, 64, 48), False),
        ((10, 4, 32, 48), (10, 4, 64, 96), False),
        ((1, 504, 6), (4, 504, 6), False),
    ],
)
def test_outputs_follow_a_size_that_is_doubled(smaller, larger, follows):
    assert free_sizes._follows(smaller, larger) is follows
