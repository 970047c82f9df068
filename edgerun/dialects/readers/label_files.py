"""Label files of every habit, and the one list that people call by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.card.labels import BACKGROUNDS, without_background
from edgerun.dialects.readers import literals, pbtxt, safe_yaml
from edgerun.errors import CardInvalid

__all__ = ["BACKGROUNDS", "COCO", "COCO91", "beside", "parse", "read", "without_background"]

# fmt: off
COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
)
# fmt: on
"""The 80 classes of COCO 2017, in the order of their category ids."""

_COCO_GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""Category ids of 1..90 that have no class."""


def _with_gaps() -> tuple[str, ...]:
    names = iter(COCO)
    return tuple("???" if number in _COCO_GAPS else next(names) for number in range(1, 91))


COCO91 = _with_gaps()
"""COCO by category id less one, as TensorFlow's detectors number them; ids without a class are "???"."""


def read(labels: str | Path | Sequence[str] | Mapping[Any, str]) -> tuple[str, ...] | Mapping[Any, str]:
    """Labels from what a user may pass: names, a table, "coco", "coco91", or a path of a label file.

    Raises:
        CardInvalid: the file is missing or holds no labels.
    """
    if not isinstance(labels, (str, Path)):
        return labels if isinstance(labels, Mapping) else tuple(labels)
    if labels == "coco":
        return COCO
    if labels == "coco91":
        return COCO91
    path = Path(labels)
    if not path.is_file():
        raise CardInvalid(
            f"There is no label file {path}.", hint='pass a file with one name a line, "coco", or a list of names'
        )
    try:
        if path.stat().st_size > literals.LARGEST:
            raise ValueError(f"it is larger than {literals.LARGEST} bytes")
        return parse(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OverflowError) as cause:
        raise CardInvalid(f"The label file {path} cannot be read: {cause}.", hint="write one name a line") from cause


def parse(text: str) -> tuple[str, ...]:
    """Names in the order of their class numbers, from any of these habits:

    one name a line; `3 name` or `3: name` (Coral); `.pbtxt` items; `names:` of a data.yaml; a JSON list or table, also
    from names to numbers (Keras); a Python literal. Gaps are filled with "???". A background stays where it is.

    Raises:
        ValueError: nothing in it.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip("\n \t\x00")
    if not text:
        raise ValueError("it is empty")
    if text[0] in "[{":
        return _from_value(literals.parse(text))
    if re.search(r"^\s*item\s*[{<]", text, re.MULTILINE):
        return _from_pbtxt(text)
    if re.search(r"^names\s*:", text, re.MULTILINE):
        content = safe_yaml.parse(text)
        return _from_value(content.get("names") if isinstance(content, Mapping) else None)
    lines = text.split("\n")
    numbered = [re.fullmatch(r"\s*(\d{1,6})\s*[:,\t ]\s*(\S.*?)\s*", line) for line in lines if line.strip()]
    if all(numbered) and len({entry.group(1) for entry in numbered if entry}) == len(numbered):
        return _from_table({int(entry.group(1)): entry.group(2) for entry in numbered if entry})
    return tuple(line.strip() for line in lines)


_TABLES = ("names", "id2label", "labels", "classes", "class_names")
"""Keys under which files with more in them keep their labels."""


def _from_value(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        value = next((value[key] for key in _TABLES if isinstance(value.get(key), (list, tuple, dict))), value)
    if isinstance(value, Mapping):
        if all(isinstance(number, int) for number in value.values()) and not any(str(key).isdigit() for key in value):
            value = {number: name for name, number in value.items()}
        return _from_table({int(key): _name(name) for key, name in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(_name(name) for name in value)
    raise ValueError("it holds neither a list nor a table of names")


def _name(value: Any) -> str:
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError(f"it holds {str(value)[:40]!r}, which is no name")


def _from_table(table: Mapping[int, str]) -> tuple[str, ...]:
    if not table or min(table) < 0 or max(table) > 100_000:
        raise ValueError("its class numbers do not lie in 0..100000")
    return tuple(table.get(number, "???") for number in range(max(table) + 1))


def _from_pbtxt(text: str) -> tuple[str, ...]:
    """Items of a label map: ids begin at 1, for 0 is the background, which some maps write down."""
    table = {}
    for item in pbtxt.parse(text).get("item", ()):
        names = item.get("display_name") or item.get("name") or ()
        if names and item.get("id"):
            table[int(item["id"][0])] = str(names[0])
    if table.get(0, "").lower() in BACKGROUNDS:
        del table[0]
    return _from_table(table if 0 in table else {number - 1: name for number, name in table.items()})


NAMES = ("labels.txt", "labelmap.txt", "label_map.txt", "classes.txt", "class_names.txt", "coco.names", "data.yaml")
"""What label files are called that belong to no model in particular."""


def beside(model: Path) -> Path | None:
    """A label file beside a model that nothing refers to; for a hint, for it may be another model's."""
    return next((path for name in (f"{model.stem}.txt", *NAMES) if (path := model.with_name(name)).is_file()), None)
