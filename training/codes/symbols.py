"""Flat pieces of print: codes drawn by zxing-cpp's writer, and the plates they are printed on."""

import math
import string
from dataclasses import dataclass

import cv2
import numpy as np
import zxingcpp
from card import LABELS
from numpy.typing import ArrayLike, NDArray

Gray = NDArray[np.uint8]
Rng = np.random.Generator

PDF417 = LABELS.index("pdf417")
FORMATS = (
    zxingcpp.BarcodeFormat.QRCode,
    zxingcpp.BarcodeFormat.DataMatrix,
    zxingcpp.BarcodeFormat.Aztec,
    zxingcpp.BarcodeFormat.PDF417,
)
LONGEST_TEXT = (420, 300, 300, 420)  # characters, by label
CHARACTERS = string.ascii_letters + string.digits + " ./:-"
MODULE = 4  # px that a module is drawn with, so that ink can spread by part of a module


@dataclass(frozen=True, slots=True)
class Patch:
    """A flat piece of print, not yet seen by a camera.

    ink    uint8 [H, W]  0 is dark ink, 255 is light paper
    cover  uint8 [H, W]  255 where the piece is, 0 where the ground shows through
    core   x0 y0 x1 y1   px of the patch: the code itself, without its quiet zone
    """

    ink: Gray
    cover: Gray
    core: tuple[int, int, int, int]


def as_gray(values: ArrayLike) -> Gray:
    return np.asarray(values, np.uint8)


def chance(rng: Rng, share: float) -> bool:
    return bool(rng.random() < share)


def random_text(rng: Rng, length: int) -> str:
    return "".join(CHARACTERS[i] for i in rng.integers(0, len(CHARACTERS), length))


def modules(label: int, longest: float, rng: Rng) -> Gray:
    """One code as uint8 [H, W] of 0 and 255, a pixel per module (three per row for pdf417).

    At most `longest` modules long where the format can be had that small.
    """
    length = int(math.exp(rng.uniform(math.log(3), math.log(LONGEST_TEXT[label]))))
    while True:
        drawn = _write(label, length, rng)
        if max(drawn.shape) <= longest or length <= 3:
            return drawn
        length = length * 2 // 3


def _write(label: int, length: int, rng: Rng) -> Gray:
    options = _options(label, length, rng)
    try:
        code = zxingcpp.create_barcode(random_text(rng, length), FORMATS[label], **options)
    except ValueError:  # the text does not fit those options
        code = zxingcpp.create_barcode(random_text(rng, 12), FORMATS[label])
    return np.array(code.to_image(scale=1, add_quiet_zones=False))


def _options(label: int, length: int, rng: Rng) -> dict[str, str | int | bool]:
    """What the writer may be asked for; it passes over keywords that it does not know, so mind the spelling."""
    if LABELS[label] == "qr_code":
        return {"ecLevel": str(rng.choice(list("LMQH")))}
    if LABELS[label] == "data_matrix":
        return {"forceSquare": bool(chance(rng, 0.85))}
    if LABELS[label] == "pdf417" and length < 150 and chance(rng, 0.6):
        return {"columns": int(rng.integers(1, 10))}
    return {}


def code(label: int, longest: float, rng: Rng) -> Patch:
    """A code on a plate; `longest` bounds its modules per side."""
    grid = modules(label, longest, rng)
    if label == PDF417:  # row heights differ widely between printers
        size = (grid.shape[1] * MODULE // 2, max(8, int(grid.shape[0] * MODULE / 2 * rng.uniform(0.45, 1.8))))
        return on_plate(as_gray(cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)), min(size) / 20, rng)
    ink = _spread_ink(np.repeat(np.repeat(grid, MODULE, 0), MODULE, 1), rng)
    if label == LABELS.index("qr_code") and chance(rng, 0.25):
        _put_logo(ink, rng)
    return on_plate(ink, MODULE, rng)


def _spread_ink(ink: Gray, rng: Rng) -> Gray:
    """Ink gain, ink loss, or round dots in place of squares; mostly nothing."""
    fate = rng.random()
    if fate < 0.06:
        return as_gray(cv2.erode(ink, np.ones((2, 2), np.uint8)))
    if fate < 0.12:
        return as_gray(cv2.dilate(ink, np.ones((2, 2), np.uint8)))
    if fate < 0.17:
        dot = np.array([[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]], bool)
        return np.where(np.tile(dot, (ink.shape[0] // MODULE, ink.shape[1] // MODULE)), ink, np.uint8(255))
    return ink


def _put_logo(ink: Gray, rng: Rng) -> None:
    side = ink.shape[0]
    half = int(side * rng.uniform(0.06, 0.14))
    middle = ink[side // 2 - half : side // 2 + half, side // 2 - half : side // 2 + half]
    middle[:] = 0 if chance(rng, 0.3) else 255
    tone = rng.uniform(0, 255)
    cv2.circle(middle, (half, half), half * 2 // 3, tone, int(rng.choice((-1, 2, 5))))
    cv2.putText(middle, random_text(rng, 2), (2, int(half * 1.4)), 3, half / 30, rng.uniform(0, 255), 2)


def on_plate(ink: Gray, unit: float, rng: Rng) -> Patch:
    """Prints `ink` uint8 [h, w] on a plate with a margin counted in `unit` px: a label, a page, a bare wall."""
    height, width = ink.shape
    top, right, bottom, left = (
        int(unit * (rng.uniform(0, 2) if chance(rng, 0.3) else rng.uniform(2, 8))) for _ in range(4)
    )
    if chance(rng, 0.12):  # a larger page
        top, bottom = top + int(height * rng.random()), bottom + int(height * rng.uniform(0, 1.2))
        left, right = left + int(width * rng.random()), right + int(width * rng.random())
    page = np.full((top + height + bottom, left + width + right), 255, np.uint8)
    if chance(rng, 0.3):
        for _ in range(rng.integers(1, 4)):
            above = chance(rng, 0.5)
            where = (int(rng.integers(0, left + width // 2 + 1)), max(8, top - 6) if above else top + height + 24)
            write(page, random_text(rng, int(rng.integers(3, 17))), where, 0, rng)
    page[top : top + height, left : left + width] = ink
    cover = np.full(page.shape, 255, np.uint8)
    style = rng.random()
    if style < 0.3:
        cover = _rounded(page.shape, max(2, int(min(top, left, height / 3, width / 3))))
    elif style < 0.42:  # printed straight on the ground: only the ink covers it
        cover, page = 255 - page, np.zeros_like(page)
    return Patch(page, cover, (left, top, left + width, top + height))


def write(picture: Gray, text: str, where: tuple[int, int], tone: float, rng: Rng) -> None:
    """Writes a line of text in a random face; `where` is its lower left corner, px."""
    face, size, pen = int(rng.integers(0, 8)), float(rng.uniform(0.3, 1.2)), int(rng.integers(1, 3))
    cv2.putText(picture, text, where, face, size, tone, pen, cv2.LINE_AA)


def _rounded(shape: tuple[int, ...], radius: int) -> Gray:
    height, width = shape
    cover = np.zeros((height, width), np.uint8)
    cv2.rectangle(cover, (radius, 0), (width - radius - 1, height - 1), 255, -1)
    cv2.rectangle(cover, (0, radius), (width - 1, height - radius - 1), 255, -1)
    for x in (radius, width - radius - 1):
        for y in (radius, height - radius - 1):
            cv2.circle(cover, (x, y), radius, 255, -1)
    return cover
