"""What lies between a flat piece of print and a picture: place, perspective, light, lens, sensor."""

import math

import cv2
import numpy as np
from decoys import noise
from numpy.typing import ArrayLike, NDArray
from symbols import Gray, Patch, Rng, as_gray, chance

Quad = NDArray[np.float64]
Box = tuple[float, float, float, float]  # x0 y0 x1 y1, px of the picture
EDGE_POINTS = 9  # points followed along each edge of a code: a bent edge bulges out of its corners


def random_quad(aspect: float, size: float, rng: Rng) -> Quad:
    """Corners float64 [4, 2] round (0, 0), clockwise from top left, of a piece seen from somewhere.

    aspect  width / height of the flat piece;  size  its longer side, px
    """
    width, height = (size, size / aspect) if aspect >= 1 else (size * aspect, size)
    quad = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64) * (width / 2, height / 2)
    if chance(rng, 0.3):
        quad[:, 0] *= rng.uniform(0.6, 1)
    angle = rng.normal(0, 6) if chance(rng, 0.6) else rng.uniform(-180, 180)
    if chance(rng, 0.35):
        angle += 90 * rng.integers(0, 4)
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    quad = quad @ np.array([[cosine, sine], [-sine, cosine]])
    if chance(rng, 0.18):
        quad = quad @ np.array([[1, rng.uniform(-0.6, 0.6)], [0, 1]])
    jitter = abs(rng.normal(0, 0.04)) if chance(rng, 0.65) else rng.uniform(0, 0.19)
    extent = math.sqrt(float(np.prod(np.ptp(quad, axis=0))))
    return np.asarray(quad + rng.uniform(-jitter, jitter, (4, 2)) * extent)


def bend(patch: Patch, by: float) -> tuple[Patch, NDArray[np.float64]]:
    """Bends the rows by `by` heights in the middle, as on a bottle; also the bent outline [N, 2] of the core, px."""
    x0, y0, x1, y1 = patch.core
    margin = math.ceil(abs(by) * patch.ink.shape[0])
    ink = cv2.copyMakeBorder(patch.ink, margin, margin, 0, 0, cv2.BORDER_REPLICATE)
    cover = cv2.copyMakeBorder(patch.cover, margin, margin, 0, 0, cv2.BORDER_CONSTANT, value=0)
    along = np.linspace(0, 1, EDGE_POINTS)
    xs = np.concatenate([x0 + (x1 - x0) * along, x0 + (x1 - x0) * along])
    ys = np.repeat([y0 + margin, y1 + margin], EDGE_POINTS).astype(np.float64)
    height, width = ink.shape
    drop = by * patch.ink.shape[0]
    if margin:
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        rows += np.float32(drop) * np.cos(((columns + 0.5) / width - 0.5) * np.float32(math.pi))
        ink = cv2.remap(ink, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.remap(cover, columns, rows, cv2.INTER_LINEAR)
        ys -= drop * np.cos((xs / width - 0.5) * math.pi)
    bent = Patch(as_gray(ink), as_gray(cover), (x0, y0 + margin, x1, y1 + margin))
    return bent, np.stack([xs, ys], 1)


def paste(picture: Gray, patch: Patch, quad: Quad, dark: ArrayLike, light: ArrayLike, curve: float = 0.0) -> Box | None:
    """Draws `patch` into `picture` (uint8 [H, W] or [H, W, 3]) in place, its core on `quad` (px of the picture).

    dark, light  the tones of ink 0 and 255: a number, or three for a colour picture
    Returns the core's box, unclipped, or None where the patch fell outside.
    """
    patch, outline = bend(patch, curve)
    x0, y0, x1, y1 = patch.core
    size = float(np.ptp(quad, axis=0).max())
    scale = 2 * size / max(x1 - x0, y1 - y0)  # drawn at twice the size, then halved: a cheap area filter
    if scale > 1:
        scale = math.ceil(scale)
    way = cv2.INTER_NEAREST if scale >= 1 else cv2.INTER_AREA
    ink = cv2.resize(patch.ink, None, fx=scale, fy=scale, interpolation=way)
    cover = cv2.resize(patch.cover, None, fx=scale, fy=scale, interpolation=way)
    scale_x, scale_y = ink.shape[1] / patch.ink.shape[1], ink.shape[0] / patch.ink.shape[0]
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    flat_to_picture = cv2.getPerspectiveTransform(corners, quad.astype(np.float32))

    height, width = patch.ink.shape
    rim = cv2.perspectiveTransform(
        np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64), flat_to_picture
    )[0]
    left, top = np.clip(np.floor(rim.min(0)) - 1, 0, None).astype(int)
    right, bottom = np.minimum(np.ceil(rim.max(0)) + 1, picture.shape[1::-1]).astype(int)
    if right - left < 2 or bottom - top < 2:
        return None
    # edges are at whole numbers, warpPerspective counts from pixel centres: hence the halves
    enlarged_to_flat = np.diag([1 / scale_x, 1 / scale_y, 1.0]) @ _shift(0.5, 0.5)
    picture_to_window = _shift(-0.5, -0.5) @ np.diag([2.0, 2.0, 1.0]) @ _shift(-left, -top)
    matrix = picture_to_window @ flat_to_picture @ enlarged_to_flat
    window = (int(right - left), int(bottom - top))
    double = (2 * window[0], 2 * window[1])
    inked = cv2.bitwise_and(ink, ink, mask=(cover > 127).astype(np.uint8))  # premultiplied, so that no edge bleeds
    seen = cv2.resize(cv2.warpPerspective(inked, matrix, double), window, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cv2.warpPerspective(cover, matrix, double), window, interpolation=cv2.INTER_AREA)
    paper, shade = seen.astype(np.float32) / 255, alpha.astype(np.float32) / 255
    if picture.ndim == 3:
        paper, shade = paper[..., None], shade[..., None]
    region = picture[top:bottom, left:right]
    dark, light = np.asarray(dark, np.float32), np.asarray(light, np.float32)
    region[:] = np.clip(region * (1 - shade) + dark * shade + (light - dark) * paper, 0, 255)
    seen_outline = cv2.perspectiveTransform(outline[None], flat_to_picture)[0]
    return (*(float(v) for v in seen_outline.min(0)), *(float(v) for v in seen_outline.max(0)))  # type: ignore[return-value]


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def expose(picture: Gray, rng: Rng) -> Gray:
    """Light, lens and sensor: uint8 [H, W] in and out, places unchanged."""
    light: NDArray[np.floating] = _blur(_shade(picture.astype(np.float32), rng), rng)
    if chance(rng, 0.5):
        light = 255 * (np.clip(light, 0, 255) / 255) ** rng.uniform(0.6, 1.7)
    if chance(rng, 0.4):  # flat contrast
        light = rng.uniform(0, 90) + light * rng.uniform(0.3, 0.8)
    if chance(rng, 0.6):
        grain = rng.uniform(0, 6) if chance(rng, 0.7) else rng.uniform(6, 18)
        light = light + grain * rng.standard_normal(light.shape, np.float32)
    if chance(rng, 0.06):  # a scan in black and white
        light = np.where(light > np.median(light) * rng.uniform(0.7, 1.2), 255, 0)
    seen = as_gray(np.clip(light, 0, 255).astype(np.uint8))
    if chance(rng, 0.35):
        _, packed = cv2.imencode(".jpg", seen, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(18, 81))])
        unpacked = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
        assert unpacked is not None
        return as_gray(unpacked)
    return seen


def _shade(light: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Uneven light, a cast shadow, a glare."""
    height, width = light.shape
    if chance(rng, 0.6):
        cells = float(rng.choice((2, 2, 3, 4)))
        field = rng.uniform(0.75, 1.1) + (noise(height, width, cells, rng) - 0.5) * rng.uniform(0, 1.3)
        light = light * np.clip(field, 0.15, 1.5)
    if chance(rng, 0.12):
        shadow = np.ones((height, width), np.float32)
        corners = np.stack([rng.integers(-50, width + 50, 4), rng.integers(-50, height + 50, 4)], 1).astype(np.int32)
        cv2.fillPoly(shadow, [corners], rng.uniform(0.4, 0.8))
        light = light * cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.6, 9))
    if chance(rng, 0.06):
        glare = np.zeros((height, width), np.float32)
        at, axes = (
            (int(rng.integers(0, width)), int(rng.integers(0, height))),
            (int(rng.integers(8, 60)), int(rng.integers(4, 30))),
        )
        cv2.ellipse(glare, at, axes, rng.uniform(0, 180), 0, 360, rng.uniform(40, 160), -1)
        light = light + cv2.GaussianBlur(glare, (0, 0), rng.uniform(4, 16))
    return np.asarray(light, np.float32)


def _blur(light: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Out of focus, enlarged from a smaller picture, shaken, or sharp."""
    height, width = light.shape
    fate = rng.random()
    if fate < 0.35:
        return np.asarray(cv2.GaussianBlur(light, (0, 0), rng.uniform(0.4, 2.2 if chance(rng, 0.6) else 1)), np.float32)
    if fate < 0.5:
        by = 1 / rng.uniform(1.2, 2.6)
        small = cv2.resize(light, None, fx=by, fy=by, interpolation=int(rng.choice((0, 1, 3))))
        return np.asarray(cv2.resize(small, (width, height), interpolation=int(rng.choice((1, 1, 2)))), np.float32)
    if fate < 0.62:
        length = int(rng.integers(3, 10))
        angle, middle = rng.uniform(0, math.pi), length // 2
        reach = np.array([math.cos(angle), math.sin(angle)]) * middle
        start, end = (tuple(round(float(v)) for v in middle + sign * reach) for sign in (-1, 1))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, start, end, 1)
        return np.asarray(cv2.filter2D(light, -1, kernel / kernel.sum()), np.float32)
    return light
