"""Tasks that edgerun does not do, recognised by the shapes of outputs that no decoder reads, so that a refusal names
them. Nothing is chosen by what is found here.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgerun.contract import TensorSpec

__all__ = ["recognised"]

FACE_MESHES = {(468, 3), (478, 3), (3 * 468,), (3 * 478,)}
"""Of MediaPipe's face mesh, without irises and with them: x, y and z of each point. Source: mediapipe 1.2.3,
tasks/python/vision/face_landmarker.py, whose connections name points 0 to 477."""

EMBEDDINGS = {(128,), (192,), (256,), (384,), (512,), (768,), (1024,), (2048,)}
"""Numbers of an embedding: powers of two, and those of vision transformers."""

FEWEST_CHARACTERS = 11
"""Of a text recogniser: ten digits and the blank."""

TALLEST_LINE = 64
"""Pixels of a text recogniser's input: a line of text of 32, 48 or 64. Source: PaddleOCR, configs/rec."""

STEPS = (4, 8)
"""Pixels of its width for each character that it may give."""

MOST_OFF = 2
"""Characters more or fewer than that, by the padding of its convolutions."""

Shape = tuple[int | None, ...]
"""Without axes of one."""


def recognised(outputs: Sequence[TensorSpec], height: int, width: int) -> str:
    """What outputs look like, as "a face mesh: …"; "" where they look like nothing that is known here.

    Args:
        outputs: of one image.
        height, width: pixels of the input.
    """
    shapes = [_without_ones(spec.shape) for spec in outputs]
    if not FACE_MESHES.isdisjoint(shapes):
        return "a face mesh: hundreds of points of one face"
    if all(_is_mask(shape, height, width) for shape in shapes):
        return "a semantic mask, a depth or another value for each pixel"
    if len(shapes) > 1:
        return ""
    if shapes[0] in EMBEDDINGS:
        return "an embedding: numbers to compare with those of other images"
    if height <= TALLEST_LINE and 2 * height <= width and _is_text(shapes[0], width):
        return "a text recogniser: characters along a line of text"
    return ""


def _without_ones(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)


def _is_mask(shape: Shape, height: int, width: int) -> bool:
    """Whether two axes are those of the image, with at most one of classes before or behind them."""
    return len(shape) in (2, 3) and (height, width) in (shape[-2:], shape[:2])


def _is_text(shape: Shape, width: int) -> bool:
    """Whether there is a row of scores for each few pixels of a line."""
    if len(shape) != 2 or None in shape:
        return False
    characters, kinds = (size or 0 for size in shape)
    nearest = min(abs(characters - width // step) for step in STEPS)
    return kinds >= FEWEST_CHARACTERS and nearest <= MOST_OFF
