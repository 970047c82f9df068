"""Tables of operators as a backend brings them."""

from __future__ import annotations

import pytest

from edgerun.contract.support_table import read_table

HEAD = """
delegate = "mine"
format = "{format}"
title = "A chip"
version = "1"
source = "https://example.org"
date = "2026-01-02"
"""


@pytest.fixture
def table(tmp_path):
    """Reads a table of these lines."""

    def read(text: str, format: str = "onnx"):
        path = tmp_path / "mine.toml"
        path.write_text(HEAD.format(format=format) + text)
        return read_table(path)

    return read
