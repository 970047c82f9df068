"""Real classifiers, loaded with their path alone: the class that their makers name is the first."""

from __future__ import annotations

import pytest

from edgerun import Detector
from edgerun.errors import BackendMissing, BackendUnavailable

pytestmark = pytest.mark.zoo

EXPECTED = {
    "coral_mobilenet_v1_0.25_128_quant": {"cat.bmp": ("tiger cat", 0.32), "bird.bmp": ("chickadee", 0.43)},
    "coral_mobilenet_v2_1.0_224_quant": {"cat.bmp": ("Egyptian cat", 0.84), "bird.bmp": ("chickadee", 0.99)},
}
"""As in the manifest; its shares come from pictures that were made smaller with another filter."""

TOLERANCE = 0.05


@pytest.mark.parametrize("name", EXPECTED)
def test_the_best_class_of_a_real_classifier_is_right(shared, name):
    try:
        detector = Detector.load(shared / "models" / "tflite" / f"{name}.tflite")
    except (BackendMissing, BackendUnavailable) as absent:
        pytest.skip(absent.message)
    with detector:
        assert detector.card.decoder == "classify"
        assert len(detector.labels) == 1001
        for picture, (label, share) in EXPECTED[name].items():
            found = detector(shared / "images" / "coral" / picture)
            assert found.label[0].split(",")[0] == label
            assert found.score[0] == pytest.approx(share, abs=TOLERANCE)
            assert 1 <= len(found) <= 5
            height, width = found.shape
            assert found.xyxy[0].tolist() == [0, 0, width, height]
