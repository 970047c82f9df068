"""What edgerun does not do is called by its name."""

from __future__ import annotations

import pytest

from edgerun.contract import TensorSpec
from edgerun.interpretation.other_tasks import recognised


def of(*shapes, size=(64, 64)):
    return recognised([TensorSpec(f"y{place}", shape) for place, shape in enumerate(shapes)], *size)


@pytest.mark.parametrize(
    ("shapes", "size", "expected"),
    [
        # MediaPipe's face mesh: 468 points, or 478 with irises, x y z each, and a score of presence
        ([(1, 1, 1, 1404), (1, 1, 1, 1)], (192, 192), "face mesh"),
        ([(1, 478, 3)], (256, 256), "face mesh"),
        ([(1, 21, 512, 512)], (512, 512), "semantic mask"),
        ([(1, 257, 257, 21)], (257, 257), "semantic mask"),
        ([(1, 1, 640, 480)], (640, 480), "each pixel"),
        ([(1, 512)], (112, 112), "embedding"),
        ([(1, 128, 1, 1)], (112, 112), "embedding"),
        # PaddleOCR's recogniser: 320 pixels, 40 characters, 6625 kinds; CRNN: 100 pixels, 26 characters, 37 kinds
        ([(1, 40, 6625)], (48, 320), "text recogniser"),
        ([(26, 1, 37)], (32, 100), "text recogniser"),
    ],
)
def test_a_task_is_recognised(shapes, size, expected):
    assert expected in of(*shapes, size=size)


@pytest.mark.parametrize(
    ("shapes", "size"),
    [
        ([(1, 84, 8400)], (640, 640)),
        ([(1, 300, 6)], (640, 640)),
        ([(1, 40, 80)], (640, 640)),
        ([(1, 1000)], (224, 224)),
        ([(1, 17, 64, 48)], (256, 192)),
        ([(1, 32, 160, 160), (1, 116, 8400)], (640, 640)),
        ([()], (640, 640)),
        ([(None, None)], (640, 640)),
    ],
)
def test_what_a_detector_may_give_is_not(shapes, size):
    assert of(*shapes, size=size) == ""
