"""Annotated copies in a folder and JSON lists written row by row."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.errors import InputError
from edgerun.media import sources
from edgerun.media.sources import Picture, Source
from edgerun.media.writers import Album, JsonList

DRAWN = np.full((48, 64, 3), 200, np.uint8)


def file(path: Path) -> Source:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"original")
    return Source("picture", path)


def picture(source: Source, frame: int | None = None) -> Picture:
    return Picture(source, frame, lambda: DRAWN)


def test_copies_keep_their_names_and_two_of_one_name_get_numbers(tmp_path):
    planned = [file(tmp_path / "a" / "1.png"), file(tmp_path / "b" / "1.PNG"), file(tmp_path / "a" / "2.pgm")]
    with Album(tmp_path / "out", planned) as album:
        for source in planned:
            album.add(picture(source), DRAWN)
    assert [path.name for path in album.files] == ["1.png", "1-2.png", "2.jpg"]
    assert all(cv2.imread(str(path)).shape == (48, 64, 3) for path in album.files)
    assert all(source.place.read_bytes() == b"original" for source in planned)


@pytest.mark.parametrize("way", ["folder", "hard link", "symbolic link"])
def test_a_copy_never_overwrites_a_source(tmp_path, way):
    source = file(tmp_path / "in" / "1.png")
    out = tmp_path / "in"
    if way != "folder":
        out = tmp_path / "out"
        out.mkdir()
        (os.link if way == "hard link" else os.symlink)(source.place, out / "1.png")
    with pytest.raises(InputError, match=r"would overwrite .*1\.png") as caught:
        Album(out, [source])
    assert caught.value.hint == "save into another folder"
    assert source.place.read_bytes() == b"original"


def test_copies_of_an_earlier_run_are_replaced(tmp_path):
    source = file(tmp_path / "in" / "1.png")
    for _ in range(2):
        with Album(tmp_path / "out", [source]) as album:
            album.add(picture(source), DRAWN)
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="taken cannot be made"):
        Album(tmp_path / "taken", [])


def test_frames_become_a_video_of_the_same_length(tmp_path):
    clips = [Source("video", tmp_path / "one.avi"), Source("camera", 0)]
    with Album(tmp_path / "out", clips) as album:
        for clip in clips:
            for frame in range(7):
                album.add(picture(clip, frame), DRAWN)
        # a stream may change its size
        album.add(picture(clips[1], 7), np.full((30, 40, 3), 10, np.uint8))
    assert [path.name for path in album.files] == ["one.mp4", "camera-0.mp4"]
    counts = [sources.count(Source("video", path)) for path in album.files]
    assert counts == [7, 8]
    (frame, *_) = sources.pictures(Source("video", album.files[1]))
    assert frame.read().shape == (48, 64, 3)


@pytest.mark.parametrize("rows", [[], [1], [{"name": "Straße"}, [2, 3]]])
@pytest.mark.parametrize("ascii", [False, True])
def test_a_list_is_whole_whenever_it_is_closed(rows, ascii):
    stream = io.StringIO()
    written = JsonList(stream, ascii=ascii)
    for row in rows:
        written.add(row)
    written.close()
    assert json.loads(stream.getvalue()) == rows
    assert stream.getvalue().isascii() or not ascii


def test_a_video_of_uneven_pace_is_saved_at_its_mean_rate(matroska, tmp_path):
    """Five frames in 1.16 seconds: OpenCV's nominal rate of 25 would show them in 0.2."""
    clip = Source("video", matroska(tmp_path / "uneven.mkv", [0, 40, 80, 1080, 1120], duration=1160))
    with Album(tmp_path / "out", [clip]) as album:
        for frame in sources.pictures(clip):
            album.add(frame, frame.read())
    saved = Source("video", album.files[0])
    assert sources.count(saved) == 5
    assert sources.count(saved) / sources.pace(saved) == pytest.approx(1.16, rel=0.01)
