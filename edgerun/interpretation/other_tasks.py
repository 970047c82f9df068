"""Tasks that edgerun does not do, recognised by the shapes of outputs that no decoder reads, so that a refusal names
them. Nothing is chosen by what is found here.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgerun.contract import TensorSpec

__all__ = ["recognised"]

FACE_POINTS = (468, 478)
"""Of MediaPipe's face mesh, without irises and with them; x, y and z each. Source: mediapipe 1.2.3,
tasks/python/vision/face_landmarker.py, whose connections name points 0 to 477."""

EMBEDDINGS = (128, 192, 256, 384, 512, 768, 1024, 2048)
"""Numbers of an embedding: powers of two, and those of vision transformers."""

FEWEST_CHARACTERS = 11
"""Of a text recogniser: ten digits and the blank."""

TALLEST_LINE = 64
"""Pixels of a text recogniser's input: a line of text of 32, 48 or 64. Source: PaddleOCR, configs/rec."""

STEPS = (4, 8)
"""Pixels of its width for each character that it may give."""

Shape = tuple[int | None, ...]


def recognised(outputs: Sequence[TensorSpec], height: int, width: int) -> str:
    """What outputs look like, as "face meshes, …"; "" where they look like nothing that is known here.

    Args:
        outputs: of one image.
        height, width: pixels of the input.
    """
    shapes = [tuple(size for size in spec.shape if size != 1) for spec in outputs]
    if any(_is_face_mesh(shape) for shape in shapes):
        return "a face mesh: hundreds of points of one face"
    if all(_is_mask(shape, height, width) for shape in shapes):
        return "a semantic mask, a depth or another value for each pixel"
    if len(shapes) == 1 and shapes[0] and shapes[0][0] in EMBEDDINGS and len(shapes[0]) == 1:
        return "an embedding: numbers to compare with those of other images"
    if len(shapes) == 1 and _is_text(shapes[0], height, width):
        return "a text recogniser: characters along a line of text"
    return ""


def _is_face_mesh(shape: Shape) -> bool:
    flat = [3 * points for points in FACE_POINTS]
    return shape in [(points, 3) for points in FACE_POINTS] or (len(shape) == 1 and shape[0] in flat)


def _is_mask(shape: Shape, height: int, width: int) -> bool:
    """Whether two axes are those of the image, with at most one of classes before or behind them."""
    sizes = (height, width)
    return len(shape) in (2, 3) and sizes in (shape[-2:], shape[:2])


def _is_text(shape: Shape, height: int, width: int) -> bool:
    if len(shape) != 2 or height > TALLEST_LINE or width < 2 * height:
        return False
    characters, kinds = shape
    if characters is None or kinds is None or kinds < FEWEST_CHARACTERS:
        return False
    return any(abs(characters - width // step) <= 2 for step in STEPS)
