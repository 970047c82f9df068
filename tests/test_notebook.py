"""HTML for notebooks."""

from __future__ import annotations

from edgerun import notebook


def test_a_table_is_escaped_and_long_ones_are_counted():
    html = notebook.table(["name"], [["<script>"], *([row] for row in range(99))], "a & b")
    assert "<script>" not in html and "&lt;script&gt;" in html and "<caption>a &amp; b</caption>" in html
    assert html.count("<tr>") == 1 + notebook.MAX_ROWS + 1
    assert "and 40 more" in html


def test_a_picture_is_inside_the_page():
    assert (
        notebook.picture(b"\x00\x01", "a & b", "image/png") == '<img alt="a &amp; b" src="data:image/png;base64,AAE="/>'
    )
