"""Detections in other tools' words: plain values, COCO's results, supervision, pandas."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from edgerun import boxes as box_arithmetic
from edgerun.card import labels
from edgerun.detections.rows import Columns, Detection
from edgerun.errors import EdgerunError, InputError
from edgerun.tensors import AnyArray

__all__ = ["coco", "dataframe", "key_points", "plain", "supervision"]


def plain(found: Columns) -> list[dict[str, Any]]:
    """Plain values of each row, for JSON."""
    rows = [_plain(row) for row in found]
    if found.masks is not None:
        for index, row in enumerate(rows):
            row["polygons"] = [outline.tolist() for outline in found.masks.polygons(index)]
    return rows


def _plain(row: Detection) -> dict[str, Any]:
    """One row as plain values, without its mask."""
    content: dict[str, Any] = {
        "label": row.label,
        "class_id": row.class_id,
        "score": round(row.score, 6),
        "box": [round(side, 3) for side in row.box],
    }
    if row.keypoints is not None:
        content["keypoints"] = [_rounded(point) for point in row.keypoints]
    if row.rotated is not None:
        content["rotated"] = [round(value, 4) for value in row.rotated]
    return content


def _rounded(values: AnyArray) -> list[float]:
    """To thousandths."""
    return [round(value, 3) for value in values.tolist()]


def coco(found: Columns, image_id: int | str, category_ids: Sequence[int] | None) -> list[dict[str, Any]]:
    """Rows of a COCO results file."""
    if category_ids is None:
        category_ids = labels.category_ids(found.names, int(found.class_id.max(initial=-1)))
    sizes = box_arithmetic.xyxy_to_xywh(found.xyxy)
    rows: list[dict[str, Any]] = []
    for index, number in enumerate(found.class_id):
        row: dict[str, Any] = {
            "image_id": image_id,
            "category_id": category_ids[int(number)],
            "bbox": _rounded(sizes[index]),
            "score": round(float(found.score[index]), 6),
        }
        if found.masks is not None:
            row["segmentation"] = found.masks.rle(index)
        if found.keypoints is not None:
            row["keypoints"] = _rounded(found.keypoints[index].ravel())
        rows.append(row)
    return rows


def _class_names(found: Columns) -> AnyArray:
    return found.label.astype(object)


def supervision(found: Columns) -> Any:
    """As supervision.Detections. Sources: supervision 0.31.2, config.py, `ORIENTED_BOX_COORDINATES`."""
    theirs = _imported("supervision", "to_supervision")
    data: dict[str, AnyArray] = {"class_name": _class_names(found)}
    further = {"xyxyxyxy": found.xyxyxyxy, "keypoints": found.keypoints}
    data |= {name: column.copy() for name, column in further.items() if column is not None}
    return theirs.Detections(
        xyxy=found.xyxy.copy(),
        mask=found.bitmaps,
        confidence=found.score.copy(),
        class_id=found.class_id.astype(int),
        data=data,
    )


def key_points(found: Columns) -> Any:
    """As supervision.KeyPoints."""
    theirs = _imported("supervision", "to_supervision_keypoints")
    if found.keypoints is None:
        raise InputError("These have no keypoints.", hint="to_supervision() gives boxes, masks and oriented boxes")
    if not len(found):
        return theirs.KeyPoints.empty()
    return theirs.KeyPoints(
        xy=found.keypoints[..., :2].copy(),
        keypoint_confidence=found.keypoints[..., 2].copy(),
        detection_confidence=found.score.copy(),
        class_id=found.class_id.astype(int),
        data={"class_name": _class_names(found)},
    )


def dataframe(found: Columns) -> Any:
    """As a pandas.DataFrame."""
    pandas = _imported("pandas", "to_dataframe")
    x1, y1, x2, y2 = found.xyxy.T
    columns: dict[str, Any] = {
        "xmin": x1,
        "ymin": y1,
        "xmax": x2,
        "ymax": y2,
        "confidence": found.score,
        "class": found.class_id,
        "name": list(found.label),
    }
    if found.rotated is not None:
        names = ("xcenter", "ycenter", "width", "height", "angle")
        columns.update(zip(names, found.rotated[:, :5].T, strict=True))
    further = pandas.DataFrame(plain(found), columns=["keypoints", "polygons"], dtype=object)
    return pandas.DataFrame(columns).join(further.dropna(axis="columns", how="all"))


def _imported(name: str, method: str) -> Any:
    """A library that only this method needs."""
    try:
        return import_module(name)
    except ImportError as cause:
        raise EdgerunError(f"{method} needs {name}.", hint=f"pip install {name}") from cause
