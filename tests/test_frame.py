"""The path of a frame, end to end, on a detector of colours that needs no training."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edgerun import Detector, frame
from edgerun.boxes import enclosing
from edgerun.card import ModelCard
from edgerun.contract import Candidates, TensorSpec
from edgerun.errors import InputError, ModelError
from edgerun.frame import MAX_BATCH, in_pixels
from edgerun.processing import model_inputs
from edgerun.processing.preprocess import Geometry

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}
TRUTH = {"red": (16, 0, 32, 16), "green": (64, 16, 80, 32), "blue": (0, 48, 16, 64)}


def best_boxes(found):
    """label -> box of the cell of 16 pixels that is all of that colour."""
    return {row.label: row.box for row in found if row.score > 0.99 and abs(row.box[2] - row.box[0] - 16) < 1e-3}


@pytest.mark.parametrize("layout", ["yolov8", "yolov8-transposed", "yolov5", "end2end", "tfod"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_every_layout_gives_the_same_boxes(colours, squares, layout, channels_last):
    tensorflow = layout == "tfod"  # Ultralytics' metadata would say that x comes first, as its own exports have it
    path = colours(layout=layout, channels_last=channels_last, metadata=None if tensorflow else NAMES)
    options = {"scale": 1 / 255, "mean": 0.0, "labels": ["red", "green", "blue"]} if tensorflow else {}
    detector = Detector.load(path, **options)
    assert detector.card.decoder == layout
    found = best_boxes(detector(squares, nms="none", conf=0.9))
    assert found == TRUTH


def test_yolox_is_fed_blue_green_red_of_0_to_255_from_the_top_left(colours, squares):
    detector = Detector.load(colours(layout="yolox", bgr=True, scale=255.0), labels=["red", "green", "blue"])
    assert detector.card.decoder == "yolox"
    assert detector.card.resize == "letterbox-topleft"
    assert best_boxes(detector(squares, nms="none", conf=0.9)) == TRUTH


@pytest.mark.parametrize("shape", [(128, 192), (32, 48), (64, 192), (128, 96), (100, 77)])
def test_boxes_come_back_in_the_pixels_of_the_picture(colours, squares, shape):
    """A picture of another size or aspect is letterboxed; its boxes are those of the picture itself."""
    height, width = shape
    picture = cv2.resize(squares, (width, height), interpolation=cv2.INTER_NEAREST)
    detector = Detector.load(colours(size=(192, 192), metadata=NAMES))
    found = detector(picture, conf=0.5)
    for name, box in TRUTH.items():
        x1, y1, x2, y2 = np.array(box) * np.tile([width / 96, height / 64], 2)
        rows = [row.box for row in found if row.label == name]
        assert rows
        cell = 32 * max(width, height) / 192
        x, y = (np.mean([(box[0] + box[2]) / 2 for box in rows]), np.mean([(box[1] + box[3]) / 2 for box in rows]))
        assert abs(x - (x1 + x2) / 2) < cell / 2
        assert abs(y - (y1 + y2) / 2) < cell / 2


def test_a_whole_cell_in_a_letterboxed_picture_is_exact(colours):
    """Twice as large as the input and half as tall: the border is 32 rows above and below."""
    picture = np.zeros((128, 256, 3), np.uint8)
    picture[0:32, 64:96] = (0, 0, 255)  # at half the size: x 32..48, y 0..16, so row 32 of the input
    detector = Detector.load(colours(size=(128, 128), metadata=NAMES))
    (row,) = [row for row in detector(picture, conf=0.99, classes=["red"]) if row.box[2] - row.box[0] == 32]
    assert row.box == (64, 0, 96, 32)


@pytest.mark.parametrize("dtype", ["float16", "uint8", "float64"])
def test_inputs_of_other_types_are_fed_as_they_are_stored(colours, squares, dtype):
    scale = 255.0 if dtype == "uint8" else 1.0
    detector = Detector.load(
        colours(dtype=dtype, scale=scale, metadata=NAMES), scale=1.0 if dtype == "uint8" else 1 / 255
    )
    assert best_boxes(detector(squares, nms="none", conf=0.9)) == TRUTH


def test_boxes_in_0_to_1_are_recognised(colours, squares):
    detector = Detector.load(colours(unit=True, metadata=NAMES))
    assert detector.card.box_units == "unit"
    assert "probe" in detector.card.source("box_units")
    found = best_boxes(detector(squares, nms="none", conf=0.9))
    assert set(found) == set(TRUTH)
    for name, box in found.items():
        np.testing.assert_allclose(box, TRUTH[name], atol=1e-4)


def test_arrays_paths_bytes_and_pil_images_are_all_taken(colours, squares, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    path = tmp_path / "squares.png"
    cv2.imwrite(str(path), squares)
    detector = Detector.load(colours(metadata=NAMES))
    expected = detector(squares).to_list()
    assert expected
    assert detector(path).to_list() == expected
    assert detector(str(path)).to_list() == expected
    assert detector(path.read_bytes()).to_list() == expected
    assert detector(image.open(path)).to_list() == expected
    assert detector(squares[..., ::-1], color="rgb").to_list() == expected
    assert detector(path).path == str(path)


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_a_list_of_pictures_gives_a_list_of_results(colours, squares, batch):
    detector = Detector.load(colours(batch=batch, metadata=NAMES))
    pictures = [np.roll(squares, 16 * shift, axis=1) for shift in range(6)]
    together = detector(pictures)
    alone = [detector(picture) for picture in pictures]
    assert [each.to_list() for each in together] == [each.to_list() for each in alone]
    assert detector([]) == []
    assert together[0].to_list() != together[1].to_list()


@pytest.mark.parametrize(("batch", "runs"), [(None, 1), (1, 6), (4, 2)])
def test_pictures_go_together_where_the_model_takes_them(colours, squares, batch, runs):
    detector = Detector.load(colours(batch=batch, metadata=NAMES))
    seen = []
    run = detector.session.run
    detector.session.run = lambda feeds: seen.append(len(feeds["images"])) or run(feeds)
    assert len(detector([squares] * 6)) == 6
    assert len(seen) == runs


def test_a_border_of_an_earlier_picture_does_not_stay(colours, squares):
    """The input is kept between frames; a picture of another shape must not see the old one around it."""
    detector = Detector.load(colours(size=(96, 96), metadata=NAMES))
    wide, tall = np.full((32, 96, 3), 255, np.uint8), np.zeros((96, 32, 3), np.uint8)
    expected = detector(tall).to_list()
    detector(wide)
    assert detector(tall).to_list() == expected


def test_thresholds_limits_and_classes_are_obeyed(colours, squares):
    detector = Detector.load(colours(metadata=NAMES))
    everything = detector(squares, conf=0.001, nms="none")
    assert min(row.score for row in everything) < 0.1  # a quarter of a cell of 32 is coloured: 0.25 to the fourth
    assert all(row.score >= 0.6 for row in detector(squares, conf=0.6, nms="none"))
    assert len(detector(squares, conf=0.001, max_det=2)) == 2
    assert {row.label for row in detector(squares, classes=["green"])} == {"green"}
    assert {row.label for row in detector(squares, classes=[2])} == {"blue"}
    assert detector(squares, score_threshold=0.6).to_list() == detector(squares, conf=0.6).to_list()


def test_swapped_channels_would_rename_the_colours(colours, squares):
    """The channel order reaches the model: saying it wrongly gives blue for red."""
    detector = Detector.load(colours(metadata=NAMES), color="bgr")
    found = best_boxes(detector(squares, nms="none", conf=0.9))
    assert found["blue"] == TRUTH["red"]


def test_rows_that_are_not_numbers_are_left_out_with_a_warning(colours, squares):
    detector = Detector.load(colours(metadata=NAMES))
    run = detector.session.run

    def broken(feeds):
        outputs = run(feeds)
        outputs["output0"][0, 0, :] = np.nan
        return outputs

    detector.session.run = broken
    with pytest.warns(UserWarning, match="not numbers"):
        assert len(detector(squares)) == 0


@pytest.mark.parametrize(
    "cxcywh",
    [(48, -30, 20, 20), (130, 32, 20, 20), (48, 32, 0, 20), (48, 32, 20, 0), (48, 32, -20, 20), (106, 32, 20, 20)],
    ids=["above", "right of it", "no width", "no height", "inverted", "up to the edge"],
)
def test_rows_of_which_nothing_lies_in_the_image_are_never_results(colours, squares, cxcywh):
    detector = Detector.load(colours(metadata=NAMES))
    whole = detector(squares, nms="none")
    run = detector.session.run

    def with_such_a_row(feeds):
        outputs = run(feeds)
        outputs["output0"][0, :, 0] = [*cxcywh, 1, 1, 1]
        return outputs

    detector.session.run = with_such_a_row
    found = detector(squares, nms="none")
    assert ((found.xyxy[:, 2:] - found.xyxy[:, :2]) > 0).all()
    assert len(found) <= len(whole)


def test_threads_take_turns(colours, squares):
    detector = Detector.load(colours(size=(96, 96), metadata=NAMES))
    pictures = [np.roll(squares, 16 * shift, axis=1) for shift in range(4)]
    expected = [detector(picture).to_list() for picture in pictures]
    wrong: list[int] = []

    def work(number):
        wrong.extend(number for _ in range(20) if detector(pictures[number]).to_list() != expected[number])

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_speed_is_told_in_three_parts(colours, squares):
    speed = Detector.load(colours(metadata=NAMES))(squares).speed
    assert set(speed) == {"preprocess", "inference", "postprocess"}
    assert all(value > 0 for value in speed.values())


def test_suppression_by_keypoints_is_refused_where_there_are_none(colours, squares):
    with Detector.load(colours(metadata=NAMES)) as detector, pytest.raises(InputError, match="keypoints"):
        detector(squares, nms="oks")


# ------------------------------------------------------------------------------------- rows without area


@pytest.mark.parametrize(
    "box",
    [
        (-30, 10, -5, 40),  # left of the image
        (130, 10, 160, 40),  # right of it
        (20, -40, 60, -1),  # above
        (20, 96, 60, 128),  # below, in the border of the letterbox
        (20, 10, 20, 40),  # no width
        (20, 10, 60, 10),  # no height
        (60, 40, 20, 10),  # inside out
    ],
)
@pytest.mark.parametrize("further", ["", "keypoints", "rotated"])
def test_rows_without_area_in_the_image_are_never_results_and_take_no_room(box, further):
    """They score best, and one row is asked for."""
    boxes = np.array([box, (20, 10, 60, 40)], np.float32)
    columns = {
        "": {},
        "keypoints": {"keypoints": np.full((2, 1, 3), 30, np.float32)},
        "rotated": {"rotated": np.array([[0, 0, 5, 5, 0.3], [40, 25, 40, 30, 0]], np.float32)},
    }
    found = Candidates(boxes, np.array([0.9, 0.8], np.float32), np.zeros(2, np.int32), **columns[further])
    geometry = Geometry.fit(96, 128, 128, 128, "letterbox-topleft")
    seen = frame.visible(found, geometry)
    assert seen.boxes.tolist() == [[20, 10, 60, 40]]
    assert seen.scores.tolist() == [np.float32(0.8)]


@pytest.mark.parametrize("sides", [(0, 5), (5, 0)])
def test_an_oriented_row_that_is_a_line_is_not_a_result(sides):
    """Though the upright box around it has an area."""
    rotated = np.array([[40, 25, *sides, 0.7]], np.float32)
    found = Candidates(enclosing(rotated), np.ones(1, np.float32), np.zeros(1, np.int32), rotated=rotated)
    assert len(frame.visible(found, Geometry.fit(96, 128, 128, 128, "stretch"))) == 0


# --------------------------------------------------------------------------------------- steps of the path


def candidates(**columns):
    boxes = np.array([[0.0, 0.0, 0.5, 0.5], [0.25, 0.25, 1.0, 1.0]], np.float32)
    return Candidates(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 1], np.int32), **columns)


def test_what_is_in_0_to_1_of_the_input_comes_to_its_pixels():
    rotated = np.array([[0.5, 0.5, 0.25, 0.5, 0.3]] * 2, np.float32)
    points = np.array([[[0.5, 0.25, 0.7]]] * 2, np.float32)
    moved = in_pixels(candidates(keypoints=points), ModelCard(height=100, width=200))
    assert moved.boxes.tolist() == [[0, 0, 100, 50], [50, 25, 200, 100]]
    np.testing.assert_allclose(moved.keypoints[0], [[100, 25, 0.7]])
    moved = in_pixels(candidates(rotated=rotated, keypoints=points), ModelCard(height=100, width=200))
    np.testing.assert_allclose(moved.rotated[0], [100, 50, 50, 50, 0.3])
    np.testing.assert_allclose(moved.boxes, enclosing(moved.rotated))
    np.testing.assert_allclose(moved.keypoints[0], [[100, 25, 0.7]])
    assert in_pixels(candidates(), ModelCard(height=100, width=200)).keypoints is None


@pytest.mark.parametrize(
    ("shape", "outputs", "batched", "inputs", "expected"),
    [
        ((4, 3, 8, 8), [(4, 7)], True, 1, 4),
        ((3, 8, 8), [(7,)], True, 1, 1),
        ((None, 3, 8, 8), [(None, 7)], True, 1, MAX_BATCH),
        ((None, 3, 8, 8), [(1, 7)], True, 1, 1),  # the outputs do not follow
        ((None, 3, 8, 8), [(5, 7)], False, 1, MAX_BATCH),  # the rows carry the number of their image
        ((None, 3, 8, 8), [(None, 7)], True, 2, 1),
        ((None, 3, 8, 8), [], True, 1, 1),
    ],
)
def test_images_a_run_are_the_files_own_number_or_several_where_it_is_open(shape, outputs, batched, inputs, expected):
    spec = TensorSpec("images", shape)
    session = SimpleNamespace(inputs=[spec] * inputs, outputs=[TensorSpec("y", entry) for entry in outputs])
    image = model_inputs.find([spec], "model")
    assert frame._batch_size(SimpleNamespace(session=session, batch=None), image, batched) == expected
    if expected == MAX_BATCH:
        assert frame._batch_size(SimpleNamespace(session=session, batch=2), image, batched) == 2, "as it was tuned"


def test_a_frame_fails_by_the_runtimes_name(colours, squares):
    detector = Detector.load(colours(metadata=NAMES))
    detector.session.run = lambda feeds: 1 / 0
    with pytest.raises(ModelError, match=r"^onnxruntime failed to run colours\.onnx: division by zero"):
        detector(squares)


def test_frame_py_is_the_path_and_one_page():
    assert len(Path(frame.__file__).read_text().splitlines()) <= 200


# --------------------------------------------------------------------------- thresholds and times, exactly


@pytest.fixture
def answering(colours):
    """A detector whose model finds these rows, cx cy w h and three scores, beside nothing."""

    def load(*rows, **options):
        detector = Detector.load(colours(metadata=NAMES), **options)
        run = detector.session.run

        def answer(feeds):
            outputs = run(feeds)
            outputs["output0"][:, 4:] = 0
            outputs["output0"][0, :, : len(rows)] = np.float32(rows).T
            return outputs

        detector.session.run = answer
        return detector

    return load


@pytest.mark.parametrize("conf", [0.25, 0.5, 0.3, 0.1])
@pytest.mark.parametrize("nms", ["class", "agnostic", "none", "soft", "weighted"])
def test_a_score_of_just_the_threshold_is_kept(answering, squares, conf, nms):
    """Scores in steps of 1/256 meet a threshold of 0.25 exactly."""
    below, above = np.nextafter(np.float32(conf), np.float32([0, 1]))
    detector = answering((20, 20, 9, 9, conf, 0, 0), (50, 20, 9, 9, below, 0, 0), (80, 20, 9, 9, above, 0, 0))
    assert detector(squares, conf=conf, nms=nms).score.tolist() == [above, np.float32(conf)]


def test_the_threshold_of_load_and_the_default_are_kept_likewise(answering, squares):
    rows = (20, 20, 9, 9, 0.25, 0, 0), (50, 20, 9, 9, 0.75, 0, 0)
    assert answering(*rows)(squares).score.tolist() == [0.75, 0.25]
    assert answering(*rows, conf=0.75)(squares).score.tolist() == [0.75]


def test_no_more_rows_are_given_than_are_asked_for(answering, squares):
    rows = [(20 + 20 * place, 20, 9, 9, 0.9 - place / 10, 0, 0) for place in range(4)]
    detector = answering(*rows)
    for limit in (1, 2, 3, 4, 5):
        assert len(detector(squares, max_det=limit)) == min(limit, 4)
        assert len(detector(squares, max_det=limit, nms="none")) == min(limit, 4)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_each_image_of_a_batch_counts_its_part_of_the_time(colours, squares, monkeypatch, count):
    """The clock reads 10, 10.4, 12 and 12.8 s: all of them take 0.4 s before the run, 1.6 s in it and 0.8 s after."""
    detector = Detector.load(colours(batch=4, metadata=NAMES))
    clock = iter([10.0, 10.4, 12.0, 12.8])
    monkeypatch.setattr(frame.time, "perf_counter", lambda: next(clock))
    found = detector([squares] * count)
    assert len(found) == count
    for each in found:
        expected = {"preprocess": 400 / count, "inference": 1600 / count, "postprocess": 800 / count}
        assert dict(each.speed) == pytest.approx(expected)


def test_a_grey_picture_and_a_picture_of_another_shape_come_back_in_their_own_pixels(answering):
    """A picture of 192 x 32 in an input of 96 x 64: half as large, below 24 rows of border."""
    detector = answering((48, 32, 20, 8, 0.9, 0, 0))
    (row,) = detector(np.zeros((32, 192, 3), np.uint8))
    assert row.box == (76, 8, 116, 24)
    (row,) = detector(np.zeros((128, 96), np.uint8))  # half as large, with 24 columns of border: x 48 is 48
    assert row.box == (28, 56, 68, 72)


def test_lists_and_tuples_of_pictures_are_taken_in_the_order_of_channels_that_is_said(colours, squares):
    with Detector.load(colours(batch=2, metadata=NAMES)) as detector:
        expected = detector(squares, nms="none", conf=0.9).to_list()
        turned = squares[..., ::-1]
        for several in ([turned] * 3, (turned,) * 3):
            found = detector(several, nms="none", conf=0.9, color="rgb")
            assert [each.to_list() for each in found] == [expected] * 3
        feeds = detector.feed(turned, "rgb")
        np.testing.assert_array_equal(feeds["images"], detector.feed(squares)["images"])
        assert len(feeds["images"]) == 2


def test_a_suppression_inside_the_model_is_fed_the_thresholds_of_the_call(colours, squares):
    """As Core ML's own is, by these names."""
    detector = Detector.load(colours(metadata=NAMES), conf=0.5, iou=0.75)
    session, run, seen = detector.session, detector.session.run, []
    session.inputs = [*session.inputs, TensorSpec("iouThreshold", (1,)), TensorSpec("confidenceThreshold", (1,))]

    def told(feeds):
        seen.append((feeds["confidenceThreshold"].tolist(), feeds["iouThreshold"].tolist()))
        return run({"images": feeds["images"]})

    session.run = told
    detector(squares)
    detector(squares, conf=0.25, iou=0.125)
    assert seen == [([0.5], [0.75]), ([0.25], [0.125])]
    feeds = detector.feed(squares)
    assert (feeds["confidenceThreshold"].tolist(), feeds["iouThreshold"].tolist()) == ([0.5], [0.75])


def test_a_score_without_end_is_left_out_with_a_warning(answering, squares):
    detector = answering((20, 20, 9, 9, np.inf, 0, 0), (50, 20, 9, 9, 0.5, 0, 0))
    with pytest.warns(UserWarning, match="not numbers"):
        assert detector(squares).score.tolist() == [0.5]


def test_several_classes_are_kept_by_name_or_number_and_others_are_not(answering, squares):
    detector = answering((20, 20, 9, 9, 0.9, 0, 0), (50, 20, 9, 9, 0, 0.8, 0), (80, 20, 9, 9, 0, 0, 0.7))
    assert detector(squares, classes=["green", "blue"]).label.tolist() == ["green", "blue"]
    assert detector(squares, classes=["red", 2]).label.tolist() == ["red", "blue"]
    assert len(detector(squares, classes=[])) == 0


@pytest.mark.parametrize(
    ("columns", "in_boxes", "cut"),
    [
        ({"masks": np.ones((2, 8, 12), np.float32)}, False, False),
        ({"box_masks": np.ones((2, 28, 28), np.float32)}, True, True),
        ({"coefficients": np.ones((2, 3), np.float32), "prototypes": np.ones((3, 8, 12), np.float32)}, False, True),
    ],
)
def test_masks_lie_over_the_input_or_over_their_boxes_and_end_there_or_not(columns, in_boxes, cut):
    geometry = Geometry.fit(64, 96, 64, 96)
    found = frame._in_image(candidates(**columns), geometry, ModelCard(height=64, width=96))
    assert (found.masks.in_boxes, found.masks.cut) == (in_boxes, cut)
    assert (found.masks.height, found.masks.width, found.shape) == (64, 96, (64, 96))
    assert frame._in_image(candidates(), geometry, ModelCard(height=64, width=96)).masks is None
