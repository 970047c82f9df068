"""Everything that a detector may be called with, and what comes back."""

from __future__ import annotations

import asyncio
import io
import threading

import cv2
import numpy as np
import pytest

from edgerun import Detections, Detector
from edgerun.errors import EdgerunError, InputError

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}


@pytest.fixture
def detector(colours):
    with Detector.load(colours(metadata=NAMES)) as loaded:
        yield loaded


@pytest.fixture
def folder(tmp_path, squares):
    """Three pictures, the second of which is damaged, and a text."""
    place = tmp_path / "photos"
    place.mkdir()
    for number in (1, 2, 10):
        cv2.imwrite(str(place / f"{number}.png"), np.roll(squares, 16 * number, axis=1))
    (place / "2.png").write_bytes(b"damaged")
    (place / "notes.txt").write_text("no picture")
    return place


@pytest.fixture
def video(tmp_path, squares):
    path = tmp_path / "squares.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 64))
    for shift in range(3):
        writer.write(np.roll(squares, 16 * shift, axis=1))
    writer.release()
    return path


def rows(found):
    return [(row.label, row.box, row.score) for row in found]


# ------------------------------------------------------------------------------------------- one image


def test_open_files_are_read(detector, squares, tmp_path):
    path = tmp_path / "squares.png"
    cv2.imwrite(str(path), squares)
    expected = rows(detector(squares))
    assert rows(detector(io.BytesIO(path.read_bytes()))) == expected
    with path.open("rb") as file:
        found = detector(file)
        assert rows(found) == expected
        np.testing.assert_array_equal(found.draw(), found.draw(squares))
        with pytest.raises(InputError, match="nothing left to read") as refusal:
            detector(file)
        assert "seek(0)" in refusal.value.hint
    with pytest.raises(InputError, match="open as text"):
        detector(io.StringIO("text"))


def test_results_know_their_picture(detector, squares, tmp_path):
    path = tmp_path / "squares.png"
    cv2.imwrite(str(path), squares)
    drawn = detector(squares).draw(squares)
    for source in (squares, path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(detector(source).draw(), drawn)
    reversed_ = squares[..., ::-1].copy()
    np.testing.assert_array_equal(detector(reversed_, color="rgb").draw(), drawn)
    with pytest.raises(InputError, match="not kept"):
        detector(squares.copy()).draw()


@pytest.mark.parametrize("thing", [True, None, 1.5, object()])
def test_what_is_no_image_is_refused(detector, thing):
    with pytest.raises(InputError, match=f"A {type(thing).__name__} is not an image"):
        detector(thing)


# ------------------------------------------------------------------------------------------- several, many


def test_an_array_of_images_gives_a_list(detector, squares):
    pictures = [np.roll(squares, 16 * shift, axis=1) for shift in range(3)]
    assert [rows(found) for found in detector(np.stack(pictures))] == [rows(found) for found in detector(pictures)]
    assert detector(np.zeros((0, 64, 96, 3), np.uint8)) == []
    with pytest.raises(InputError, match="not an image"):
        detector(np.zeros((2, 2, 64, 96, 3), np.uint8))


def test_a_generator_is_asked_for_one_image_at_a_time(detector, squares):
    asked = []

    def endless():
        while True:
            asked.append(len(asked))
            yield np.roll(squares, 16 * len(asked), axis=1)

    found = detector(endless())
    assert asked == []
    first = next(found)
    assert asked == [0]
    assert rows(first) == rows(detector(np.roll(squares, 16, axis=1)))
    assert first.draw().any()  # the image of the row at hand is kept
    assert rows(next(found)) != rows(first)
    with pytest.raises(InputError, match="not kept"):
        first.draw()


def test_arguments_are_checked_before_the_first_image_is_asked_for(detector):
    with pytest.raises(InputError, match="conf"):
        detector(iter([]), conf=7)
    with pytest.raises(InputError, match="There is no file"):
        detector("/nowhere/at/all")


@pytest.mark.parametrize("as_text", [True, False])
def test_a_folder_gives_its_images_and_a_damaged_one_does_not_end_it(detector, folder, as_text):
    found = detector(str(folder) if as_text else folder)
    first = next(found)
    assert first.path == str(folder / "1.png") and first.frame is None
    with pytest.raises(InputError, match=r"2\.png"):
        next(found)
    assert next(found).path == str(folder / "10.png")
    assert next(found, None) is None


def test_a_pattern_gives_the_files_that_match(detector, folder):
    assert [each.path for each in detector(str(folder / "1*.png"))] == [str(folder / "1.png"), str(folder / "10.png")]
    with pytest.raises(InputError, match="No image matches"):
        detector(str(folder / "*.jpg"))


def test_a_video_gives_its_frames_with_their_numbers(detector, video):
    results = []
    for found in detector(video):
        assert found.path == str(video)
        assert found.draw().shape == (64, 96, 3)
        results.append(found)
    assert [found.frame for found in results] == [0, 1, 2]
    assert rows(results[0]) != rows(results[1])
    with pytest.raises(InputError, match="not kept"):
        results[0].draw()


def test_a_camera_is_its_number(detector, monkeypatch, squares):
    from edgerun.media import videos

    monkeypatch.setattr(videos, "frames", lambda place: iter([squares] * (place + 2)))
    assert [found.path for found in detector(0)] == ["0", "0"]


def test_each_is_always_an_iterator(detector, squares, folder, video, tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), squares)
    for many, count in (
        (squares, 1), (tmp_path / "one.png", 1), ([squares] * 2, 2), (np.stack([squares] * 3), 3),
        ((squares for _ in range(2)), 2), (str(folder / "1*.png"), 2), (video, 3), ([], 0),
    ):  # fmt: skip
        found = detector.each(many, conf=0.5)
        assert iter(found) is found
        assert [type(one) for one in found] == [Detections] * count
    with pytest.raises(InputError, match="conf"):
        detector.each([], conf=7)


def test_a_closed_detector_is_closed_for_the_next_image_too(colours, squares):
    detector = Detector.load(colours(metadata=NAMES))
    found = detector(squares for _ in range(2))
    next(found)
    detector.close()
    with pytest.raises(EdgerunError, match="closed"):
        next(found)


# ------------------------------------------------------------------------------------------- awaited


def test_an_event_loop_goes_on_while_the_model_runs(detector, squares):
    run, inside, go_on = detector.session.run, threading.Event(), threading.Event()

    def waits(feeds):
        inside.set()
        assert go_on.wait(10)
        return run(feeds)

    detector.session.run = waits

    async def program():
        task = asyncio.create_task(detector.acall(squares, conf=0.5))
        while not inside.is_set():
            await asyncio.sleep(0.001)
        go_on.set()
        return await task, await detector.acall([squares] * 2)

    alone, together = asyncio.run(program())
    assert rows(alone) == rows(detector(squares, conf=0.5))
    assert len(together) == 2


def test_what_goes_on_for_long_is_not_awaited(detector, folder):
    with pytest.raises(InputError, match="acall takes one image"):
        asyncio.run(detector.acall(folder))


# ------------------------------------------------------------------------------------------- options


def test_a_table_of_thresholds_is_for_its_classes(detector, squares):
    everything = detector(squares, conf=0.001, nms="none")
    table = {"red": 0.9, 1: 0.2}
    least = {"red": 0.9, "green": 0.2, "blue": 0.25}
    expected = [row for row in rows(everything) if row[2] >= least[row[0]]]
    assert 0 < len(expected) < len(everything)
    assert sorted(rows(detector(squares, conf=table, nms="none"))) == sorted(expected)
    assert sorted(rows(detector(squares, confidence=table, nms="none"))) == sorted(expected)
    softened = detector(squares, conf=table, nms="soft")
    assert all(row.score >= least[row.label] for row in softened)
    with pytest.raises(InputError, match="no class 'rde'"):
        detector(squares, conf={"rde": 0.5})


@pytest.mark.parametrize(
    ("name", "guess"), [("confidense", "confidence"), ("max_dets", "max_det"), ("clases", "classes"), ("colr", "color")]
)
def test_a_misspelt_option_gets_a_guess(detector, squares, name, guess):
    with pytest.raises(InputError, match=rf"There is no argument {name}\. Did you mean {guess}\?") as refusal:
        detector(squares, **{name: 0.5})
    assert refusal.value.hint == "a call takes color, conf, iou, max_det, classes, nms"


def test_a_detector_says_what_it_is(detector):
    assert detector.names == detector.labels == ("red", "green", "blue")
    assert (detector.imgsz, detector.task) == ((64, 96), "detect")
