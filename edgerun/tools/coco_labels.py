"""Labels of images in a COCO JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from edgerun.errors import InputError
from edgerun.tools.average_precision import Labelled

__all__ = ["read"]


def read(file: Path, photos: Sequence[Path]) -> tuple[dict[Path, Labelled], dict[int, str]]:
    """What is in each photo that the file knows, and the name of each category.

    Raises:
        InputError: it cannot be read, or does not tell which of its images a photo is.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        images = _named(content["images"])
        annotations = _by_image(content["annotations"])
        names = {int(category["id"]): str(category["name"]) for category in content["categories"]}
        ids = _ids(file, images, photos)
        return {photo: _labelled(annotations.get(number, [])) for photo, number in ids.items()}, names
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError) as cause:
        raise InputError(
            f"{file} cannot be read as COCO's annotations: {_fault(cause)}.",
            hint="it needs images, annotations with bbox, and categories",
        ) from cause


def _fault(cause: Exception) -> str:
    if isinstance(cause, UnicodeDecodeError):
        return "it is not a text"
    if isinstance(cause, KeyError):
        return f"it lacks {cause}"
    return getattr(cause, "strerror", None) or str(cause)


def _named(images: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[PurePosixPath, Any]]]:
    """(path, id) of the images of each name."""
    named: dict[str, list[tuple[PurePosixPath, Any]]] = {}
    for image in images:
        path = PurePosixPath(str(image["file_name"]).replace("\\", "/"))
        named.setdefault(path.name, []).append((path, image["id"]))
    return named


def _by_image(annotations: Sequence[Mapping[str, Any]]) -> dict[Any, list[Mapping[str, Any]]]:
    by_image: dict[Any, list[Mapping[str, Any]]] = {}
    for entry in annotations:
        by_image.setdefault(entry["image_id"], []).append(entry)
    return by_image


@dataclass(frozen=True, slots=True)
class _Fit:
    """A photo, the image of the file that it fits best, and how many parts of their paths agree."""

    photo: Path
    image_id: Any
    parts: int


def _ids(
    file: Path, images: Mapping[str, Sequence[tuple[PurePosixPath, Any]]], photos: Sequence[Path]
) -> dict[Path, Any]:
    """The image of each photo: that whose file_name has most in common with the end of the photo's path.

    An image belongs to the photo that it fits best; other photos of the same name are not known then.
    """
    rivals: dict[Any, list[_Fit]] = {}
    for photo in dict.fromkeys(photos):
        if photo.name in images:
            fit = _best(file, photo, images[photo.name])
            rivals.setdefault(fit.image_id, []).append(fit)
    return {_nearest(file, fits).photo: image_id for image_id, fits in rivals.items()}


def _best(file: Path, photo: Path, images: Sequence[tuple[PurePosixPath, Any]]) -> _Fit:
    parts = {image_id: _common_parts(path, photo) for path, image_id in images}
    most = max(parts.values())
    best = [image_id for image_id, count in parts.items() if count == most]
    if len(best) > 1:
        raise _ambiguous(file, f"{len(best)} images that may be {photo}")
    return _Fit(photo, best[0], most)


def _nearest(file: Path, fits: Sequence[_Fit]) -> _Fit:
    first, *others = sorted(fits, key=lambda fit: -fit.parts)
    if others and others[0].parts == first.parts:
        raise _ambiguous(file, f"one image that may be {first.photo} or {others[0].photo}")
    return first


def _common_parts(name: PurePosixPath, photo: Path) -> int:
    """How many folders and names agree, from the end."""
    own = photo.absolute().parts
    for count, part in enumerate(reversed(name.parts)):
        if count >= len(own) or part != own[-1 - count]:
            return count
    return len(name.parts)


def _ambiguous(file: Path, what: str) -> InputError:
    hint = "give photos by paths that end as file_name does, such as val/0001.jpg"
    return InputError(f"{file} has {what}.", hint=hint)


def _labelled(annotations: Sequence[Mapping[str, Any]]) -> Labelled:
    boxes = np.array([entry["bbox"] for entry in annotations], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    classes = np.array([int(entry["category_id"]) for entry in annotations], int)
    crowd = np.array([bool(entry.get("iscrowd", 0)) for entry in annotations], bool)
    # COCO's sizes are those of outlines; some files have none, and then the box stands for it
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = [float(entry.get("area", size)) for entry, size in zip(annotations, sides.prod(axis=1), strict=True)]
    return Labelled(boxes, classes, crowd, np.array(areas, np.float64))
