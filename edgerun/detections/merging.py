"""Several results of one image as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np

from edgerun.detections.rows import Columns
from edgerun.errors import InputError
from edgerun.processing.masks import Masks
from edgerun.tensors import AnyArray

__all__ = ["together"]

ARRAYS = ("xyxy", "score", "keypoints", "rotated", "bitmaps")


def together(results: Sequence[Columns]) -> dict[str, Any]:
    """The fields of all results in one, best first; see `Detections.merge`."""
    if not results:
        raise InputError("There is nothing to merge.", hint="give one result at least, or use Detections.empty()")
    filled = list(filter(len, results)) or list(results[:1])  # one without rows need not have all columns
    names = _union(list(map(attrgetter("names"), filled)))
    columns = {name: _joined(name, filled) for name in ARRAYS}
    columns["class_id"] = np.concatenate([_renumbered(found, names) for found in filled])
    order = np.argsort(-np.concatenate(list(map(attrgetter("score"), filled))), kind="stable")
    ordered: dict[str, Any] = {name: column[order] for name, column in columns.items() if column is not None}
    bitmaps = ordered.pop("bitmaps", None)
    return {
        **ordered,
        "masks": bitmaps if bitmaps is None else Masks.of_bitmaps(bitmaps),
        "names": names,
        "shape": _only_shape(results),
        "speed": dict(sum((Counter(dict(found.speed)) for found in results), Counter[str]())),
        **{name: getattr(results[0], name) for name in ("path", "frame", "origin")},
    }


def _only_shape(results: Sequence[Columns]) -> tuple[int, int]:
    shapes: list[tuple[int, int]] = [
        shape for shape in dict.fromkeys(map(attrgetter("shape"), results)) if shape != (0, 0)
    ]
    if len(shapes) > 1:
        sizes = " and ".join(f"{width} x {height}" for height, width in shapes)
        raise InputError(f"Results of images of {sizes} pixels cannot be merged.", hint="merge those of one image")
    return (*shapes, (0, 0))[0]


def _union(names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """All names in their order; each result's own where they are the same."""
    if len(set(names)) == 1:
        return names[0]
    if () in names:
        raise InputError("Some of these results have no names of classes.", hint="load their model with labels=")
    return tuple(dict.fromkeys(chain.from_iterable(names)))


def _renumbered(found: Columns, names: tuple[str, ...]) -> AnyArray:
    """The class numbers among the names of all, int32 [N]."""
    if found.names == names:
        return found.class_id
    return np.array(list(map(names.index, found.label.tolist())), np.int32)


def _joined(name: str, results: Sequence[Columns]) -> AnyArray | None:
    """One column of all results below each other; None where none has it."""
    columns = list(map(attrgetter(name), results))
    if len(set(map(_kind, columns))) > 1:
        raise InputError(f"Some of these results have other {name} than the rest.", hint="merge results of one task")
    return None if columns[0] is None else np.concatenate(columns)


def _kind(column: AnyArray | None) -> tuple[int, ...] | None:
    """The shape of a row; None where there is no such column."""
    return None if column is None else column.shape[1:]
