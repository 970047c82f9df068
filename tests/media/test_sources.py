"""Files, folders, patterns, videos and cameras as pictures one after another."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.errors import InputError
from edgerun.media import sources
from edgerun.media.sources import Source


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 12, 3), 90, np.uint8))
    return path


def video(path: Path, frames: int = 12, fourcc: str = "MJPG") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), 10, (64, 48))
    random = np.random.default_rng(1)
    for _ in range(frames):
        writer.write(random.integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    return path


def names(found):
    return [Path(str(source.place)).name for source in found]


def test_a_folder_gives_its_pictures_and_videos_9_before_10(tmp_path):
    for name in ("10.png", "9.png", "b.JPG", "clip.avi", "notes.txt", "._9.png", "deep/c.png"):
        if name.endswith(("txt", "avi")):
            (tmp_path / name).write_text("x")
        else:
            picture(tmp_path / name)
    found = sources.expand([str(tmp_path)])
    assert names(found) == ["9.png", "10.png", "b.JPG", "clip.avi"]
    assert [source.kind for source in found] == ["picture", "picture", "picture", "video"]


def test_a_pattern_may_go_through_folders(tmp_path):
    picture(tmp_path / "day1" / "a.png")
    picture(tmp_path / "day2" / "b.png")
    (tmp_path / "day2" / "notes.txt").write_text("x")
    assert names(sources.expand([f"{tmp_path}/**/*"])) == ["a.png", "b.png"]
    assert names(sources.expand([f"{tmp_path}/day2/*.png"])) == ["b.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path):
    path = picture(tmp_path / "frame[1].png")
    assert sources.expand([str(path)]) == [Source("picture", path)]


def test_a_named_file_is_tried_whatever_its_suffix(tmp_path):
    path = picture(tmp_path / "upload.png").rename(tmp_path / "upload")
    (source,) = sources.expand([str(path)])
    (only,) = sources.pictures(source)
    assert only.frame is None
    assert only.read().shape == (8, 12, 3)


def test_a_number_is_a_camera_unless_a_file_is_called_so(tmp_path, monkeypatch):
    assert sources.expand(["0"]) == [Source("camera", 0)]
    assert sources.expand(["0"])[0].name == "camera 0"
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "0.png").rename(tmp_path / "0")
    assert sources.expand(["0"]) == [Source("picture", Path("0"))]


def test_an_address_is_a_stream_unless_it_is_a_picture():
    assert sources.expand(["rtsp://cam.local/1"]) == [Source("camera", "rtsp://cam.local/1")]
    with pytest.raises(InputError, match="is an image elsewhere") as caught:
        sources.expand(["https://example.org/a.jpg?size=2"])
    assert "download" in caught.value.hint


@pytest.mark.parametrize(
    ("argument", "message"),
    [("nope.png", "There is no file"), ("nope*.png", "No image matches"), ("empty", "holds no images")],
)
def test_nothing_there_is_said(tmp_path, monkeypatch, argument, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message) as caught:
        sources.expand([argument])
    assert argument in caught.value.message
    assert caught.value.hint


def test_a_folder_of_folders_gets_the_pattern_as_hint(tmp_path):
    picture(tmp_path / "deep" / "a.png")
    with pytest.raises(InputError) as caught:
        sources.expand([str(tmp_path)])
    assert f"{tmp_path}/**/*.jpg" in caught.value.hint


def test_pictures_are_read_when_they_are_asked_for(tmp_path):
    path = picture(tmp_path / "a.png")
    (source,) = sources.expand([str(path)])
    (lazy,) = sources.pictures(source)
    path.unlink()
    with pytest.raises(InputError, match="no image"):
        lazy.read()


def test_a_video_gives_numbered_frames_and_its_own_count_and_pace(tmp_path):
    (source,) = sources.expand([str(video(tmp_path / "clip.avi"))])
    assert sources.count(source) == 12
    assert sources.pace(source) == pytest.approx(10)
    frames = list(sources.pictures(source))
    assert [frame.frame for frame in frames] == list(range(12))
    assert frames[3].name == f"{tmp_path / 'clip.avi'} frame 3"
    assert all(frame.read().shape == (48, 64, 3) for frame in frames)


def test_a_video_that_is_cut_gives_its_frames_and_then_says_so(tmp_path):
    path = video(tmp_path / "clip.avi", frames=40)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    *good, last = sources.pictures(Source("video", path))
    assert 5 < len(good) < 30
    assert good[-1].read().shape == (48, 64, 3)
    with pytest.raises(InputError, match="ends after"):
        last.read()


def test_a_video_that_is_none_says_so_and_has_no_count(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(os.urandom(2000))
    source = Source("video", path)
    assert sources.count(source) is None
    (only,) = sources.pictures(source)
    with pytest.raises(InputError, match="cannot be opened"):
        only.read()


def test_a_camera_that_is_not_there_says_so():
    source = Source("camera", 97)
    assert sources.count(source) is None
    assert sources.pace(source) == 25
    (only,) = sources.pictures(source)
    with pytest.raises(InputError, match="Camera 97 cannot be opened") as caught:
        only.read()
    assert "number" in caught.value.hint


def test_what_is_left_out_is_counted_and_named_in_one_line(tmp_path):
    for name in ("a.png", "b.jfif", "c.dib", "d.gif", "e.jp2"):
        picture(tmp_path / "a.png")
        (tmp_path / name).write_bytes((tmp_path / "a.png").read_bytes())
    assert sources.left_out([str(tmp_path)]) == ""
    for name in ("notes.txt", "rows.csv", "IMG_1.HEIC", "model.onnx", "._a.png"):
        (tmp_path / name).write_text("x")
    (tmp_path / "deep").mkdir()
    assert names(sources.expand([str(tmp_path)])) == ["a.png", "b.jfif", "c.dib", "d.gif", "e.jp2"]
    sentence = sources.left_out([str(tmp_path)])
    assert sentence.startswith("left out: 4 other files and 1 folder: IMG_1.HEIC, deep, model.onnx and 2 more; convert")
    assert "heif-convert" in sentence
    assert sources.left_out([f"{tmp_path}/*.c*"]) == "left out: 1 other file: rows.csv"
    assert sources.left_out([f"{tmp_path}/a.png", "0", "rtsp://cam.local/1", f"{tmp_path}/notes.txt"]) == ""


def test_a_folder_of_heic_alone_gets_the_hint(tmp_path):
    (tmp_path / "IMG_1.heic").write_text("x")
    for argument in (str(tmp_path), f"{tmp_path}/*"):
        with pytest.raises(InputError) as caught:
            sources.expand([argument])
        assert "heif-convert" in caught.value.hint


@pytest.mark.parametrize("suffix", [".bmp", ".jpe", ".pbm", ".pnm", ".ras", ".sr", ".webp", ".jp2"])
def test_kinds_that_opencv_reads_are_taken_from_a_folder(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(cv2.imencode(suffix, np.full((64, 96), 255, np.uint8))[1].tobytes())
    (found,) = sources.expand([str(tmp_path)])
    (only,) = sources.pictures(found)
    assert only.read().shape == (64, 96, 3)


def test_a_device_is_a_camera():
    (source,) = sources.expand(["/dev/null"])
    assert source == Source("camera", "/dev/null")
    (only,) = sources.pictures(source)
    with pytest.raises(InputError, match="Camera /dev/null cannot be opened"):
        only.read()
