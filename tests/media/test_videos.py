"""Videos of any pace are whole where their file is; cameras that end say so.

OpenCV 5.0.0 gives no number of frames for Matroska and WebM, but duration x nominal rate (cap_ffmpeg_impl.hpp,
get_total_frames): 29 for the five frames of UNEVEN, 510 for the twenty of PAUSE.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgerun.errors import CameraEnded, InputError
from edgerun.media import images, videos

UNEVEN = [0, 40, 80, 1080, 1120]
PAUSE = [*range(0, 400, 40), *range(20_000, 20_400, 40)]
LAPSE = [place * 2000 for place in range(10)]


@pytest.mark.parametrize(
    ("times", "duration"),
    [(UNEVEN, 1160), (PAUSE, 20_400), (LAPSE, 18_040), (LAPSE, 30_000), (range(0, 800, 40), 800)],
    ids=["uneven", "pause", "lapse", "longer sound", "even"],
)
def test_a_whole_video_of_any_pace_is_whole(matroska, tmp_path, times, duration):
    path = matroska(tmp_path / "whole.mkv", list(times), duration=duration)
    assert len(list(images.frames(path))) == len(times)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.8, 0.95])
@pytest.mark.parametrize(("times", "duration"), [(PAUSE, 20_400), (LAPSE, 18_040), (range(0, 800, 40), 800)])
def test_a_video_that_is_cut_off_is_said_whatever_its_pace(matroska, tmp_path, times, duration, part):
    whole = matroska(tmp_path / "cut.mkv", list(times), duration=duration)
    whole.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
    with pytest.raises(InputError, match=r"cut\.mkv ends after \d+ frames, at .* seconds") as caught:
        list(videos.frames(whole))
    assert "cut off" in caught.value.hint


def test_what_does_not_say_its_length_is_judged_by_the_time_of_its_last_frame(matroska, tmp_path):
    whole = matroska(tmp_path / "live.mkv", UNEVEN, duration=1160, live=True)
    assert len(list(videos.frames(whole))) == 5
    cut = matroska(tmp_path / "cut.mkv", UNEVEN[:3], duration=1160, live=True)
    with pytest.raises(InputError, match=r"after 3 frames, at 0\.08 of 1\.16 seconds"):
        list(videos.frames(cut))


@pytest.mark.parametrize(
    ("times", "duration", "mean"),
    [(UNEVEN, 1160, 5 / 1.16), (PAUSE, 20_400, 20 / 20.4), (range(0, 800, 40), 800, 25), (LAPSE, 20_000, 0.5)],
)
def test_the_pace_is_the_mean_rate(matroska, tmp_path, times, duration, mean):
    path = matroska(tmp_path / "clip.mkv", list(times), duration=duration)
    assert videos.pace(path) == pytest.approx(mean, rel=1e-3)


def test_the_pace_of_a_cut_video_is_that_of_what_is_there(matroska, tmp_path):
    path = matroska(tmp_path / "clip.mkv", PAUSE, duration=20_400)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # before the pause
    assert videos.pace(path) == pytest.approx(25, rel=0.02)


class Capture:
    """Stands for a camera that gives three frames and then none."""

    promised = -1.0

    def __init__(self, source):
        self.left = 3

    def isOpened(self):  # noqa: N802 (OpenCV's name)
        return True

    def get(self, number):
        return self.promised if number == cv2.CAP_PROP_FRAME_COUNT else 0.0

    def read(self):
        self.left -= 1
        return self.left >= 0, np.zeros((4, 6, 3), np.uint8)

    def release(self):
        pass


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (0, "Camera 0 has ended after 3 frames"),
        ("rtsp://cam.local/1", "The stream rtsp://cam.local/1 has ended after 3 frames"),
    ],
)
def test_a_camera_that_ends_is_not_a_video_that_ends(monkeypatch, source, message):
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    seen = []
    with pytest.raises(CameraEnded, match=message) as caught:
        seen.extend(videos.frames(source))
    assert caught.value.hint
    assert len(seen) == 3


def test_a_video_at_an_address_ends_as_videos_do(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(Capture, "promised", 3.0)
    assert len(list(videos.frames("https://example.org/three.mp4"))) == 3


def test_a_camera_that_gives_nothing_never_began(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(Capture, "read", lambda self: (False, None))
    with pytest.raises(InputError, match="Camera 0 gives no frames") as caught:
        list(videos.frames(0))
    assert not isinstance(caught.value, CameraEnded)
