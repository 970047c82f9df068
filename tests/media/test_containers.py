"""Whether a video's file counts its frames and is all there."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from edgerun.media.containers import examine


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box of ISO media."""
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_matroska_says_how_long_it_is_and_counts_no_frames(matroska, tmp_path):
    whole = matroska(tmp_path / "a.mkv", [0, 40], duration=80)
    seen = examine(whole)
    assert (seen.counts_frames, seen.end, seen.is_whole, seen.is_truncated) == (False, seen.size, True, False)
    whole.write_bytes(whole.read_bytes()[:-1])
    assert examine(whole).is_truncated
    assert not examine(whole).is_whole


def test_a_live_recording_does_not_say_how_long_it_is(matroska, tmp_path):
    seen = examine(matroska(tmp_path / "a.mkv", [0, 40], duration=80, live=True))
    assert (seen.end, seen.is_whole, seen.is_truncated) == (None, False, False)


def test_mp4_counts_frames_unless_it_is_in_fragments(tmp_path):
    path = tmp_path / "a.mp4"
    head = box(b"ftyp", b"isom\0\0\0\0")
    path.write_bytes(head + box(b"moov", bytes(30)) + box(b"mdat", bytes(100)))
    assert examine(path).counts_frames
    assert examine(path).is_whole
    path.write_bytes(path.read_bytes()[:-50])
    assert examine(path).is_truncated
    path.write_bytes(head + box(b"moov", bytes(30)) + box(b"moof", bytes(9)) + struct.pack(">I4sQ", 1, b"mdat", 16))
    assert not examine(path).counts_frames
    assert examine(path).is_whole


def test_avi_counts_frames(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    assert examine(path).counts_frames
    assert examine(path).is_whole
    path.write_bytes(path.read_bytes()[:-5])
    assert examine(path).is_truncated


@pytest.mark.parametrize("content", [b"", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\xff", b"\0\0\x01\xba", b"no video"])
def test_what_is_unknown_says_nothing(tmp_path, content):
    (tmp_path / "a.mpg").write_bytes(content)
    seen = examine(tmp_path / "a.mpg")
    assert (seen.counts_frames, seen.end) == (False, None)
