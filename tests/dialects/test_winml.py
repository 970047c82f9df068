"""ONNX's metadata of the category Image: https://onnx.ai/onnx/repo-docs/MetadataProps.html."""

from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

CUSTOM_VISION = {
    "Image.BitmapPixelFormat": "Bgr8", "Image.ColorSpaceGamma": "SRGB", "Image.NominalPixelRange": "NominalRange_0_255",
}  # fmt: skip
"""As Custom Vision's exports carry it; its sample script feeds blue first and bytes by it."""


def test_blue_first_and_bytes_stand_in_the_file(finds):
    card = finds(metadata=CUSTOM_VISION, bgr=True, scale=255.0, load={"resize": "letterbox"})
    assert (card.color, card.scale, card.mean[0], card.std[0]) == ("bgr", 1.0, 0.0, 1.0)
    assert card.source("color") == "winml metadata"


@pytest.mark.parametrize(
    ("span", "black", "white"),
    [("NominalRange_0_255", 0, 255), ("Normalized_0_1", 0, 1), ("Normalized_1_1", -1, 1), ("normalized_0_1", 0, 1)],
)
def test_ranges(gathered, span, black, white):
    card = gathered(metadata={"Image.BitmapPixelFormat": "Rgb8", "Image.NominalPixelRange": span})
    ends = [(pixel * card.scale - card.mean[0]) / card.std[0] for pixel in (0, 255)]
    assert ends == pytest.approx([black, white])
    assert card.color == "rgb"


def test_a_range_that_is_left_out_is_bytes(gathered):
    """learn.microsoft.com, LearningModelPixelRange: the system defaults to ZeroTo255."""
    card = gathered(metadata={"image.bitmappixelformat": "gray8"})
    assert (card.color, card.scale) == ("gray", 1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"Image.NominalPixelRange": "NominalRange_16_235"},
        {"Image.ColorSpaceGamma": "Linear"},
        {"Image.BitmapPixelFormat": "Bgra8"},
        {"Image.Orientation": "1"},
    ],
)
def test_what_cannot_be_fed_is_refused(gathered, change):
    with pytest.raises(CardInvalid, match="winml metadata"):
        gathered(metadata={**CUSTOM_VISION, **change})


def test_other_metadata_say_nothing(gathered):
    assert not gathered(metadata={"image_size": "640", "Image.ColorSpaceGamma": "SRGB"}).sources
