"""Files beside a model: which of them speak of it, and reading them within bounds. They are untrusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from edgerun.dialects.readers import label_files, safe_yaml
from edgerun.formats.known import SUFFIXES

__all__ = ["LARGEST", "alone", "files", "first", "json_object", "label_file", "names", "text", "yaml_object"]

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
        ValueError: it is too large, or no text.
    """
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if not all(sign.encode() in content for sign in signs):
        return ""
    if len(content) > LARGEST:
        raise ValueError(f"{path.name} is larger than {LARGEST} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise ValueError(f"{path.name} is no text") from cause


def json_object(path: Path, *signs: str) -> dict[str, Any]:
    """The JSON object in a file; {} where there is no file, or another's. See `text`.

    Raises:
        ValueError: it bears the signs, and is damaged.
    """
    return _object(path, text(path, *signs), json.loads)


def yaml_object(path: Path, *signs: str) -> dict[str, Any]:
    """The YAML mapping in a file, likewise."""
    return _object(path, text(path, *signs), safe_yaml.parse)


def _object(path: Path, content: str, parser: Any) -> dict[str, Any]:
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


def names(said: Any, model: Path) -> bool:
    """Whether a description means this model by a path of its own machine: the last part counts."""
    return isinstance(said, str) and bool(said) and re.split(r"[/\\]", said)[-1] == model.name


def alone(model: Path) -> bool:
    """Whether all models in the folder are this one in other formats and numbers.

    What describes a model without naming it is taken for its own in such a folder only.
    """
    stems = set(_stems(model.parent)) | {_plain(model.stem)}
    shortest = min(stems, key=len)
    return all(re.match(re.escape(shortest) + r"([._-]|$)", stem) for stem in stems)


def _stems(folder: Path) -> Iterator[str]:
    for entry in islice(folder.glob("*"), MOST_FILES):
        if entry.suffix.lower() in SUFFIXES and entry.suffix != ".npz":
            yield _plain(entry.stem)


def _plain(stem: str) -> str:
    return _VARIANT.sub("", stem.lower())


def label_file(folder: Path, said: Any) -> tuple[str, ...] | None:
    """The labels of a file that a description names; None where it is not in this folder.

    Only the last part of the path counts: nothing outside the folder is read.

    Raises:
        ValueError: it is there, and holds no labels.
    """
    if not isinstance(said, str) or not said:
        return None
    name = re.split(r"[/\\]", said)[-1]
    if name in ("", ".", "..") or not (folder / name).is_file():
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
