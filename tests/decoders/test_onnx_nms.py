from __future__ import annotations

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import decoder_choice

OUTPUTS = {
    "b": np.array([[[20, 10, 90, 60], [40, 100, 80, 150], [0, 0, 8, 8]]], np.float32),
    "s": np.array([[[0.1, 0.7, 0.0], [0.9, 0.1, 0.0]]], np.float32),
    "i": np.array([[0, 1, 0], [0, 0, 1], [-1, -1, -1]], np.int64),
}


def test_keras_yolos_boxes_are_y_first_in_pixels(evidence):
    """onnx/models, tiny-yolov3: indices [batch, class, box] into boxes y1 x1 y2 x2 of `image_shape` and scores."""
    outputs = {**OUTPUTS, "i": OUTPUTS["i"][None]}
    known = evidence({"inputs": ("image_shape",)}, (416, 416), outputs)
    choice = decoder_choice.choose(known, decoders.BUILTIN)
    assert choice.decoder.name == "onnx-nms"
    found = choice.decode(outputs, Frame(416, 416, 0.25, known.card))
    np.testing.assert_array_equal(found.boxes, [[10, 20, 60, 90], [100, 40, 150, 80]])
    np.testing.assert_allclose(found.scores, [0.9, 0.7])
    assert found.classes.tolist() == [1, 0]


def test_elsewhere_the_order_of_boxes_is_asked_for(evidence):
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (416, 416), OUTPUTS, mean=0.0), decoders.BUILTIN)
    assert "boxes x1y1x2y2" in refusal.value.hint
    known = evidence({}, (416, 416), OUTPUTS, mean=0.0, outputs={"b": "boxes x1y1x2y2"})
    found = decoder_choice.choose(known, decoders.BUILTIN).decode(OUTPUTS, Frame(416, 416, 0.25, known.card))
    np.testing.assert_array_equal(found.boxes[0], [20, 10, 90, 60])
