"""Label files of every habit, and the one list that people call by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgerun.cards import literals
from edgerun.errors import CardInvalid

__all__ = ["COCO", "COCO91", "parse", "read"]

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
        return parse(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OverflowError) as cause:
        raise CardInvalid(f"The label file {path} cannot be read: {cause}.", hint="write one name a line") from cause


def parse(text: str) -> tuple[str, ...]:
    """Names in the order of their class numbers, from any of these habits:

    one name a line; `3 name` or `3: name` (Coral); `.pbtxt` items; `names:` of a data.yaml; a JSON list or
    table; a Python literal. Gaps are filled with "???".

    Raises:
        ValueError: nothing in it.
    """
    text = text.replace("\r\n", "\n").strip("\n \t\x00")
    if not text:
        raise ValueError("it is empty")
    if text[0] in "[{":
        return _from_value(literals.parse(text))
    if re.search(r"^\s*item\s*\{", text, re.MULTILINE):
        return _from_pbtxt(text)
    names = re.search(r"^names\s*:(.*(?:\n(?:[ \t-].*)?)*)", text, re.MULTILINE)
    if names:
        return _from_yaml(names.group(1))
    lines = text.split("\n")
    numbered = [re.fullmatch(r"\s*(\d{1,6})\s*[:,\t ]\s*(\S.*?)\s*", line) for line in lines if line.strip()]
    if all(numbered) and len({entry.group(1) for entry in numbered if entry}) == len(numbered):
        return _from_table({int(entry.group(1)): entry.group(2) for entry in numbered if entry})
    return tuple(line.strip() for line in lines)


def _from_value(value: Any) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        value = value.get("names", value.get("id2label", value))
    if isinstance(value, Mapping):
        return _from_table({int(key): str(name) for key, name in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(str(name) for name in value)
    raise ValueError("it holds neither a list nor a table of names")


def _from_table(table: Mapping[int, str]) -> tuple[str, ...]:
    if not table or min(table) < 0 or max(table) > 100_000:
        raise ValueError("its class numbers do not lie in 0..100000")
    return tuple(table.get(number, "???") for number in range(max(table) + 1))


def _from_pbtxt(text: str) -> tuple[str, ...]:
    table = {}
    for item in re.findall(r"item\s*\{(.*?)\}", text, re.DOTALL):
        number = re.search(r"\bid\s*:\s*(\d{1,6})", item)
        name = re.search(r"\bdisplay_name\s*:\s*['\"](.*?)['\"]", item) or re.search(
            r"\bname\s*:\s*['\"](.*?)['\"]", item
        )
        if number and name:
            table[int(number.group(1)) - 1] = name.group(1)  # ids of a label map start at 1
    return _from_table(table)


def _from_yaml(block: str) -> tuple[str, ...]:
    block = block.split("#")[0] if "\n" not in block else block
    if block.strip().startswith(("[", "{")):
        flow = block.strip()
        value = literals.parse(flow[: flow.rfind("]" if flow[0] == "[" else "}") + 1])
        if isinstance(value, str):  # names without quotes
            value = [name.strip().strip("'\"") for name in value[1:-1].split(",")]
        return _from_value(value)
    lines = [line.strip() for line in block.split("\n") if line.strip() and not line.strip().startswith("#")]
    if all(line.startswith("- ") for line in lines):
        return tuple(line[2:].strip().strip("'\"") for line in lines)
    table = {}
    for line in lines:
        entry = re.fullmatch(r"(\d{1,6})\s*:\s*(.+)", line)
        if entry is None:
            raise ValueError(f"the line {line[:40]!r} under names is not understood")
        table[int(entry.group(1))] = entry.group(2).strip().strip("'\"")
    return _from_table(table)
