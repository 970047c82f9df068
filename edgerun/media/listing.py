"""Files of folders and patterns: those that are images or videos, and those that are left out."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerun.errors import InputError
from edgerun.media import images

__all__ = ["KNOWN", "Listing", "is_pattern", "left_out", "of_folder", "of_pattern", "unreadable_hint"]

KNOWN = images.SUFFIXES | images.VIDEO_SUFFIXES

MAX_EXAMPLES = 3
"""Names of files that a message gives."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder or a pattern holds, by name, 9 before 10. Hidden files are in neither.

    Attributes:
        shown: images and videos.
        omitted: other files, and the folders of a folder.
    """

    shown: tuple[Path, ...]
    omitted: tuple[Path, ...]


def is_pattern(argument: str) -> bool:
    """Whether it has letters that stand for others."""
    return glob.has_magic(argument)


def of_folder(folder: Path) -> Listing:
    """What lies in a folder.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return _listing(folder.iterdir())
    except OSError as cause:
        message = f"The folder {folder} cannot be read: {cause.strerror}."
        raise InputError(message, hint="check its permissions") from cause


def of_pattern(pattern: str) -> Listing:
    """The files that match a pattern."""
    matches = map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute patterns)
    return _listing(match for match in matches if match.is_file())


def _listing(paths: Iterable[Path]) -> Listing:
    # a Mac leaves a hidden ._x.jpg behind
    visible = sorted((path for path in paths if not path.name.startswith(".")), key=_natural)
    shown: list[Path] = []
    omitted: list[Path] = []
    for path in visible:
        (shown if _is_shown(path) else omitted).append(path)
    return Listing(tuple(shown), tuple(omitted))


def _is_shown(path: Path) -> bool:
    return path.suffix.lower() in KNOWN and not path.is_dir()


def _natural(path: Path) -> list[tuple[int, int, str]]:
    return [_part(part) for part in re.split(r"(\d+)", str(path))]


def _part(part: str) -> tuple[int, int, str]:
    return (1, int(part), "") if part.isdecimal() else (0, 0, part)


def left_out(omitted: Iterable[Path]) -> str:
    """One sentence that counts and names files, with a hint where they are images; "" where there are none."""
    paths = sorted(omitted, key=_is_heic, reverse=True)
    if not paths:
        return ""
    sentence = f"left out: {_counted(paths)}: {_examples(paths)}"
    hint = unreadable_hint(paths)
    return f"{sentence}; {hint}" if hint else sentence


def unreadable_hint(paths: Iterable[Path]) -> str:
    """What helps with files that are images and cannot be read; "" where there are none."""
    return images.HEIC_HINT if any(map(_is_heic, paths)) else ""


def _is_heic(path: Path) -> bool:
    return path.suffix.lower() in images.HEIC_SUFFIXES


def _counted(paths: Sequence[Path]) -> str:
    folders = sum(map(Path.is_dir, paths))
    amounts = {"other file": len(paths) - folders, "folder": folders}
    return " and ".join(_amount(number, noun) for noun, number in amounts.items() if number)


def _amount(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _examples(paths: Sequence[Path]) -> str:
    names = ", ".join(path.name for path in paths[:MAX_EXAMPLES])
    more = len(paths) - MAX_EXAMPLES
    return f"{names} and {more} more" if more > 0 else names
