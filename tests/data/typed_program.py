"""A program that uses everything of edgerun's face; type checkers and a test look at it."""

import asyncio
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np

from edgerun import Detection, Detections, Detector, EdgerunError, ModelCard


def load(model: str) -> Detector:
    return Detector.load(model, delegate="cpu", threads=2, max_det=50, conf=0.25, color="rgb", warm_up=True)


def look(detector: Detector, path: Path, folder: Path) -> list[Detections]:
    image = np.zeros((64, 96, 3), np.uint8)
    one: Detections = detector(path, conf=0.3, iou=0.5, max_det=20, classes=["qr_code", 1], color="bgr")
    several: list[Detections] = detector([image, str(path)], score_threshold=0.3, iou_threshold=0.6)
    of_bytes: Detections = detector(BytesIO(path.read_bytes()), conf={"qr_code": 0.3, 1: 0.4}, nms="agnostic")
    with path.open("rb") as file:
        of_file: Detections = detector(file, max_detections=5)
    lazily: Iterator[Detections] = detector((image for _ in range(2)), confidence=0.4)
    many: Iterator[Detections] = detector.each(folder, conf=0.3)
    awaited: Detections = asyncio.run(detector.acall(path, max_results=5))
    return [one, *several, of_bytes, of_file, *lazily, *many, awaited]


def work(found: Detections, image: Path, out: Path) -> Detections:
    codes = found[found.label == "qr_code"]
    best = found.filter(conf={"qr_code": 0.5}, classes=["qr_code"], area=(10, 1e9))
    merged = Detections.merge([codes, best]) + Detections.empty(found.shape, found.names)
    again = Detections.from_json(merged.to_json(indent=2))
    rows = Detections.from_coco(merged.to_coco(1), names=found.names, shape=found.shape, image_id=1)
    picture = found.draw(image, visibility=0.4, skeleton=[(0, 1)], color="bgr")
    found.save(out / "drawn.png", image, visibility=0.4)
    sizes: list[tuple[int, ...]] = [crop.shape for crop in found.crop(image)]
    first: Detection | None = next(iter(found), None)
    if first is not None:
        print(first.label.upper(), f"{first.score:.2f}", [round(side) for side in first.box])
    print(found, repr(found), picture.shape, sizes, len(again), len(rows), found == again)
    return merged


def main(model: str, image: Path, out: Path) -> None:
    try:
        with load(model) as detector:
            card: ModelCard = detector.card
            height, width = detector.imgsz
            print(detector.names, height, width, detector.task, card.source("labels"), detector.report().runs_on)
            for found in look(detector, image, image.parent):
                if found.path:
                    work(found, Path(found.path), out)
    except EdgerunError as problem:
        print(problem.message, problem.hint)
        raise


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
