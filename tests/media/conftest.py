"""Small files made by hand, of which the tests know every byte."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest


def element(name: str, *contents: bytes, unknown_size: bool = False) -> bytes:
    """An element of EBML: its ID, a size of eight bytes, its content."""
    content = b"".join(contents)
    size = b"\x01" + b"\xff" * 7 if unknown_size else struct.pack(">Q", len(content) | 1 << 56)
    return bytes.fromhex(name) + size + content


def number(name: str, value: int) -> bytes:
    return element(name, struct.pack(">Q", value))


@pytest.fixture
def matroska():
    """Writes a video of grey images shown at these milliseconds into a Matroska file of one image per cluster."""

    def write(path: Path, times: list[int], *, duration: float, rate: float = 25, live: bool = False) -> Path:
        header = element("1A45DFA3", element("4282", b"matroska"), number("4287", 4), number("4285", 2))
        info = element("1549A966", number("2AD7B1", 1_000_000), element("4489", struct.pack(">d", duration)))
        size = element("E0", number("B0", 64), number("BA", 48))
        track = [number("D7", 1), number("73C5", 1), number("83", 1), element("86", b"V_MJPEG")]
        tracks = element("1654AE6B", element("AE", *track, number("23E383", round(1e9 / rate)), size))
        clusters = []
        for place, time in enumerate(times):
            jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), place * 10 % 250, np.uint8))[1].tobytes()
            block = element("A3", b"\x81\0\0\x80" + jpeg)  # track 1, at the cluster's time, a key frame
            clusters.append(element("1F43B675", number("E7", time), block))
        segment = element("18538067", info, tracks, *clusters, unknown_size=live)
        path.write_bytes(header + segment)
        return path

    return write
