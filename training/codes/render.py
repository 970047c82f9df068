"""Renders the training pictures: codes and look-alikes on procedural grounds, and the truth about the codes."""

import math
import multiprocessing
from dataclasses import dataclass

import cv2
import numpy as np
from camera import Box, expose, paste, random_quad
from card import FILL, LABELS, SIDE
from decoys import decoy, noise
from numpy.typing import NDArray
from symbols import PDF417, Gray, Rng, chance, code, random_text, write

MOST_CODES = 12  # rows of the truth array
TILE_COUNTS = (0, 1, 2, 4, 8)
TILE_COUNT_SHARES = (0.06, 0.60, 0.18, 0.10, 0.06)
TILE_SIZES = {1: 1.0, 2: 0.62, 4: 0.45, 8: 0.28}  # largest size of a piece, in shorter sides of the picture
DECOY_SHARE = 0.22  # of the tiles
SMALLEST = 20  # px, of a code's longer side
SMALLEST_PDF417 = 56  # px; it is at least 86 modules wide
NARROWEST_MODULE = 1.4  # px; finer ones are grey mush that nobody could class
LEAST_SEEN = 0.72  # of a code's box within the picture
MOST_COVERED = 0.08  # of a code's box, by the plate of a later piece
FAINTEST = 7.0  # standard deviation of the gray values of a code that is still to be learnt
LEAST_LIKENESS = 0.25  # to its sharp, well lit self, for the same
CHUNK = 200  # pictures per task of the pool


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and what is to be learnt from it.

    picture  uint8 [H, W] gray
    boxes    float32 [N, 4]  x0 y0 x1 y1, px, clipped to the picture
    labels   int64 [N]  into LABELS
    dimmest  the least likeness (see `_likeness`) of any code drawn, even of those too dim to be learnt; 1 without codes
    """

    picture: Gray
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    dimmest: float


def ground(height: int, width: int, rng: Rng) -> Gray:
    """A background uint8 [height, width]: plain, cloudy, grainy or striped, scribbled upon."""
    kind = rng.random()
    if kind < 0.2:
        plain = float(rng.choice((0, 255, rng.uniform(0, 255))))
        picture = np.full((height, width), plain, np.float32)
    else:
        picture = np.full((height, width), rng.uniform(10, 245), np.float32)
        strength = rng.uniform(5, 120) if kind > 0.5 else rng.uniform(2, 40)
        for cells in rng.choice((2, 3, 5, 9, 17, 40, 90), int(rng.integers(1, 4)), replace=False):
            picture += (noise(height, width, cells, rng) - 0.5) * strength * (1.2 if cells < 9 else 0.6)
        if kind > 0.85:
            phase = np.arange(width) * rng.uniform(0.05, 2.5) + np.arange(height)[:, None] * rng.uniform(-1, 1)
            picture += (np.sin(phase) * rng.uniform(5, 50)).astype(np.float32)
    drawn = np.clip(picture, 0, 255).astype(np.uint8)
    for _ in range(rng.choice((0, 0, 1, 2, 4, 7, 12))):
        scribble(drawn, rng)
    return drawn


def scribble(picture: Gray, rng: Rng) -> None:
    """One clutter in place: text, line, frame, disc, a textured object, or a small look-alike."""
    height, width = picture.shape
    tone, kind = rng.uniform(0, 255), rng.random()
    x, y = int(rng.integers(-20, width)), int(rng.integers(-10, height))
    if kind < 0.36:
        for line in range(rng.integers(1, 6)):
            write(picture, random_text(rng, int(rng.integers(3, 25))), (x, y + 20 * line), tone, rng)
    elif kind < 0.46:
        end = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.line(picture, (x, y), end, tone, int(rng.integers(1, 13)), cv2.LINE_AA)
    elif kind < 0.56:
        corner = (x + int(rng.integers(8, 160)), y + int(rng.integers(8, 160)))
        cv2.rectangle(picture, (x, y), corner, tone, int(rng.choice((-1, 1, 2, 5))))
    elif kind < 0.62:
        cv2.circle(picture, (x, y), int(rng.integers(4, 90)), tone, int(rng.choice((-1, 1, 3, 8))), cv2.LINE_AA)
    elif kind < 0.70:
        _put_object(picture, (x, y), rng)
    else:
        piece = decoy(rng)
        size = math.exp(rng.uniform(math.log(15), math.log(160)))
        quad = random_quad((piece.core[2] - piece.core[0]) / (piece.core[3] - piece.core[1]), size, rng)
        centre = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        paste(picture, piece, quad + centre, *_tones(rng))


def _put_object(picture: Gray, at: tuple[int, int], rng: Rng) -> None:
    """A polygon full of texture."""
    height, width = picture.shape
    angles = np.sort(rng.random(rng.integers(3, 9))) * 2 * math.pi
    reach = rng.uniform(12, 110) * rng.uniform(0.5, 1, len(angles))
    outline = np.stack([np.cos(angles) * reach + at[0], np.sin(angles) * reach + at[1]], 1).astype(np.int32)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline], 255)
    field = noise(height, width, float(rng.choice((3, 8, 20, 50, 100))), rng) - 0.5
    if chance(rng, 0.35):
        texture = (field > 0) * rng.uniform(40, 230) + rng.uniform(0, 25)
    else:
        texture = field * rng.uniform(10, 200) + rng.uniform(0, 255)
    np.copyto(picture, np.clip(texture, 0, 255).astype(np.uint8), where=mask > 0)


def _tones(rng: Rng) -> tuple[float, float]:
    """Tones of ink and paper; mostly dark on light."""
    dark = rng.uniform(0, 90)
    light = rng.uniform(min(dark + 50, 200), 255)
    return (light, dark) if chance(rng, 0.14) else (dark, light)


def _place(
    size: float, flat: bool, alone: bool, height: int, width: int, taken: list[Box], rng: Rng
) -> tuple[float, float] | None:
    """A centre (x, y) px where a piece of `size` px lies within the picture and off those taken; None if not found."""
    across, down = size * 0.42, size * (0.15 if flat else 0.42)
    for _ in range(6):
        if alone and chance(rng, 0.6):
            x, y = rng.normal(width / 2, width / 10), rng.normal(height / 2, height / 10)
        else:
            x, y = rng.uniform(0.08, 0.92) * width, rng.uniform(0.08, 0.92) * height
        if x - across < 0 or y - down < 0 or x + across > width or y + down > height:
            continue
        reach = size * 0.62
        if all(x + reach <= b[0] or b[2] <= x - reach or y + reach <= b[1] or b[3] <= y - reach for b in taken):
            return x, y
    return None


def _size(largest: float, label: int | None, rng: Rng) -> float:
    """The longer side of a piece, px; label None is a look-alike."""
    if chance(rng, 0.66):
        size = largest * rng.uniform(0.4, 1)
    else:
        size = largest * math.exp(rng.uniform(math.log(max(SMALLEST / largest, 0.05)), math.log(0.5)))
    if label == PDF417:
        return max(1.5 * size, SMALLEST_PDF417)
    return max(size, SMALLEST)


def scene(height: int, width: int, rng: Rng) -> Sample:
    """One picture of codes and look-alikes, as the camera saw it."""
    picture = ground(height, width, rng)
    boxes: list[Box] = []
    labels: list[int] = []
    taken: list[Box] = []
    count = int(rng.choice(TILE_COUNTS, p=TILE_COUNT_SHARES))
    alike, usual = chance(rng, 0.4), int(rng.integers(0, len(LABELS)))
    for _ in range(count):
        label = None if chance(rng, DECOY_SHARE) else usual if alike else int(rng.integers(0, len(LABELS)))
        size = _size(min(height, width) * TILE_SIZES[count], label, rng)
        centre = _place(size, label == PDF417, count == 1, height, width, taken, rng)
        if centre is None:
            continue
        piece = decoy(rng) if label is None else code(label, size / NARROWEST_MODULE, rng)
        x0, y0, x1, y1 = piece.core
        quad = random_quad((x1 - x0) / (y1 - y0), size, rng) + centre
        before = picture.copy()
        curve = rng.uniform(-0.05, 0.05) if chance(rng, 0.2) else 0.0
        whole = paste(picture, piece, quad, *_tones(rng), curve)
        if whole is None:
            continue
        seen = (max(whole[0], 0.0), max(whole[1], 0.0), min(whole[2], width), min(whole[3], height))
        if _area(seen) < LEAST_SEEN * _area(whole) or any(_covered(before, picture, box) for box in boxes):
            picture = before
            continue
        taken.append(seen)
        if label is not None:
            boxes.append(seen)
            labels.append(label)
    seen_picture = expose(picture, rng)
    likeness = [_likeness(picture, seen_picture, box) for box in boxes]
    clear = [i for i, like in enumerate(likeness) if like > LEAST_LIKENESS]
    kept = np.array([boxes[i] for i in clear], np.float32).reshape(-1, 4)
    return Sample(seen_picture, kept, np.array([labels[i] for i in clear], np.int64), min(likeness, default=1.0))


def _covered(before: Gray, after: Gray, box: Box) -> bool:
    """Whether the last piece's plate hides too much of the code in `box`."""
    rows, columns = slice(int(box[1]), int(box[3]) + 1), slice(int(box[0]), int(box[2]) + 1)
    return bool((before[rows, columns] != after[rows, columns]).mean() > MOST_COVERED)


def _likeness(before: Gray, after: Gray, box: Box) -> float:
    """How well the code in `box` outlived light, lens and sensor: correlation of its gray values, 0 where too faint."""
    rows, columns = slice(int(box[1]), int(box[3]) + 1), slice(int(box[0]), int(box[2]) + 1)
    sharp, seen = before[rows, columns].astype(np.float32), after[rows, columns].astype(np.float32)
    if seen.std() < FAINTEST or sharp.std() < FAINTEST:
        return 0.0
    return abs(float(np.corrcoef(sharp.ravel(), seen.ravel())[0, 1]))


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def training_sample(seed: int, index: int) -> tuple[Gray, NDArray[np.float32]]:
    """Picture number `index` of the set `seed`, letterboxed: uint8 [SIDE, SIDE] and truth float32 [MOST_CODES, 5].

    A row of the truth is x0 y0 x1 y1 in px and the label; unused rows are -1.
    """
    rng = np.random.default_rng((seed, index))
    aspect = 1 if chance(rng, 0.45) else rng.uniform(0.5, 2)
    width, height = (SIDE, int(SIDE / aspect)) if aspect >= 1 else (int(SIDE * aspect), SIDE)
    sample = scene(height, width, rng)
    x, y = (SIDE - width) // 2, (SIDE - height) // 2
    framed = np.full((SIDE, SIDE), FILL, np.uint8)
    framed[y : y + height, x : x + width] = sample.picture
    truth = np.full((MOST_CODES, 5), -1, np.float32)
    truth[: len(sample.labels), :4] = sample.boxes + np.array([x, y, x, y], np.float32)
    truth[: len(sample.labels), 4] = sample.labels
    return framed, truth


def _chunk(task: tuple[int, range]) -> tuple[Gray, NDArray[np.float32]]:
    cv2.setNumThreads(1)  # the pool has a process per core already
    pairs = [training_sample(task[0], index) for index in task[1]]
    return np.stack([picture for picture, _ in pairs]), np.stack([truth for _, truth in pairs])


def training_set(seed: int, count: int, processes: int) -> tuple[Gray, NDArray[np.float32]]:
    """`count` pictures uint8 [count, SIDE, SIDE] and their truth float32 [count, MOST_CODES, 5]."""
    tasks = [(seed, range(start, min(start + CHUNK, count))) for start in range(0, count, CHUNK)]
    pictures = np.empty((count, SIDE, SIDE), np.uint8)
    truth = np.empty((count, MOST_CODES, 5), np.float32)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for (_, indices), (some, their) in zip(tasks, pool.imap(_chunk, tasks), strict=True):
            pictures[indices.start : indices.stop], truth[indices.start : indices.stop] = some, their
    return pictures, truth
