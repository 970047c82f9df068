"""Look-alikes: flat pieces of print that are no code of ours, and must not be taken for one."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from symbols import Gray, Patch, Rng, as_gray, chance, on_plate, random_text

LINEAR_FORMATS = (
    zxingcpp.BarcodeFormat.Code128,
    zxingcpp.BarcodeFormat.Code39,
    zxingcpp.BarcodeFormat.ITF,
    zxingcpp.BarcodeFormat.EAN13,
)


def noise(height: int, width: int, cells: float, rng: Rng) -> NDArray[np.float32]:
    """Smooth noise float32 [height, width] of about 0..1, with `cells` bumps along the longer side."""
    scale = cells / max(height, width)
    coarse = rng.random((max(2, int(scale * height)), max(2, int(scale * width))), np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def letters(rng: Rng) -> Gray:
    """A few bold letters in one to three rows, as on badges, signs and number plates."""
    rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 8))
    sheet = np.full((rows * 44 + 6, columns * 34 + 6), 255, np.uint8)
    face, pen = int(rng.integers(0, 5)), int(rng.integers(2, 8))
    for row in range(rows):
        text = random_text(rng, columns).upper()
        for column, letter in enumerate(text):
            cv2.putText(sheet, letter, (4 + column * 34, 38 + row * 44), face, 1.4, 0, pen, cv2.LINE_AA)
    return sheet


def paragraph(rng: Rng) -> Gray:
    """Dense small print."""
    rows, columns = int(rng.integers(3, 14)), int(rng.integers(8, 40))
    sheet = np.full((rows * 14 + 4, columns * 9 + 4), 255, np.uint8)
    for row in range(rows):
        line = random_text(rng, int(columns * rng.uniform(0.6, 1)))
        cv2.putText(sheet, line, (2, 12 + row * 14), int(rng.integers(0, 3)), 0.45, 0, 1, cv2.LINE_AA)
    return sheet


def linear_barcode(rng: Rng) -> Gray:
    """A one-dimensional barcode, true or of random bars."""
    if chance(rng, 0.5):
        symbology = LINEAR_FORMATS[rng.integers(0, len(LINEAR_FORMATS))]
        digits = "".join(str(d) for d in rng.integers(0, 10, 12))
        bars = np.array(zxingcpp.create_barcode(digits, symbology).to_image(scale=1, add_quiet_zones=False))[:1]
    else:
        bars = (rng.random((1, int(rng.integers(20, 95)))) < 0.5).astype(np.uint8) * 255
    width = bars.shape[1] * 3
    height = int(width * rng.uniform(0.15, 0.8))
    return as_gray(cv2.resize(bars, (width, height), interpolation=cv2.INTER_NEAREST))


def chessboard(rng: Rng) -> Gray:
    rows, columns = (int(n) for n in rng.integers(2, 15, 2))
    if chance(rng, 0.5):
        rows = columns
    board = (np.indices((rows, columns)).sum(0) % 2).astype(np.uint8) * 255
    sheet = np.repeat(np.repeat(board, 16, 0), 16, 1)
    if chance(rng, 0.4):  # pieces
        for _ in range(rng.integers(1, 16)):
            at = (8 + 16 * int(rng.integers(0, columns)), 8 + 16 * int(rng.integers(0, rows)))
            cv2.circle(sheet, at, int(rng.integers(4, 8)), rng.uniform(0, 255), -1, cv2.LINE_AA)
    return sheet


def random_blocks(rng: Rng) -> Gray:
    """Random squares without any finder pattern."""
    rows, columns = (int(n) for n in rng.integers(4, 22, 2))
    blocks = (rng.random((rows, columns)) < rng.uniform(0.2, 0.8)).astype(np.uint8) * 255
    return np.repeat(np.repeat(blocks, 8, 0), 8, 1)


def crossword(rng: Rng) -> Gray:
    """A ruled grid with some cells black and some with letters: crossword, sudoku, calendar, table."""
    rows, columns, pitch = int(rng.integers(3, 14)), int(rng.integers(3, 14)), 16
    sheet = np.full((rows * pitch + 2, columns * pitch + 2), 255, np.uint8)
    black, lettered = rng.uniform(0, 0.4), rng.random()
    for row in range(rows):
        for column in range(columns):
            x, y = column * pitch, row * pitch
            fate = rng.random()
            if fate < black:
                sheet[y : y + pitch, x : x + pitch] = 0
            elif fate < lettered:
                cv2.putText(sheet, random_text(rng, 1), (x + 4, y + 13), 0, 0.4, 0, 1, cv2.LINE_AA)
    sheet[::pitch] = sheet[:, ::pitch] = 0
    return sheet


def keys(rng: Rng) -> Gray:
    """Keyboard, keypad, remote control: rows of keys with a letter each."""
    rows, columns, pitch = int(rng.integers(2, 7)), int(rng.integers(3, 13)), 22
    gap = int(rng.integers(1, 6))
    sheet = np.full((rows * pitch, columns * pitch), 0 if chance(rng, 0.5) else 255, np.uint8)
    tone, ink = rng.uniform(30, 225), 255.0 if chance(rng, 0.5) else 0.0
    for row in range(rows):
        shift = int(rng.integers(0, 6))
        for column in range(columns):
            x, y = column * pitch + shift, row * pitch
            cv2.rectangle(sheet, (x + gap, y + gap), (x + pitch - gap, y + pitch - gap), tone, -1)
            cv2.putText(sheet, random_text(rng, 1), (x + 6, y + 16), 0, 0.4, ink, 1, cv2.LINE_AA)
    return sheet


def windows(rng: Rng) -> Gray:
    """A front with windows, each of its own tone; also shelves, tiles, lockers."""
    rows, columns = (int(n) for n in rng.integers(2, 10, 2))
    tall, wide = (int(n) for n in rng.integers(10, 30, 2))
    gap = int(rng.integers(2, 10))
    sheet = np.full((rows * tall + gap, columns * wide + gap), rng.uniform(0, 255), np.uint8)
    for row in range(rows):
        for column in range(columns):
            x, y = column * wide + gap, row * tall + gap
            cv2.rectangle(sheet, (x, y), (x + wide - gap, y + tall - gap), rng.uniform(0, 255), -1)
    return sheet


def bricks(rng: Rng) -> Gray:
    rows, columns = int(rng.integers(4, 16)), int(rng.integers(3, 10))
    tall, wide = int(rng.integers(10, 20)), int(rng.integers(20, 44))
    mortar, spread = int(rng.integers(1, 5)), rng.uniform(10, 90)
    base = rng.uniform(60, 190)
    sheet = np.full((rows * tall, columns * wide), 255 if chance(rng, 0.7) else 0, np.uint8)
    for row in range(rows):
        shift = (row % 2) * wide // 2
        for column in range(-1, columns):
            x, y = column * wide + shift, row * tall
            tone = float(np.clip(base + rng.uniform(-spread, spread), 0, 255))
            cv2.rectangle(sheet, (x, y), (x + wide - mortar, y + tall - mortar), tone, -1)
    return sheet


def coin(rng: Rng) -> Gray:
    """A disc with a rim, a relief and letters round it."""
    side = 160
    centre, radius = (side // 2, side // 2), side // 2 - 4
    relief = (noise(side, side, rng.choice((5, 9, 16, 30)), rng) - 0.5) * rng.uniform(60, 300) + rng.uniform(70, 190)
    sheet = np.clip(relief, 0, 255).astype(np.uint8)
    for ring in rng.uniform(0.3, 1, rng.integers(1, 5)):
        cv2.circle(sheet, centre, int(radius * ring), rng.uniform(0, 255), int(rng.integers(1, 6)), cv2.LINE_AA)
    for angle in np.arange(0, 2 * math.pi, rng.uniform(0.25, 0.6)):
        at = (int(74 + 62 * math.cos(angle)), int(86 + 62 * math.sin(angle)))
        cv2.putText(sheet, random_text(rng, 1), at, 0, 0.5, rng.uniform(0, 255), 2, cv2.LINE_AA)
    if chance(rng, 0.5):
        cv2.putText(sheet, str(rng.integers(1, 100)), (40, 104), 2, 2.2, rng.uniform(0, 255), 4, cv2.LINE_AA)
    outside = np.full_like(sheet, 255)
    cv2.circle(outside, centre, radius, 0, -1, cv2.LINE_AA)
    return as_gray(np.maximum(sheet, outside))


def flower(rng: Rng) -> Gray:
    """Petals round a speckled heart; also gears, fans, wheels."""
    side, count = 160, int(rng.integers(4, 22))
    sheet = np.full((side, side), 255, np.uint8)
    size = (int(rng.uniform(0.35, 0.48) * side), int(rng.uniform(0.04, 0.16) * side))
    for angle in np.linspace(0, 360, count, endpoint=False):
        x, y = (int(80 + 40 * f(math.radians(angle))) for f in (math.cos, math.sin))
        cv2.ellipse(sheet, (x, y), (size[0] // 2, size[1]), angle, 0, 360, rng.uniform(0, 235), -1, cv2.LINE_AA)
    cv2.circle(sheet, (80, 80), int(rng.uniform(8, 34)), rng.uniform(0, 255), -1, cv2.LINE_AA)
    for x, y in rng.normal(80, 12, (int(rng.integers(0, 60)), 2)):
        cv2.circle(sheet, (int(x), int(y)), 2, rng.uniform(0, 255), -1, cv2.LINE_AA)
    return sheet


def nested(rng: Rng) -> Gray:
    """Squares or circles one within another: a finder pattern with no data, a target, a logo."""
    side, round_ones = 160, chance(rng, 0.5)
    sheet = np.full((side, side), 255, np.uint8)
    radii = np.sort(rng.uniform(8, 78, rng.integers(2, 7)))[::-1]
    for i, radius in enumerate(int(r) for r in radii):
        tone = 255.0 * (i % 2)
        if round_ones:
            cv2.circle(sheet, (80, 80), radius, tone, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(sheet, (80 - radius, 80 - radius), (80 + radius, 80 + radius), tone, -1)
    return sheet


def dots(rng: Rng) -> Gray:
    """A lattice of dots: grille, punched metal, perforated paper."""
    rows, columns, pitch = int(rng.integers(3, 16)), int(rng.integers(3, 16)), 12
    sheet = np.full((rows * pitch, columns * pitch), 255, np.uint8)
    radius, kept, stagger = int(rng.integers(2, 6)), rng.uniform(0.5, 1), chance(rng, 0.5)
    for row in range(rows):
        for column in range(columns):
            if chance(rng, kept):
                at = (column * pitch + 6 + (row % 2) * 6 * stagger, row * pitch + 6)
                cv2.circle(sheet, at, radius, 0, -1, cv2.LINE_AA)
    return sheet


def stripes(rng: Rng) -> Gray:
    """Blinds, fences, grilles, zebras, tartans."""
    side = 160
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    bend = (noise(side, side, 3, rng) - 0.5) * rng.uniform(0, 30)
    wave = np.sin((x + bend) * rng.uniform(0.15, 1))
    if chance(rng, 0.4):
        wave = wave * np.sin((y + bend) * rng.uniform(0.15, 1)) if chance(rng, 0.5) else wave + np.sin(y * 0.5)
    return as_gray(np.clip(127 + wave * rng.uniform(100, 900), 0, 255).astype(np.uint8))


def blotches(rng: Rng) -> Gray:
    """Leaves, pebbles, fur, foliage: noise of two sizes with a hard or soft threshold."""
    side = 160
    field = noise(side, side, rng.uniform(4, 20), rng) + rng.uniform(0, 1) * noise(side, side, rng.uniform(20, 70), rng)
    return as_gray(np.clip(127 + (field - np.median(field)) * rng.uniform(200, 2500), 0, 255).astype(np.uint8))


KINDS: tuple[tuple[Callable[[Rng], Gray], float], ...] = (
    (letters, 3),
    (paragraph, 2),
    (linear_barcode, 2.5),
    (chessboard, 2),
    (random_blocks, 1.5),
    (crossword, 1.5),
    (keys, 1.5),
    (windows, 1.5),
    (bricks, 1.5),
    (coin, 2),
    (flower, 1.5),
    (nested, 1),
    (dots, 1),
    (stripes, 1),
    (blotches, 1.5),
)
SHARES = np.array([weight for _, weight in KINDS]) / sum(weight for _, weight in KINDS)


def decoy(rng: Rng) -> Patch:
    """One look-alike, printed on the same plates as codes are."""
    draw, _ = KINDS[rng.choice(len(KINDS), p=SHARES)]
    ink = draw(rng)
    return on_plate(255 - ink if chance(rng, 0.3) else ink, max(ink.shape) / 30, rng)
