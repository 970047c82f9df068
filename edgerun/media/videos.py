"""Frames of video files, of cameras and of streams, and the pace at which they come."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2

from edgerun.errors import CameraEnded, InputError
from edgerun.media import containers, display_matrix, orientation, pixels
from edgerun.media.pixels import Image

__all__ = ["STREAM", "USUAL_PACE", "count", "frames", "is_camera", "pace"]

STREAM = re.compile(r"(rtsps?|rtmps?|https?|udp|tcp)://", re.IGNORECASE)
"""How the addresses of streams begin."""

USUAL_PACE = 25.0
"""Frames per second of cameras and of files that do not say."""

PACES = (0.01, 1000.0)
"""Frames per second that a video may have; a header that says less or more is not believed."""

MAX_TIMES = 100_000
"""Latest frames whose times are kept, so that memory stays flat."""


@dataclass
class Timeline:
    """What a container says of its frames, and those that were read.

    Attributes:
        expected: frames, by its own word or by an estimate; 0 where it does not say.
        rate: nominal frames per second; 0 where it does not say.
        count: frames that were read.
        times: when the latest of them are shown, in seconds.
    """

    expected: int
    rate: float
    count: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_TIMES))

    def add(self, capture: cv2.VideoCapture) -> None:
        """One more frame was read."""
        self.count += 1
        self.times.append(float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000)

    @property
    def last(self) -> float:
        """When the last frame is shown, in seconds."""
        return self.times[-1] if self.times else 0.0

    @property
    def duration(self) -> float:
        """Seconds, by the word of the container; 0 where it does not say."""
        return self.expected / self.rate if self.rate > 0 else 0.0

    @property
    def typical_gap(self) -> float:
        """Seconds from one frame to the next: the median."""
        from statistics import median  # 5 ms, and a load needs none

        gaps = [after - before for before, after in pairwise(self.times)]
        return median(gaps) if gaps else 0.0

    @property
    def lacks_frames(self) -> bool:
        """Whether more than a tenth is missing; a container may promise a frame or two more than it holds."""
        return self.count < self.expected * 0.9 - 1

    @property
    def ends_early(self) -> bool:
        """Whether there is room for one more frame behind the last."""
        nominal = 1 / self.rate if self.rate > 0 else 0.0
        return self.duration - self.last > max(self.typical_gap, nominal) + nominal / 2


def is_camera(source: str | Path | int) -> bool:
    """Whether it gives frames until it is stopped: a camera's number or device, or the address of a stream."""
    if isinstance(source, int):
        return True
    return STREAM.match(str(source)) is not None or Path(source).is_char_device()


def frames(source: str | Path | int) -> Iterator[Image]:
    """The frames of a video file, of a camera (its number or device) or of a stream (its address).

    Raises:
        InputError: it cannot be opened, or a video ends before its last frame.
        CameraEnded: a camera or a stream that gave frames gives no more.
    """
    with _opened(source) as capture:
        timeline = _promised(capture)
        turn = _mirrored(capture, source)
        good, frame = capture.read()
        while good:
            timeline.add(capture)
            yield pixels.from_array(orientation.upright(frame, turn))
            good, frame = capture.read()
    if is_camera(source):
        _check_camera(source, timeline)
    else:
        _check_video(source, timeline)


def _mirrored(capture: cv2.VideoCapture, source: str | Path | int) -> int:
    """The EXIF orientation by which we turn frames: 1, but for mirrored videos, which OpenCV gets wrong."""
    if is_camera(source):
        return 1
    turn = display_matrix.orientation(str(source))
    if turn in display_matrix.MIRRORED and capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0):
        return turn
    return 1


def _check_camera(source: str | Path | int, timeline: Timeline) -> None:
    """Raise where a camera has stopped; an address may also lead to a file, which ends as files do."""
    name = _camera_name(source)
    if timeline.count == 0:
        raise InputError(f"{name} gives no frames.", hint="check that it plays elsewhere")
    is_finished = timeline.expected > 0 and not (timeline.lacks_frames and timeline.ends_early)
    if not is_finished:
        hint = "check its cable or its connection, and start again"
        raise CameraEnded(f"{name} has ended after {timeline.count} frames.", hint=hint)


def _check_video(source: str | Path | int, timeline: Timeline) -> None:
    """Raise where frames of the file are missing."""
    container = containers.examine(str(source))
    if timeline.count > 0 and not _is_cut(container, timeline):
        return
    if container.counts_frames or timeline.count == 0:
        ending = f"ends after {timeline.count} of {timeline.expected} frames"
    else:
        ending = f"ends after {timeline.count} frames, at {timeline.last:.2f} of {timeline.duration:.2f} seconds"
    raise InputError(f"The video {source} {ending}.", hint="copy it again; it is cut off")


def _is_cut(container: containers.Container, timeline: Timeline) -> bool:
    if container.counts_frames:
        return timeline.lacks_frames
    if container.is_truncated:
        return timeline.ends_early
    if container.is_whole:  # another track, such as the sound, may be longer
        return False
    return timeline.lacks_frames and timeline.ends_early


def count(source: str | Path) -> int | None:
    """How many frames a video has, by its own word or by an estimate; None where it does not say."""
    timeline = _glance(source)
    return timeline.expected if timeline.expected >= 1 else None


def pace(source: str | Path) -> float:
    """Frames per second of a video, on average; 25 where nothing tells.

    Where the container does not count its frames, all of them are read for this.
    """
    timeline = _glance(source)
    rate = timeline.rate
    if timeline.expected >= 1 and not containers.examine(source).counts_frames:
        rate = _mean_rate(source)
    lowest, highest = PACES
    return rate if lowest <= rate <= highest else USUAL_PACE


def _mean_rate(source: str | Path) -> float:
    with _opened(source) as capture:
        timeline = _promised(capture)
        while capture.grab():
            timeline.add(capture)
    shown = timeline.last + timeline.typical_gap
    if timeline.last <= 0 or shown <= 0:
        return timeline.rate
    is_cut = timeline.duration < timeline.last or containers.examine(source).is_truncated
    return timeline.count / (shown if is_cut else timeline.duration)


def _glance(source: str | Path) -> Timeline:
    """What the container says, without a frame read; nothing where it cannot be opened."""
    try:
        with _opened(source) as capture:
            return _promised(capture)
    except InputError:
        return Timeline(0, 0.0)


@contextmanager
def _opened(source: str | Path | int) -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    try:
        if not capture.isOpened():
            raise _not_opened(source)
        yield capture
    finally:
        capture.release()


def _not_opened(source: str | Path | int) -> InputError:
    if is_camera(source):
        hint = "check its number or address, and that nothing else uses it"
        return InputError(f"{_camera_name(source)} cannot be opened.", hint=hint)
    return InputError(f"The video {source} cannot be opened.", hint="check that it plays elsewhere")


def _camera_name(source: str | Path | int) -> str:
    is_stream = STREAM.match(str(source)) is not None
    return f"The stream {source}" if is_stream else f"Camera {source}"


def _promised(capture: cv2.VideoCapture) -> Timeline:
    expected = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    rate = capture.get(cv2.CAP_PROP_FPS)
    return Timeline(int(max(expected, 0)), max(rate, 0.0))
