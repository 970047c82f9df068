"""Paints the demo's pictures: codes on cards, parcels and posters, in colour, seen from close by:

python training/codes/demo.py --out demo/pictures
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import zxingcpp
from card import LABELS
from decoys import noise
from numpy.typing import NDArray
from symbols import FORMATS, PDF417, Gray, Rng

Colour = tuple[float, float, float]  # BGR, 0..255
Picture = NDArray[np.float32]  # [H, W, 3] BGR, 0..255

WIDTH, HEIGHT = 1280, 720  # px
DETAIL = 2  # painted so many times larger, then reduced: smooth edges
QUALITY = 86  # of JPEG
SEED = 5

INK: Colour = (46, 38, 34)
WHITE: Colour = (246, 249, 250)
CREAM: Colour = (222, 240, 247)
TEAL: Colour = (132, 128, 32)
CORAL: Colour = (94, 112, 232)
MUSTARD: Colour = (70, 178, 236)
NAVY: Colour = (98, 58, 34)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Something flat: face uint8 [H, W, 3] BGR and cover uint8 [H, W], 255 where it is."""

    face: NDArray[np.uint8]
    cover: Gray


def plain(width: int, height: int, colour: Colour, radius: int = 14) -> Sheet:
    """A card with round corners."""
    cover = np.zeros((height, width), np.uint8)
    cv2.rectangle(cover, (radius, 0), (width - radius - 1, height - 1), 255, -1)
    cv2.rectangle(cover, (0, radius), (width - 1, height - radius - 1), 255, -1)
    for x in (radius, width - radius - 1):
        for y in (radius, height - radius - 1):
            cv2.circle(cover, (x, y), radius, 255, -1)
    return Sheet(np.full((height, width, 3), colour, np.uint8), cover)


def band(sheet: Sheet, x: int, y: int, width: int, height: int, colour: Colour) -> None:
    sheet.face[y : y + height, x : x + width] = colour


def words(sheet: Sheet, text: str, x: int, y: int, size: float, colour: Colour = INK, pen: int = 1) -> None:
    """`y` is the line the letters stand on."""
    cv2.putText(sheet.face, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, colour, pen, cv2.LINE_AA)


def rules(sheet: Sheet, x: int, y: int, width: int, rows: int, colour: Colour, rng: Rng) -> None:
    """Lines of small print, too small to read."""
    for row in range(rows):
        at = x
        while at < x + width * (0.6 if row == rows - 1 else 0.9):
            length = int(rng.integers(10, 46))
            band(sheet, at, y + row * 16, min(length, x + width - at), 5, colour)
            at += length + 8


def code(
    sheet: Sheet,
    label: str,
    text: str,
    x: int,
    y: int,
    size: int,
    ink: Colour = INK,
    paper: Colour | None = None,
    height: int | None = None,
    **options: str | int | bool,
) -> None:
    """Prints a code `size` px wide and `height` high, by default of square modules.

    Its upper left corner is at (x, y); a quiet zone of `paper` lies round it. The options are those of the writer.
    """
    drawn = zxingcpp.create_barcode(text, FORMATS[LABELS.index(label)], **options)
    grid = np.array(drawn.to_image(scale=1, add_quiet_zones=False))
    height = round(size * grid.shape[0] / grid.shape[1]) if height is None else height
    margin = size // (16 if LABELS.index(label) == PDF417 else 9)
    if paper is not None:
        band(sheet, x - margin, y - margin, size + 2 * margin, height + 2 * margin, paper)
    print_grid(sheet, grid, x, y, size, height, ink)


def bars(sheet: Sheet, text: str, x: int, y: int, width: int, height: int) -> None:
    """A one-dimensional barcode: nothing for this detector."""
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
    grid = np.array(drawn.to_image(scale=1, add_quiet_zones=False))[:1]
    print_grid(sheet, grid, x, y, width, height, INK)


def print_grid(sheet: Sheet, grid: Gray, x: int, y: int, width: int, height: int, ink: Colour) -> None:
    large = cv2.resize(grid, (width * 4, height * 4), interpolation=cv2.INTER_NEAREST)
    share = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)[..., None] / 255
    region = sheet.face[y : y + height, x : x + width]
    region[:] = (region * share + np.asarray(ink, np.float32) * (1 - share)).astype(np.uint8)


def lay(
    scene: Picture, sheet: Sheet, centre: tuple[float, float], width: float, turn: float, tilt: float = 0.0
) -> None:
    """Lays `sheet` on the scene with a soft shadow.

    centre and width in px of the finished picture; turn in degrees; tilt: by which share the far edge is shorter
    """
    height = width * sheet.cover.shape[0] / sheet.cover.shape[1]
    near, far = width / 2, width / 2 * (1 - tilt)
    quad = np.array([[-far, -height / 2], [far, -height / 2], [near, height / 2], [-near, height / 2]])
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    quad = (quad @ np.array([[cosine, sine], [-sine, cosine]]) + centre) * DETAIL
    rows, columns = sheet.cover.shape
    flat = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, quad.astype(np.float32))
    size = (scene.shape[1], scene.shape[0])
    alpha = cv2.warpPerspective(sheet.cover, matrix, size).astype(np.float32)[..., None] / 255
    for blur, drop, strength in ((26, 16, 0.34), (6, 4, 0.28)):
        moved = cv2.warpAffine(alpha[..., 0], np.array([[1, 0, drop * 0.6], [0, 1, drop]], np.float32), size)
        scene *= 1 - strength * cv2.GaussianBlur(moved, (0, 0), blur)[..., None]
    face = cv2.warpPerspective(sheet.face, matrix, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    scene[:] = scene * (1 - alpha) + face * alpha


def blank(colour: Colour) -> Picture:
    return np.full((HEIGHT * DETAIL, WIDTH * DETAIL, 3), colour, np.float32)


def wood(rng: Rng) -> Picture:
    """Boards of a table, seen from above."""
    scene = blank((104, 150, 190))
    height, width = scene.shape[:2]
    board = height // 5
    for row in range(5):
        grain = cv2.resize(noise(board, 64, 40, rng), (width, board), interpolation=cv2.INTER_CUBIC)
        wave = noise(board, width, 7, rng) * 26 + np.arange(board, dtype=np.float32)[:, None] * 0.16
        tone = 0.86 + rng.uniform(-0.05, 0.05) + 0.1 * (grain - 0.5) + 0.045 * np.sin(wave * 1.6)
        part = scene[row * board : (row + 1) * board]
        part *= tone[..., None]
        part[:5] *= 0.55
        part[5:9] *= 1.06
    return scene


def cardboard(rng: Rng) -> Picture:
    """The side of a large parcel with its flutes and a strip of tape."""
    scene = blank((116, 160, 196))
    height, width = scene.shape[:2]
    scene *= (0.95 + 0.1 * (noise(height, width, 300, rng) - 0.5) + 0.06 * (noise(height, width, 9, rng) - 0.5))[
        ..., None
    ]
    flutes = 1 + 0.012 * np.sin(np.arange(width) / 9.0, dtype=np.float32)
    scene *= flutes[None, :, None]
    tape = scene[int(height * 0.43) : int(height * 0.53)]
    tape[:] = tape * 0.86 + np.array([150, 190, 214], np.float32) * 0.2
    tape[:4] *= 0.86
    tape[-4:] *= 0.86
    return scene


def brick_wall(rng: Rng) -> Picture:
    scene = blank((176, 184, 190))
    height, width = scene.shape[:2]
    tall, wide, mortar = 96, 232, 12
    for row in range(height // tall + 1):
        for column in range(-1, width // wide + 1):
            x, y = column * wide + (row % 2) * wide // 2, row * tall
            warmth = rng.normal(0, 9)
            colour = np.clip(np.array([88, 104, 168]) + warmth + rng.normal(0, 5, 3), 0, 255)
            cv2.rectangle(scene, (x, y), (x + wide - mortar, y + tall - mortar), colour.tolist(), -1)
    grit = 0.2 * (noise(height, width, 420, rng) - 0.5) + 0.14 * (noise(height, width, 40, rng) - 0.5)
    return np.asarray(scene * (1 + grit)[..., None], np.float32)


def desk(rng: Rng) -> Picture:
    """Cards and tickets on a table: one code of each kind."""
    scene = wood(rng)
    boarding = plain(760, 330, WHITE, 22)
    band(boarding, 0, 0, 760, 70, TEAL)
    words(boarding, "BOARDING PASS", 28, 48, 1.1, WHITE, 2)
    for i, (title, value) in enumerate((("FLIGHT", "ER 320"), ("GATE", "B 17"), ("SEAT", "12 A"))):
        words(boarding, title, 30 + 150 * i, 122, 0.55, TEAL)
        words(boarding, value, 30 + 150 * i, 162, 0.95, INK, 2)
    rules(boarding, 30, 206, 420, 6, (190, 196, 200), rng)
    code(boarding, "aztec", "M1EDGE/RUNNER ER320 B17 12A 2100 PLACES", 518, 100, 200)
    lay(scene, boarding, (392, 214), 590, -7)

    visiting = plain(520, 300, CREAM, 16)
    words(visiting, "Ada Byron", 30, 70, 1.15, NAVY, 2)
    words(visiting, "edge engineer", 32, 108, 0.7, CORAL)
    rules(visiting, 32, 170, 190, 5, (186, 198, 206), rng)
    code(visiting, "qr_code", "edgerun.example", 254, 34, 232, NAVY, ecLevel="L")
    lay(scene, visiting, (986, 204), 470, 7)

    ticket = plain(800, 300, MUSTARD, 26)
    words(ticket, "CITY RAIL", 36, 76, 1.4, NAVY, 3)
    words(ticket, "day ticket  zones 1-4", 38, 118, 0.75, NAVY)
    code(
        ticket,
        "pdf417",
        "CITY RAIL DAY TICKET ZONES 1-4 VALID 24 H FROM FIRST USE NO 00042",
        40,
        146,
        720,
        columns=6,
        height=120,
    )
    lay(scene, ticket, (430, 538), 560, 4)

    chip = plain(260, 260, (60, 62, 58), 20)
    words(chip, "EDGE", 26, 52, 0.9, (210, 214, 214), 2)
    words(chip, "TPU", 170, 52, 0.9, (210, 214, 214), 2)
    code(
        chip,
        "data_matrix",
        "SN 0042-2100-8 edgerun rev C",
        62,
        84,
        140,
        (60, 62, 58),
        (226, 230, 230),
        forceSquare=True,
    )
    lay(scene, chip, (972, 552), 262, -12)
    return scene


def parcel(rng: Rng) -> Picture:
    """Labels on a carton; the bars must not be taken for a code of ours."""
    scene = cardboard(rng)
    label = plain(820, 640, WHITE, 8)
    words(label, "EDGERUN LOGISTICS", 30, 62, 1.25, INK, 3)
    band(label, 0, 88, 820, 6, INK)
    words(label, "TO:", 30, 140, 0.8, INK, 2)
    rules(label, 100, 124, 330, 6, (120, 118, 116), rng)
    code(label, "qr_code", "7F-2100-0042", 540, 112, 244, ecLevel="Q")
    band(label, 0, 372, 820, 4, INK)
    code(
        label,
        "pdf417",
        "EDGERUN LOGISTICS|7F-2100-0042|3.2KG|EXPRESS|HANDLE WITH CARE|KEEP DRY",
        36,
        398,
        560,
        columns=5,
        height=190,
    )
    words(label, "2 / 3", 650, 470, 1.5, INK, 3)
    bars(label, "7F21000042", 620, 540, 170, 64)
    lay(scene, label, (400, 362), 690, -4)

    fragile = plain(300, 300, CORAL, 8)
    words(fragile, "FRAGILE", 30, 76, 1.5, WHITE, 4)
    cv2.ellipse(fragile.face, (150, 160), (52, 60), 0, 0, 180, WHITE, -1, cv2.LINE_AA)
    band(fragile, 145, 215, 10, 45, WHITE)
    band(fragile, 115, 258, 70, 9, WHITE)
    lay(scene, fragile, (926, 190), 210, 6)

    small = plain(520, 230, WHITE, 8)
    code(small, "data_matrix", "LOT 2100 EXP 2031-08 PART 11-4032", 36, 36, 158, forceSquare=True)
    words(small, "LOT 2100", 236, 86, 1.0, INK, 2)
    words(small, "EXP 2031-08", 236, 132, 0.9, INK, 2)
    words(small, "11-4032", 236, 178, 0.9, INK, 1)
    lay(scene, small, (1000, 504), 410, 9)
    return scene


def wall(rng: Rng) -> Picture:
    """Posters on bricks, seen a little from below."""
    scene = brick_wall(rng)
    concert = plain(460, 640, NAVY, 4)
    for i, colour in enumerate((CORAL, MUSTARD, TEAL)):
        cv2.circle(concert.face, (130 + 100 * i, 210), 96, colour, -1, cv2.LINE_AA)
    words(concert, "NIGHT OF", 92, 72, 1.7, WHITE, 4)
    words(concert, "THE EDGES", 72, 380, 1.7, WHITE, 4)
    code(concert, "qr_code", "night.example", 128, 408, 204, NAVY, WHITE, ecLevel="L")
    lay(scene, concert, (232, 362), 404, -2, 0.06)

    museum = plain(480, 640, CREAM, 4)
    band(museum, 0, 0, 480, 300, TEAL)
    for i in range(6):
        cv2.ellipse(
            museum.face, (240, 300), (220 - 36 * i, 250 - 40 * i), 0, 180, 360, (CREAM, CORAL)[i % 2], -1, cv2.LINE_AA
        )
    words(museum, "MUSEUM", 40, 370, 1.6, NAVY, 4)
    words(museum, "open daily 10-18", 42, 412, 0.8, NAVY, 2)
    rules(museum, 42, 450, 150, 8, (176, 190, 198), rng)
    code(museum, "aztec", "MUSEUM ENTRY 10-18 EVERY DAY", 258, 432, 184, NAVY)
    lay(scene, museum, (650, 356), 392, 1, 0.07)

    lost = plain(420, 560, WHITE, 2)
    words(lost, "LOST CAT", 70, 78, 1.6, INK, 4)
    cv2.ellipse(lost.face, (210, 230), (92, 80), 0, 0, 360, (120, 138, 150), -1, cv2.LINE_AA)
    for side in (-1, 1):
        ear = np.array([[210 + side * 84, 200], [210 + side * 80, 106], [210 + side * 22, 158]], np.int32)
        cv2.fillPoly(lost.face, [ear], (120, 138, 150), cv2.LINE_AA)
        cv2.circle(lost.face, (210 + side * 36, 216), 12, INK, -1, cv2.LINE_AA)
    cv2.circle(lost.face, (210, 252), 8, (120, 110, 210), -1, cv2.LINE_AA)
    rules(lost, 50, 332, 320, 1, (150, 154, 158), rng)
    code(lost, "qr_code", "tel:+0000", 28, 366, 168)
    code(lost, "data_matrix", "CHIP 985", 228, 366, 168, forceSquare=True)
    lay(scene, lost, (1052, 372), 376, 3, 0.05)
    return scene


def photograph(scene: Picture, rng: Rng) -> NDArray[np.uint8]:
    """Light from the upper left, a vignette, a little grain: uint8 [HEIGHT, WIDTH, 3] BGR."""
    small = cv2.resize(scene, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    x, y = x / WIDTH - 0.5, y / HEIGHT - 0.5
    light = 1.04 - 0.16 * (x + y) - 0.32 * (x * x + y * y)
    warm = small * light[..., None] * np.array([0.97, 1.0, 1.03], np.float32)
    return np.asarray(np.clip(warm + rng.normal(0, 1.6, small.shape), 0, 255), np.uint8)


Box = tuple[int, int, int, int]  # left, top, width, height; px of the painted scene

PICTURES: dict[str, tuple[Callable[[Rng], Picture], Box]] = {
    "cards": (desk, (730, 40, 550, 670)),
    "parcel": (parcel, (60, 70, 700, 570)),
    "passes": (desk, (60, 40, 700, 650)),
    "poster": (wall, (830, 90, 430, 600)),
}
"""name -> the scene and the part of it that is shown: a model of 320 px wants codes of some 60 px in it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (paint, (left, top, width, height)) in PICTURES.items():
        rng = np.random.default_rng(SEED)
        picture = photograph(paint(rng), rng)[top : top + height, left : left + width]
        cv2.imwrite(str(options.out / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == "__main__":
    main()
