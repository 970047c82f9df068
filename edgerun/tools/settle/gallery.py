"""Readings of a model side by side, for people to look at: one HTML page with everything in it, or one picture."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.images import Image
from edgerun.tools.settle.readings import arguments_in_words
from edgerun.tools.settle.trial import Ranked, Settlement, Shown

__all__ = ["sheet", "write_page", "write_sheet"]

ROWS = 6
"""Readings that are shown; more cannot be compared by eye."""
SIDE = 360
"""Pixels of the longer side of a picture on the page."""
QUALITY = 80
"""Of JPEG."""
CONF = 0.25
"""Rows from here on are drawn."""
GAP = 8

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
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Readings of {_text(Path(settlement.model).name)}</title><style>{STYLE}</style>",
        f"<h1>Readings of {_text(Path(settlement.model).name)}</h1>",
        f"<p>{len(settlement.ranked)} readings on {settlement.photos} photos, by {settlement.by}</p>",
        f'<p class="answer{"" if settlement.clear else " no"}">{_text(settlement.sentence)}</p>',
    ]
    if settlement.verdicts:
        fields = [(one.open.name, one.value, one.kind, one.why, one.open.why) for one in settlement.verdicts]
        parts.append(_table(("field", "taken", "verdict", "why", "without photos"), fields))
    parts += [f"<p>{_text(note)}</p>" for note in settlement.notes]
    places = _places(settlement)
    for place in places:
        entry = settlement.ranked[place]
        arguments = arguments_in_words(entry.reading.arguments_needed)
        mark = " (taken)" if entry is settlement.chosen else ""
        parts.append(f"<section><h2>{place + 1}. {_text(str(entry.reading))}{mark}</h2>")
        parts.append(f"<p>{_text(_measures(entry, settlement))}{' · ' if arguments else ''}<code>{_text(arguments)}")
        parts.append('</code></p><div class="row">')
        for shown in settlement.shown:
            found = shown.found[place]
            if found is None:
                continue
            picture = _drawn(shown, found)
            caption = f"{shown.path.name}: {int((found.score >= CONF).sum())} found"
            parts.append(f'<figure><img alt="" width="{picture.shape[1]}" height="{picture.shape[0]}" src="')
            parts.append(f'{_inlined(picture)}"><figcaption>{_text(caption)}</figcaption></figure>')
        parts.append("</div></section>")
    rest = [entry for place, entry in enumerate(settlement.ranked) if place not in places]
    if rest:
        rows = [(str(entry.reading), _measures(entry, settlement)) for entry in rest]
        parts.append("<section><h2>The others</h2>" + _table(("reading", ""), rows) + "</section>")
    if settlement.refused:
        parts.append("<section><h2>Contradicted by the outputs</h2>")
        parts.append(_table(("reading", "why"), settlement.refused) + "</section>")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(parts) + "</html>\n", encoding="utf-8")
    except OSError as cause:
        raise InputError(f"{path} cannot be written: {cause.strerror}.", hint="choose another place") from cause
    return path


def write_sheet(settlement: Settlement, path: Path) -> Path:
    """Write the contact sheet.

    Raises:
        InputError: it cannot be written, or the suffix is of no picture.
    """
    images.write(path, sheet(settlement))
    return path


def sheet(settlement: Settlement) -> Image:
    """Readings below one another, each with its photos side by side, uint8 [H, W, 3], blue-green-red."""
    rows = []
    for place in _places(settlement):
        entry = settlement.ranked[place]
        seen = [(shown, found) for shown in settlement.shown if (found := shown.found[place]) is not None]
        pictures = [_drawn(shown, found) for shown, found in seen]
        if pictures:
            rows.append(_captioned(pictures, f"{place + 1}. {entry.reading}   {_measures(entry, settlement)}"))
    if not rows:
        return _canvas(64, SIDE)
    width = max(row.shape[1] for row in rows)
    canvas = _canvas(sum(row.shape[0] for row in rows), width)
    top = 0
    for row in rows:
        canvas[top : top + row.shape[0], : row.shape[1]] = row
        top += row.shape[0]
    return canvas


def _places(settlement: Settlement) -> list[int]:
    """Of the readings that are shown: the best, and the one that is taken."""
    taken = [place for place, entry in enumerate(settlement.ranked) if entry is settlement.chosen]
    return sorted({*range(min(ROWS, len(settlement.ranked))), *taken})


def _captioned(pictures: Sequence[Image], caption: str) -> Image:
    tall = max(picture.shape[0] for picture in pictures)
    words = caption.encode("ascii", "replace").decode()
    (wide, _), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    width = sum(picture.shape[1] + GAP for picture in pictures) + GAP
    row = _canvas(tall + 36, max(width, wide + 2 * GAP))
    cv2.putText(row, words, (GAP, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)
    left = GAP
    for picture in pictures:
        row[30 : 30 + picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + GAP
    return row


def _canvas(height: int, width: int) -> Image:
    return np.full((height, width, 3), 250, np.uint8)


def _drawn(shown: Shown, found: Detections) -> Image:
    """The photo, made small, with what was found in it."""
    photo = images.read(shown.path)
    scale = min(1.0, SIDE / max(photo.shape[:2]))
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    small = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    rows = found[found.score >= CONF]
    ratio = np.array([size[0] / photo.shape[1], size[1] / photo.shape[0]])
    return _shrunk(rows, ratio, (size[1], size[0])).draw(small)


def _shrunk(rows: Detections, ratio: np.ndarray, shape: tuple[int, int]) -> Detections:
    """Rows in the pixels of the small picture."""
    keypoints = rows.keypoints
    if keypoints is not None:
        keypoints = (keypoints * np.array([*ratio, 1])).astype(np.float32)
    rotated = rows.rotated
    if rotated is not None:  # both sides are made small alike, but for a rounded pixel
        rotated = (rotated * np.array([*ratio, *[ratio[0]] * 2, 1])).astype(np.float32)
    boxes = (rows.xyxy * np.tile(ratio, 2)).astype(np.float32)
    return Detections(boxes, rows.score.copy(), rows.class_id, rows.names, shape, keypoints, rotated)


def _measures(entry: Ranked, settlement: Settlement) -> str:
    words = [f"score {entry.score:.3f}" if entry.steady is not None else f"average precision {entry.score:.3f}"]
    words.append(f"{entry.found:.1f} found a photo")
    if entry.steady is not None:
        words.append(f"{entry.steady * 100:.0f} % of it steady")
    if entry.photos < settlement.photos:
        words.append(f"given up after {entry.photos} photos")
    return ", ".join(words)


def _inlined(picture: Image) -> str:
    good, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert good  # a picture of bytes always can be
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(word)}</th>" for word in headings)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(words: str) -> str:
    return html.escape(words)
