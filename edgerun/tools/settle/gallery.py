"""Hypotheses on a model side by side, for people to look at: one HTML page with everything in it, or one image."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.images import Image
from edgerun.tools.settle.hypotheses import arguments_in_words
from edgerun.tools.settle.result import Ranked, Settlement, Shown

__all__ = ["sheet", "write_page", "write_sheet"]

MAX_SHOWN = 6
"""Hypotheses; more cannot be compared by eye."""
IMAGE_SIDE = 360
"""Pixels of the longer side of an image on the page."""
JPEG_QUALITY = 80
MIN_CONF = 0.25
"""Of the rows that are drawn."""
GAP = 8
"""Pixels between images on the sheet."""
CAPTION_HEIGHT, CAPTION_BASELINE, CAPTION_MARGIN = 30, 22, 36
"""Pixels of a row of the sheet: above its images, of the text in it, and all that is not image."""
CAPTION_FONT, CAPTION_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.5

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #767676; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 100rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
.answer { font-size: 1.05rem; padding: .6rem .8rem; border-left: .3rem solid #2a8; background: #2a81; }
.answer.no { border-color: #c60; background: #c601; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); margin-top: 1.2rem; padding-top: .8rem; }
section h2 { font-size: 1rem; margin: 0; } section p { margin: .2rem 0 .6rem; color: var(--soft); }
.row { display: flex; flex-wrap: wrap; gap: .5rem; }
figure { margin: 0; } figcaption { font-size: .8rem; color: var(--soft); }
img { display: block; max-width: 100%; }
"""


def write_page(settlement: Settlement, path: Path) -> Path:
    """Write the page; it needs no other file and no network.

    Raises:
        InputError: it cannot be written.
    """
    content = "".join(_page(settlement))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as cause:
        raise InputError(f"{path} cannot be written: {cause.strerror}.", hint="choose another place") from cause
    return path


def _page(settlement: Settlement) -> Iterator[str]:
    name = _text(Path(settlement.model).name)
    yield "<!doctype html>"
    yield '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    yield f"<title>Readings of {name}</title><style>{STYLE}</style>"
    yield f"<h1>Readings of {name}</h1>"
    yield f"<p>{len(settlement.ranked)} readings on {settlement.photos} photos, by {settlement.by}</p>"
    yield f'<p class="answer{"" if settlement.clear else " no"}">{_text(settlement.sentence)}</p>'
    yield from _fields(settlement)
    for note in settlement.notes:
        yield f"<p>{_text(note)}</p>"
    for place in _places(settlement):
        yield from _section(settlement, place)
    yield from _others(settlement)
    if settlement.refused:
        refused = _table(("reading", "why"), settlement.refused)
        yield f"<section><h2>Contradicted by the outputs</h2>{refused}</section>"
    yield "</html>\n"


def _fields(settlement: Settlement) -> Iterator[str]:
    """What is open, as a table; nothing where nothing is."""
    rows = [(one.open.name, one.value, one.kind, one.why, one.open.why) for one in settlement.verdicts]
    if rows:
        yield _table(("field", "taken", "verdict", "why", "without photos"), rows)


def _section(settlement: Settlement, place: int) -> Iterator[str]:
    """One hypothesis and what it found in each photo."""
    entry = settlement.ranked[place]
    mark = " (taken)" if entry is settlement.chosen else ""
    arguments = arguments_in_words(entry.hypothesis.arguments_needed)
    separator = " · " if arguments else ""
    yield f"<section><h2>{place + 1}. {_text(str(entry.hypothesis))}{mark}</h2>"
    yield f"<p>{_text(_measures(entry, settlement))}{separator}<code>{_text(arguments)}</code></p>"
    yield '<div class="row">'
    for shown, found in _tried(settlement, place):
        yield _figure(shown, found)
    yield "</div></section>"


def _tried(settlement: Settlement, place: int) -> Iterator[tuple[Shown, Detections]]:
    """The photos that a hypothesis was tried on, with what it found."""
    for shown in settlement.shown:
        found = shown.found[place]
        if found is not None:
            yield shown, found


def _figure(shown: Shown, found: Detections) -> str:
    image = _drawn(shown, found)
    height, width = image.shape[:2]
    caption = f"{shown.path.name}: {int((found.score >= MIN_CONF).sum())} found"
    drawn = f'<img alt="" width="{width}" height="{height}" src="{_inlined(image)}">'
    return f"<figure>{drawn}<figcaption>{_text(caption)}</figcaption></figure>"


def _others(settlement: Settlement) -> Iterator[str]:
    """The hypotheses that are not shown, as a table; nothing where there are none."""
    shown = _places(settlement)
    others = [entry for place, entry in enumerate(settlement.ranked) if place not in shown]
    if others:
        rows = [(str(entry.hypothesis), _measures(entry, settlement)) for entry in others]
        yield f"<section><h2>The others</h2>{_table(('reading', ''), rows)}</section>"


def write_sheet(settlement: Settlement, path: Path) -> Path:
    """Write the contact sheet.

    Raises:
        InputError: it cannot be written, or the suffix is not that of an image.
    """
    images.write(path, sheet(settlement))
    return path


def sheet(settlement: Settlement) -> Image:
    """Hypotheses below one another, each with its photos side by side, uint8 [H, W, 3], blue-green-red."""
    rows = []
    for place in _places(settlement):
        drawn = [_drawn(shown, found) for shown, found in _tried(settlement, place)]
        if drawn:
            entry = settlement.ranked[place]
            rows.append(_captioned(drawn, f"{place + 1}. {entry.hypothesis}   {_measures(entry, settlement)}"))
    return _stacked(rows) if rows else _canvas(64, IMAGE_SIDE)


def _stacked(rows: Sequence[Image]) -> Image:
    width = max(row.shape[1] for row in rows)
    canvas = _canvas(sum(row.shape[0] for row in rows), width)
    top = 0
    for row in rows:
        canvas[top : top + row.shape[0], : row.shape[1]] = row
        top += row.shape[0]
    return canvas


def _places(settlement: Settlement) -> list[int]:
    """Of the hypotheses that are shown: the best, and the one that is taken."""
    best = range(min(MAX_SHOWN, len(settlement.ranked)))
    taken = [place for place, entry in enumerate(settlement.ranked) if entry is settlement.chosen]
    return sorted({*best, *taken})


def _captioned(drawn: Sequence[Image], caption: str) -> Image:
    words = caption.encode("ascii", "replace").decode()
    (text_width, _), _ = cv2.getTextSize(words, CAPTION_FONT, CAPTION_SCALE, 1)
    height = max(image.shape[0] for image in drawn)
    width = sum(image.shape[1] + GAP for image in drawn) + GAP
    row = _canvas(height + CAPTION_MARGIN, max(width, text_width + 2 * GAP))
    place, color = (GAP, CAPTION_BASELINE), (30, 30, 30)
    cv2.putText(row, words, place, CAPTION_FONT, CAPTION_SCALE, color, 1, cv2.LINE_AA)
    left = GAP
    for image in drawn:
        row[CAPTION_HEIGHT : CAPTION_HEIGHT + image.shape[0], left : left + image.shape[1]] = image
        left += image.shape[1] + GAP
    return row


def _canvas(height: int, width: int) -> Image:
    return np.full((height, width, 3), 250, np.uint8)


def _drawn(shown: Shown, found: Detections) -> Image:
    """The photo, made small, with what was found in it."""
    photo = images.read(shown.path)
    height, width = photo.shape[:2]
    scale = min(1.0, IMAGE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    ratio = np.array([size[0] / width, size[1] / height])
    return _shrunk(found[found.score >= MIN_CONF], ratio, (size[1], size[0])).draw(small)


def _shrunk(rows: Detections, ratio: np.ndarray, shape: tuple[int, int]) -> Detections:
    """Rows in the pixels of the small image."""
    keypoints = rows.keypoints
    if keypoints is not None:
        keypoints = (keypoints * np.array([*ratio, 1])).astype(np.float32)
    rotated = rows.rotated
    if rotated is not None:  # both sides are made small alike, but for a rounded pixel
        rotated = (rotated * np.array([*ratio, *[ratio[0]] * 2, 1])).astype(np.float32)
    boxes = (rows.xyxy * np.tile(ratio, 2)).astype(np.float32)
    return Detections(boxes, rows.score.copy(), rows.class_id, rows.names, shape, keypoints, rotated)


def _measures(entry: Ranked, settlement: Settlement) -> str:
    found = f"{entry.found:.1f} found a photo"
    if entry.repeatability is None:
        words = [f"average precision {entry.score:.3f}", found]
    else:
        words = [f"score {entry.score:.3f}", found, f"{entry.repeatability * 100:.0f} % of it steady"]
    if entry.photos < settlement.photos:
        words.append(f"given up after {entry.photos} photos")
    return ", ".join(words)


def _inlined(image: Image) -> str:
    good, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert good  # an image of bytes always can be
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = _row("th", headings)
    body = "".join(_row("td", row) for row in rows)
    return f"<table>{head}{body}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    inner = "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"


def _text(words: str) -> str:
    return html.escape(words)
