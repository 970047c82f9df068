"""Label files in every form that exporters and people write."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.card.labels import BACKGROUNDS, COCO, COCO91
from edgerun.dialects.readers import literals, pbtxt, safe_yaml
from edgerun.errors import CardInvalid

__all__ = ["beside", "parse", "read"]

SHARED: Mapping[object, tuple[str, ...]] = {"coco": COCO, "coco91": COCO91}
"""Lists that a user may call by name."""

LARGEST_NUMBER = 100_000
"""Of a class in a label file."""


def read(labels: str | Path | Sequence[str] | Mapping[Any, str]) -> tuple[str, ...] | Mapping[Any, str]:
    """Labels from what a user may pass: names, a table, "coco", "coco91", or a path of a label file.

    Raises:
        CardInvalid: the file is missing or holds no labels.
    """
    if isinstance(labels, Mapping):
        return labels
    if not isinstance(labels, (str, Path)):
        return tuple(labels)
    if labels in SHARED:
        return SHARED[labels]
    path = Path(labels)
    if not path.is_file():
        raise CardInvalid(
            f"There is no label file {path}.", hint='pass a file with one name a line, "coco", or a list of names'
        )
    try:
        return parse(_text(path))
    except (ValueError, OverflowError) as cause:
        raise CardInvalid(f"The label file {path} cannot be read: {cause}.", hint="write one name a line") from cause


def _text(path: Path) -> str:
    if path.stat().st_size > literals.LARGEST:
        raise ValueError(f"it is larger than {literals.LARGEST} bytes")
    return path.read_text(encoding="utf-8-sig")


def parse(text: str) -> tuple[str, ...]:
    """Names in the order of their class numbers, from any of these forms:

    one name a line; `3 name` or `3: name` (Coral); `.pbtxt` items; `names:` of a data.yaml; a JSON list or table, also
    from names to numbers (Keras); a Python literal. Gaps are filled with "???". A background stays where it is.

    Raises:
        ValueError: nothing in it.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip("\n \t\x00")
    if not text:
        raise ValueError("it is empty")
    for sign, reader in _FORMS:
        if sign.search(text):
            return reader(text)
    return _from_lines(text)


def _from_literal(text: str) -> tuple[str, ...]:
    return _from_value(literals.parse(text))


def _from_yaml(text: str) -> tuple[str, ...]:
    content = safe_yaml.parse(text)
    if not isinstance(content, Mapping):
        return _from_value(None)
    return _from_value(content.get("names"))


def _from_pbtxt(text: str) -> tuple[str, ...]:
    """Items of a label map: ids begin at 1, for 0 is the background, which some maps write down."""
    table = {}
    for item in pbtxt.parse(text).get("item", ()):
        names = item.get("display_name") or item.get("name")
        if names and item.get("id"):
            table[int(item["id"][0])] = str(names[0])
    if table.get(0, "").lower() in BACKGROUNDS:
        del table[0]
    first = 0 if 0 in table else 1
    return _from_table({number - first: name for number, name in table.items()})


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], tuple[str, ...]]], ...] = (
    (re.compile(r"\A[\[{]"), _from_literal),
    (re.compile(r"^\s*item\s*[{<]", re.MULTILINE), _from_pbtxt),
    (re.compile(r"^names\s*:", re.MULTILINE), _from_yaml),
)
"""What a form is known by, and its reader; all else are lines."""

_NUMBERED = re.compile(r"\s*(\d{1,6})\s*[:,\t ]\s*(\S.*?)\s*")


def _from_lines(text: str) -> tuple[str, ...]:
    lines = text.split("\n")
    table = _numbered(lines)
    if table is not None:
        return _from_table(table)
    return tuple(map(str.strip, lines))


def _numbered(lines: Sequence[str]) -> dict[int, str] | None:
    """Number -> name, where every line that is not empty begins with a number of its own; else None."""
    names: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        entry = _NUMBERED.fullmatch(line)
        if entry is None or entry.group(1) in names:
            return None
        names[entry.group(1)] = entry.group(2)
    return {int(number): name for number, name in names.items()}


_TABLES = ("names", "id2label", "labels", "classes", "class_names")
"""Keys under which files with more in them keep their labels."""


def _from_value(value: Any) -> tuple[str, ...]:
    labels = _labels_in(value)
    if isinstance(labels, (list, tuple)):
        return tuple(map(_name, labels))
    if not isinstance(labels, Mapping):
        raise ValueError("it holds neither a list nor a table of names")
    by_number = _by_number(labels)
    return _from_table({int(number): _name(name) for number, name in by_number.items()})


def _labels_in(value: Any) -> Any:
    """The list or table under one of the usual keys; the value itself where there is none."""
    if not isinstance(value, Mapping):
        return value
    for key in _TABLES:
        labels = value.get(key)
        if isinstance(labels, (list, tuple, dict)):
            return labels
    return value


def _by_number(table: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A table by class number, also where it is written from names to numbers."""
    named_first = all(isinstance(number, int) for number in table.values())
    if not named_first or any(str(key).isdigit() for key in table):
        return table
    return {number: name for name, number in table.items()}


def _name(value: Any) -> str:
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError(f"it holds {str(value)[:40]!r}, which is not a name")


def _from_table(table: Mapping[int, str]) -> tuple[str, ...]:
    last = max(table, default=-1)
    first = min(table, default=-1)
    if first < 0 or last > LARGEST_NUMBER:
        raise ValueError("its class numbers do not lie in 0..100000")
    return tuple(table.get(number, "???") for number in range(last + 1))


NAMES = ("labels.txt", "labelmap.txt", "label_map.txt", "classes.txt", "class_names.txt", "coco.names", "data.yaml")
"""What label files are called that belong to no model in particular."""


def beside(model: Path) -> Path | None:
    """A label file beside a model that nothing refers to; for a hint, for it may be another model's."""
    for name in (f"{model.stem}.txt", *NAMES):
        path = model.with_name(name)
        if path.is_file():
            return path
    return None
