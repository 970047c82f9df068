from __future__ import annotations

from pathlib import Path

import pytest

from edgerun import decoders

PAGE = Path(__file__).parents[2] / "docs" / "families.md"


@pytest.mark.parametrize("name", [decoder.name for decoder in decoders.BUILTIN])
def test_every_decoder_is_on_the_page_of_families(name):
    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
