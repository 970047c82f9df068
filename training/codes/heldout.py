"""Writes pictures that no training run has seen, in colour, with COCO annotations:

python training/codes/heldout.py --out tests/data/codes --count 24 --seed 82
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from card import LABELS
from decoys import noise
from numpy.typing import NDArray
from render import Sample, scene
from symbols import Gray, Rng

LONGER_SIDES = (300, 420)  # px
BARE_SHARE = 1 / 6  # pictures without codes
QUALITY = 78  # of JPEG
SMALLEST = 26  # px, shorter side of a code's box; smaller ones make a picture unfit for a test
LEAST_CONTRAST = 18.0  # standard deviation of the gray values of each code, for the same reason
LEAST_LIKENESS = 0.6  # of each code to its sharp, well lit self


def tint(picture: Gray, rng: Rng) -> NDArray[np.uint8]:
    """Gives a gray picture uint8 [H, W] soft colours: uint8 [H, W, 3] BGR of the same brightness."""
    height, width = picture.shape
    planes = [picture.astype(np.float32)]
    for _ in range(2):
        field = noise(height, width, rng.uniform(2, 5), rng) - 0.5
        planes.append(128 + rng.normal(0, 6) + field * rng.uniform(0, 45))
    ycrcb = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2BGR), np.uint8)


def fit_for_a_test(sample: Sample) -> bool:
    """Whether every code is large and clear enough that missing it is a fault."""
    if sample.dimmest < LEAST_LIKENESS:
        return False
    for x0, y0, x1, y1 in sample.boxes.astype(int):
        inside = sample.picture[y0 : y1 + 1, x0 : x1 + 1]
        if min(x1 - x0, y1 - y0) < SMALLEST or inside.std() < LEAST_CONTRAST:
            return False
    return True


def heldout(seed: int, count: int) -> tuple[list[Sample], list[NDArray[np.uint8]]]:
    """`count` samples and their colour pictures; a fixed share has no codes, and comes last."""
    bare_left = round(count * BARE_SHARE)
    coded_left = count - bare_left
    coded: list[tuple[Sample, NDArray[np.uint8]]] = []
    bare: list[tuple[Sample, NDArray[np.uint8]]] = []
    index = 0
    while len(coded) < coded_left or len(bare) < bare_left:
        rng = np.random.default_rng((seed, index))
        index += 1
        longer, shape = int(rng.integers(*LONGER_SIDES)), rng.uniform(0.62, 1)
        height, width = (longer, int(longer * shape)) if rng.random() < 0.4 else (int(longer * shape), longer)
        sample = scene(height, width, rng)
        shelf, left = (coded, coded_left) if len(sample.labels) else (bare, bare_left)
        if len(shelf) < left and fit_for_a_test(sample):
            shelf.append((sample, tint(sample.picture, rng)))
    return [s for s, _ in coded + bare], [p for _, p in coded + bare]


def annotations(names: Sequence[str], samples: Sequence[Sample]) -> dict[str, object]:
    """The truth in COCO form; boxes x y w h, px."""
    images: list[dict[str, object]] = []
    boxes: list[dict[str, object]] = []
    for image_id, (name, sample) in enumerate(zip(names, samples, strict=True), 1):
        height, width = sample.picture.shape[:2]
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        for (x0, y0, x1, y1), label in zip(sample.boxes.astype(float), sample.labels, strict=True):
            box = [round(v, 1) for v in (x0, y0, x1 - x0, y1 - y0)]
            boxes.append(
                {
                    "id": len(boxes) + 1,
                    "image_id": image_id,
                    "category_id": int(label) + 1,
                    "bbox": box,
                    "area": round(box[2] * box[3], 1),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(LABELS, 1)]
    return {"images": images, "annotations": boxes, "categories": categories}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=82, help="any but the seed of the training")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    samples, pictures = heldout(options.seed, options.count)
    names = [f"scene_{i:03d}.jpg" for i in range(1, len(samples) + 1)]
    for name, picture in zip(names, pictures, strict=True):
        cv2.imwrite(str(options.out / name), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    text = json.dumps(annotations(names, samples), indent=1)
    (options.out / "annotations.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
