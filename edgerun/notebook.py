"""What notebooks show of a value: tables and pictures as HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["picture", "table"]

MAX_ROWS = 60
"""Rows that a table shows; what follows is counted."""


def table(headings: Sequence[str], rows: Sequence[Iterable[object]], caption: str = "") -> str:
    """An HTML table; texts are escaped, and rows beyond the sixtieth are counted alone."""
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = _row("th", headings)
    body = "".join(_row("td", row) for row in rows[:MAX_ROWS])
    more = len(rows) - MAX_ROWS
    rest = f'<tr><td colspan="{len(headings)}">and {more} more</td></tr>' if more > 0 else ""
    return f"<table>{title}<thead>{head}</thead><tbody>{body}{rest}</tbody></table>"


def _row(cell: str, values: Iterable[object]) -> str:
    cells = "".join(f'<{cell} style="text-align: left">{escape(str(value))}</{cell}>' for value in values)
    return f"<tr>{cells}</tr>"


def picture(encoded: bytes, text: str, kind: str = "image/jpeg") -> str:
    """The bytes of an image file as an HTML image, with the text for those who do not see it."""
    return f'<img alt="{escape(text)}" src="data:{kind};base64,{b64encode(encoded).decode()}"/>'
