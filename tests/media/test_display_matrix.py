"""Mirrored and turned videos are seen as players show them: by the track's matrix (ISO/IEC 14496-12:2022, 6.2.2)."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from edgerun.media import display_matrix, orientation, videos

MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""EXIF orientation -> a, b, c, d of x' = a x + c y, y' = b x + d y."""


def matrix(a: float, b: float, c: float, d: float) -> bytes:
    numbers = (a, b, 0, c, d, 0)
    return struct.pack(">6i", *(round(number * 65536) for number in numbers)) + struct.pack(">3i", 0, 0, 1 << 30)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The bytes of an MP4 of grey images with a white corner at the top left."""
    path = tmp_path_factory.mktemp("video") / "plain.mp4"
    image = np.full((48, 64, 3), 40, np.uint8)
    image[:16, :24] = 255
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for _ in range(3):
        writer.write(image)
    writer.release()
    return path.read_bytes()


def turned(plain: bytes, *numbers: float) -> bytes:
    """The same with another matrix in the track, which is the last of the file's two."""
    place = plain.rindex(matrix(1, 0, 0, 1))
    return plain[:place] + matrix(*numbers) + plain[place + 36 :]


@pytest.mark.parametrize("value", MATRICES)
def test_frames_are_turned_and_mirrored_as_the_track_says(plain, tmp_path, value):
    path = tmp_path / "clip.mp4"
    path.write_bytes(plain)
    stored = next(iter(videos.frames(path)))
    assert stored[4, 4, 0] > 200 > 100 > stored[44, 60, 0]
    path.write_bytes(turned(plain, *MATRICES[value]))
    seen = list(videos.frames(path))
    assert len(seen) == 3
    np.testing.assert_array_equal(seen[0], orientation.upright(stored, value))
    assert display_matrix.orientation(path) == value


@pytest.mark.parametrize("numbers", [(0.7, 0.7, -0.7, 0.7), (0, 0, 0, 0)])
def test_a_matrix_of_another_kind_is_left_to_opencv(plain, tmp_path, numbers):
    path = tmp_path / "clip.mp4"
    path.write_bytes(turned(plain, *numbers))
    assert display_matrix.orientation(path) == 1


def test_what_has_no_track_header_is_upright(plain, matroska, tmp_path):
    path = tmp_path / "clip.mp4"
    for content in (b"", plain[:20], plain.replace(b"tkhd", b"free"), plain.replace(b"vide", b"soun")):
        path.write_bytes(content)
        assert display_matrix.orientation(path) == 1
    assert display_matrix.orientation(matroska(tmp_path / "a.mkv", [0], duration=40)) == 1
