from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Graph, Node
from edgerun.graphs.preprocessing import preprocessing
from edgerun.interpretation.mean_order import color_claim

IMAGENET = np.array([123.675, 116.28, 103.53])
"""torchvision 0.28.0, transforms/_presets.py: mean=(0.485, 0.456, 0.406), of 255; red, green, blue."""
COCO = np.array([0.47, 0.447, 0.408])


def graph(*steps):
    nodes, constants, value = [], {}, "images"
    for number, (op, constant) in enumerate(steps):
        constants[f"c{number}"] = np.asarray(constant)
        nodes.append(Node(op, inputs=(value, f"c{number}"), outputs=(f"v{number}",)))
        value = f"v{number}"
    return Graph([*nodes, Node("Conv", inputs=(value, "w"), outputs=("o",))], ("images",), ("o",), constants=constants)


@pytest.mark.parametrize(
    ("steps", "color"),
    [
        ([("Sub", IMAGENET)], "rgb"),
        ([("Sub", IMAGENET[::-1])], "bgr"),
        ([("Sub", [104.0, 117.0, 123.0])], "bgr"),
        ([("Sub", IMAGENET[::-1]), ("Div", [57.375, 57.12, 58.395])], "bgr"),
        ([("Div", 255.0), ("Sub", IMAGENET / 255), ("Div", [0.229, 0.224, 0.225])], "rgb"),
        ([("Sub", COCO[::-1]), ("Div", 0.27)], "bgr"),
        ([("Gather", [2, 1, 0]), ("Sub", IMAGENET)], "bgr"),
        ([("Sub", [127.0, 127.0, 127.0])], None),
        ([("Sub", [10.0, 20.0, 30.0])], None),
        ([("Div", 255.0)], None),
    ],
)
def test_the_means_of_photos_tell_which_channel_is_blue(steps, color):
    claim = color_claim(preprocessing(graph(*steps), "images"))
    assert claim.fields.get("color") == color
    assert claim.source.startswith("inferred: ") is (color is not None)
