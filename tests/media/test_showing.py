"""An image on the screen, and small for a notebook."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import numpy as np
import pytest

from edgerun.errors import InputError
from edgerun.media import images, showing

PICTURE = np.full((40, 60, 3), (10, 20, 30), np.uint8)


def test_large_pictures_are_shrunk_for_a_notebook():
    small = images.decode(showing.encoded(np.zeros((600, 1920, 3), np.uint8), ".jpg"))
    assert small.shape == (300, 960, 3)
    np.testing.assert_array_equal(images.decode(showing.encoded(PICTURE, ".png")), PICTURE)


def test_without_a_screen_it_is_said(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="no screen") as refusal:
        showing.show(PICTURE)
    assert "save(path)" in refusal.value.hint


@pytest.mark.parametrize("opens", [True, False])
def test_the_desktop_is_asked_to_open_a_file(monkeypatch, opens):
    asked = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda address: asked.append(address) or opens)
    if opens:
        path = showing.show(PICTURE)
        assert asked == [path.as_uri()]
    else:
        with pytest.raises(InputError, match="Nothing here shows images"):
            showing.show(PICTURE)
        path = Path(asked[0].removeprefix("file://"))
    np.testing.assert_array_equal(images.read(path), PICTURE)
    path.unlink()
