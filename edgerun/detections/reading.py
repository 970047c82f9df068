"""Detections read back from JSON and from COCO results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from edgerun.card import labels
from edgerun.errors import InputError
from edgerun.processing.masks import Masks
from edgerun.tensors import AnyArray

__all__ = ["of_coco", "of_json"]

Rows = Sequence[Mapping[str, Any]]


@contextmanager
def _explained(what: str, hint: str) -> Iterator[None]:
    """One sentence where content is not as it should be."""
    try:
        yield
    except KeyError as cause:
        raise InputError(f"These are not {what}: something lacks {cause}.", hint=hint) from cause
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as cause:
        raise InputError(f"These are not {what}: {cause}.", hint=hint) from cause


def _values(rows: Rows, name: str) -> list[Any]:
    return [row[name] for row in rows]


def _table(rows: Rows, name: str, *tail: int) -> AnyArray:
    """One value of each row, float32 [N, *tail]."""
    return np.array(_values(rows, name), np.float32).reshape(len(rows), *tail)


def _have(rows: Rows, name: str) -> bool:
    """Whether there is a column of this name; where one row has it, all must."""
    return any(map(lambda row: name in row, rows))  # noqa: C417


# ------------------------------------------------------------------------------------------------ JSON


def of_json(text: str | bytes) -> dict[str, Any]:
    """The columns of what `to_json` wrote; see `Detections.from_json`."""
    with _explained("detections as JSON", "to_json() writes them"):
        content = json.loads(text)
        rows = content["detections"]
        columns: dict[str, Any] = {
            "xyxy": _table(rows, "box", 4),
            "score": _table(rows, "score"),
            "class_id": np.array(_values(rows, "class_id"), np.int32),
            "names": _names(rows),
            "shape": (int(content["height"]), int(content["width"])),
            "speed": dict(content.get("speed", {})),
            "path": str(content.get("path", "")),
            "frame": content.get("frame"),
        }
        if _have(rows, "keypoints"):
            columns["keypoints"] = _table(rows, "keypoints", -1, 3)
        if _have(rows, "rotated"):
            columns["rotated"] = _table(rows, "rotated", -1)
        if _have(rows, "polygons"):
            columns["masks"] = _masks([_filled(outlines, columns["shape"]) for outlines in _values(rows, "polygons")])
        return columns


def _names(rows: Rows) -> tuple[str, ...]:
    """The names of classes as far as rows tell them; () where all are called by their numbers."""
    told = dict(zip(_values(rows, "class_id"), _values(rows, "label"), strict=True))
    numbered = {number: str(number) for number in range(max(told, default=-1) + 1)}
    names = numbered | told
    return () if names == numbered else tuple(names.values())


def _filled(outlines: Sequence[Any], shape: tuple[int, int]) -> AnyArray:
    """Where the outlines of one row enclose something, bool [H, W]."""
    canvas = np.zeros(shape, np.uint8)
    points = [np.rint(np.array(outline, np.float64).reshape(-1, 2)).astype(np.int32) for outline in outlines]
    cv2.fillPoly(canvas, points, 1)
    return canvas.astype(np.bool_)


def _masks(bitmaps: Sequence[AnyArray]) -> Masks:
    return Masks.of_bitmaps(np.array(bitmaps, np.bool_))


# ------------------------------------------------------------------------------------------------ COCO


def of_coco(
    rows: Rows,
    names: Sequence[str],
    category_ids: Sequence[int] | None,
    shape: tuple[int, int],
    image_id: int | str | None,
) -> dict[str, Any]:
    """The columns of an image's rows of a COCO results file; see `Detections.from_coco`."""
    with _explained("rows of a COCO results file", "each has image_id, category_id, bbox and score"):
        chosen = sorted(_of_image(rows, image_id), key=lambda row: -float(row["score"]))
        boxes = _table(chosen, "bbox", 4)
        boxes[:, 2:] += boxes[:, :2]
        columns: dict[str, Any] = {
            "xyxy": boxes,
            "score": _table(chosen, "score"),
            "class_id": _classes(_values(chosen, "category_id"), names, category_ids),
            "names": tuple(names),
            "shape": shape,
        }
        if _have(chosen, "keypoints"):
            columns["keypoints"] = _table(chosen, "keypoints", -1, 3)
        if _have(chosen, "segmentation"):
            masks = _masks([_bitmap(segmentation, shape) for segmentation in _values(chosen, "segmentation")])
            columns |= {"masks": masks, "shape": masks.bitmaps.shape[1:]}
        return columns


def _of_image(rows: Rows, image_id: int | str | None) -> Rows:
    """The rows of the one image that is meant."""
    ids = list(dict.fromkeys(_values(rows, "image_id")))
    if image_id is not None:
        return [row for row in rows if row["image_id"] == image_id]
    if len(ids) > 1:
        shown = ", ".join(map(str, ids[:5]))
        raise InputError(f"These are rows of {len(ids)} images: {shown} …", hint="say which: image_id=…")
    return rows


def _classes(categories: Sequence[Any], names: Sequence[str], category_ids: Sequence[int] | None) -> AnyArray:
    """The class number of each row, int32 [N]."""
    ids = labels.category_ids(names, len(names) - 1) if category_ids is None else category_ids
    if len(ids) == 0 and categories:
        raise InputError(
            "Nothing says which class each COCO category is.", hint="give names=detector.names, or category_ids=[…]"
        )
    unknown = sorted(set(map(int, categories)) - set(ids))
    if unknown:
        raise InputError(
            f"There is no class for category {unknown[0]}; the categories are {list(ids)[:100]}.",
            hint="give the names of all classes, or their category_ids",
        )
    number_of = dict(zip(ids, range(len(ids)), strict=True))
    return np.array([number_of[int(category)] for category in categories], np.int32)


def _bitmap(segmentation: Any, shape: tuple[int, int]) -> AnyArray:
    """A mask of COCO's uncompressed run lengths, or of its outlines, bool [H, W]."""
    if not isinstance(segmentation, Mapping):
        return _filled(segmentation, shape)
    height, width = map(int, segmentation["size"])
    counts = segmentation["counts"]
    if not isinstance(counts, list):
        raise InputError(
            "The masks of these rows are compressed run lengths.",
            hint="decode them with pycocotools.mask, or leave segmentation out",
        )
    if sum(counts) != height * width:
        raise ValueError(f"run lengths of {sum(counts)} pixels are no mask of {width} x {height}")
    bits = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.asarray(bits.reshape(width, height).T)
