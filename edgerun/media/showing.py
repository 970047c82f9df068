"""An image on the screen, and as the bytes that a notebook shows."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from pathlib import Path

import cv2

from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.images import Image

__all__ = ["encoded", "show"]

MAX_SIDE = 960
"""Pixels of a preview."""


def encoded(image: Image, suffix: str) -> bytes:
    """The bytes of an image file, at most 960 pixels wide and high; ".png" or ".jpg"."""
    ratio = MAX_SIDE / max(image.shape[:2])
    if ratio < 1:
        image = images.as_bgr(cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA))
    return bytes(cv2.imencode(suffix, image)[1])


def show(image: Image) -> Path:
    """Open an image with the program that this desktop has for it, by a temporary file, whose path is returned.

    Not by a window of OpenCV: the build that edgerun depends on opens none.

    Raises:
        InputError: there is no screen, or nothing that shows images.
    """
    is_bare = sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if is_bare:
        raise InputError("There is no screen here to show an image on.", hint="write it to a file: save(path)")
    handle, name = tempfile.mkstemp(suffix=".png", prefix="edgerun-")
    os.close(handle)
    path = Path(name)
    images.write(path, image)
    if not webbrowser.open(path.as_uri()):
        raise InputError(f"Nothing here shows images; this one lies in {path}.", hint="write it to a file: save(path)")
    return path
