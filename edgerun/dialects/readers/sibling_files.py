"""Files beside a model: which of them speak of it, and reading them within bounds. They are untrusted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from edgerun.dialects.readers import label_files, safe_yaml
from edgerun.formats.known import SUFFIXES

__all__ = ["LARGEST", "alone", "files", "first", "folders", "json_object", "label_file", "names", "text", "yaml_object"]

LARGEST = 4_000_000
"""Bytes of a description; ten thousand labels fit."""

MOST_FILES = 1000
"""Of a folder are looked at; no exporter writes as many."""

_VARIANT = re.compile(
    r"([._-]((fp|float|u?int|q)\d+\w*|half|quant\w*|full|integer|dynamic|range|static|sim|simplified|opt|nms))+$"
)
"""What exporters append to the name of the same model in other numbers."""


def text(path: Path, *signs: str) -> str:
    """The text of a description; "" where there is none.

    Args:
        path: of the file.
        signs: words without which the file is somebody else's, whatever else is wrong with it.

    Raises:
        ValueError: it is too large, or not a text.
    """
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if not _bears(content, signs):
        return ""
    if len(content) > LARGEST:
        raise ValueError(f"{path.name} is larger than {LARGEST} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise ValueError(f"{path.name} is not a text") from cause


def _bears(content: bytes, signs: Iterable[str]) -> bool:
    return all(sign.encode() in content for sign in signs)


def json_object(path: Path, *signs: str) -> dict[str, Any]:
    """The JSON object in a file; {} where there is no file, or another's. See `text`.

    Raises:
        ValueError: it bears the signs, and is damaged.
    """
    return _object(path, text(path, *signs), json.loads)


def yaml_object(path: Path, *signs: str) -> dict[str, Any]:
    """The YAML mapping in a file, likewise."""
    return _object(path, text(path, *signs), safe_yaml.parse)


def _object(path: Path, content: str, parser: Callable[[str], Any]) -> dict[str, Any]:
    if not content.strip():
        return {}
    try:
        parsed = parser(content)
    except (ValueError, RecursionError) as cause:
        raise ValueError(f"{path.name} cannot be read: {cause}") from cause
    return parsed if isinstance(parsed, dict) else {}


def files(folder: Path, pattern: str) -> list[Path]:
    """Files of a folder by a pattern of names, sorted; of many the first thousand."""
    return sorted(islice((entry for entry in folder.glob(pattern) if entry.is_file()), MOST_FILES))


def folders(model: Path, kept_below: str) -> list[Path]:
    """The folder of a model; also the one above, where the model lies in a folder that is called so."""
    if model.parent.name == kept_below:
        return [model.parent, model.parent.parent]
    return [model.parent]


def names(place: Any, model: Path) -> bool:
    """Whether a description means this model by a path of its own machine: the last part counts."""
    return _last_part(place) == model.name


def _last_part(place: Any) -> str:
    """The file's name in a path of whatever machine; "" for what is not a path of a file."""
    if not isinstance(place, str):
        return ""
    name = re.split(r"[/\\]", place)[-1]
    return "" if name in (".", "..") else name


def alone(model: Path) -> bool:
    """Whether all models in the folder are this one in other formats and numbers.

    What describes a model without naming it is taken for its own in such a folder only.
    """
    stems = {_plain(model.stem), *_stems(model.parent)}
    begins_alike = re.compile(re.escape(min(stems, key=len)) + r"([._-]|$)")
    return all(map(begins_alike.match, stems))


def _stems(folder: Path) -> Iterator[str]:
    for entry in islice(folder.glob("*"), MOST_FILES):
        if entry.suffix.lower() in SUFFIXES and entry.suffix != ".npz":
            yield _plain(entry.stem)


def _plain(stem: str) -> str:
    return _VARIANT.sub("", stem.lower())


def label_file(folder: Path, place: Any) -> tuple[str, ...] | None:
    """The labels of a file that a description names; None where it is not in this folder.

    Only the last part of the path counts: nothing outside the folder is read.

    Raises:
        ValueError: it is there, and holds no labels.
    """
    name = _last_part(place)
    if not name or not (folder / name).is_file():
        return None
    try:
        return label_files.parse(text(folder / name))
    except ValueError as cause:
        raise ValueError(f"its label file {name} cannot be read: {cause}") from cause


def first(entries: Any) -> Mapping[str, Any]:
    """The first mapping of a list of them, or the mapping itself; {} where there is none."""
    if isinstance(entries, list) and entries:
        entries = entries[0]
    return entries if isinstance(entries, Mapping) else {}
