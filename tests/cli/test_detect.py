"""edgerun detect, from the outside."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edgerun import Detector
from edgerun.card import CardArguments
from edgerun.cli.detect import command
from edgerun.errors import CameraEnded, ModelError
from edgerun.media import sources
from edgerun.media.sources import Source

TRUTH = {"red": (16, 0, 32, 16), "green": (64, 16, 80, 32), "blue": (0, 48, 16, 64)}
STRICT = ("--conf", "0.9", "--nms", "none")


def rows(text):
    """(label, score, box) of each row of the text output."""
    found = re.findall(r"^  (\w+) +(\d\.\d{3})((?: +-?[\d.]+){4})$", text, re.MULTILINE)
    return [(label, float(score), tuple(map(float, sides.split()))) for label, score, sides in found]


def damaged(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    return path


# -------------------------------------------------------------------------------------------- what is printed


def test_each_row_has_label_score_and_box_in_pixels_of_the_picture(edgerun, model, photo):
    found = rows(edgerun("detect", model, photo, *STRICT).stdout)
    best = {label: box for label, score, box in found if score > 0.99 and box[2] - box[0] == 16}
    assert best == TRUTH


def test_thresholds_in_force_and_who_gave_them_are_printed_once(edgerun, model, photo, tmp_path):
    shutil.copy(photo, tmp_path / "again.png")
    text = edgerun("detect", model, photo, tmp_path / "again.png", "--conf", "0.9").stdout
    assert text.count("conf 0.9 (argument), iou 0.7 (default), at most 300 rows") == 1
    assert text.count("96 x 64") == 2
    assert re.search(r"^\d+ found in 2 images$", text, re.MULTILINE)


def test_json_is_one_document_and_nothing_else(edgerun, model, photo):
    result = edgerun("detect", model, photo, *STRICT, "--json")
    document = json.loads(result.stdout)
    assert document["report"]["conf"] == {"value": 0.9, "source": "argument"}
    assert document["report"]["iou"] == {"value": 0.7, "source": "default"}
    (picture,) = document["results"]
    assert (picture["path"], picture["width"], picture["height"]) == (str(photo), 96, 64)
    assert {row["label"] for row in picture["detections"]} == set(TRUTH)
    assert document["errors"] == []
    assert result.stderr == ""


def test_text_and_json_say_the_same(edgerun, model, photo):
    said = rows(edgerun("detect", model, photo).stdout)
    (picture,) = json.loads(edgerun("detect", model, photo, "--json").stdout)["results"]
    assert [row["label"] for row in picture["detections"]] == [label for label, _, _ in said]
    assert np.allclose([row["box"] for row in picture["detections"]], [box for _, _, box in said], atol=0.06)


def test_quiet_prints_no_rows(edgerun, model, photo):
    result = edgerun("detect", model, photo, "--quiet")
    assert result.stdout == result.stderr == ""


def test_a_suffix_that_lies_is_one_line_of_warning(edgerun, model, photo):
    liar = model.rename(model.with_suffix(".tflite"))
    result = edgerun("detect", liar, photo, "--json")
    assert re.fullmatch(r"warning: colours\.tflite is named like a tflite model.*\n", result.stderr)
    json.loads(result.stdout)


def test_a_file_name_that_is_no_text_is_no_trouble(process, model, photo):
    odd = os.fsdecode(os.fsencode(photo.parent) + b"/\xff.png")
    shutil.copy(photo, odd)
    result = process("detect", model, odd, PYTHONIOENCODING="utf-8")
    assert result.returncode == 0, result.stderr
    assert "\\udcff.png" in result.stdout


def test_a_label_cannot_move_the_cursor(edgerun, colours, photo):
    hostile = colours(metadata={"names": "['\\x1b[2Jred', 'green', 'blue']", "stride": "32"})
    for arguments in (("detect", hostile, photo), ("inspect", hostile)):
        text = edgerun(*arguments).stdout
        assert "\x1b" not in text
        assert "?[2Jred" in text


# ------------------------------------------------------------------------------------------- what is wished


@pytest.mark.parametrize(
    "wish", [("red,blue",), ("red", "blue"), ("0", "2"), ("0,blue",), (" red , blue ",)], ids=" + ".join
)
def test_classes_are_names_or_numbers_repeated_or_with_commas(edgerun, model, photo, wish):
    options = [part for name in wish for part in ("--classes", name)]
    assert {label for label, _, _ in rows(edgerun("detect", model, photo, *options).stdout)} == {"red", "blue"}


def test_at_most_so_many_rows(edgerun, model, photo):
    assert len(rows(edgerun("detect", model, photo, "--max-det", "2").stdout)) == 2


def test_every_argument_of_load_is_an_option():
    options = set(inspect.signature(command).parameters)
    keywords = set(inspect.signature(Detector.load).parameters) - {
        "registry",
        "card",
        "warm_up",
        "format",
    }  # format: of models in memory
    assert keywords | set(CardArguments.__annotations__) <= options


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        ("--labels=coco", "labels", None),
        ("--resize=stretch", "resize", "stretch"),
        ("--fill=0", "fill", [0, 0, 0]),
        ("--fill=1,2,3", "fill", [1, 2, 3]),
        ("--color=bgr", "color", "bgr"),
        ("--scale=1/256", "scale", 1 / 256),
        ("--mean=0", "mean", [0, 0, 0]),
        ("--std=1,1.25,1", "std", [1, 1.25, 1]),
        ("--box-units=pixels", "box_units", "pixels"),
        ("--not-suppressed", "suppressed", False),
        ("--decoder=yolov8", "decoder", "yolov8"),
        ("--imgsz=96x64", "height", 64),
        ("--imgsz=96x64", "width", 96),
    ],
)
def test_a_card_field_is_settled_by_its_option(edgerun, colours, photo, option, field, value):
    bare = colours()
    if field == "labels":
        names = photo.with_name("names.txt")
        names.write_text("red\ngreen\nblue\n")
        option, value = f"--labels={names}", ["red", "green", "blue"]
    card = json.loads(edgerun("detect", bare, photo, option, "--json").stdout)["report"]["card"]
    assert card[field] == value
    assert card["sources"][field] == ("the file's input" if field in ("height", "width") else "argument")


def test_outputs_and_inputs_are_given_by_name(edgerun, colours, photo):
    tfod = colours(layout="tfod")
    roles = ("boxes", "classes", "scores")
    options = [part for role in roles for part in ("--outputs", f"detection_{role}={role}")]
    report = json.loads(edgerun("detect", tfod, photo, "--inputs", "extra=[[1,2]]", *options, "--json").stdout)[
        "report"
    ]
    assert report["card"]["outputs"] == {f"detection_{role}": role for role in roles}
    assert report["card"]["sources"]["outputs"] == "argument"
    assert report["card"]["inputs"] == {"extra": [[1, 2]]}


def test_delegates_are_an_ordered_list(edgerun, model, photo):
    wishes = ("--delegate", "coreml", "--delegate", "cpu", "--threads", "1")
    report = json.loads(edgerun("detect", model, photo, *wishes, "--json").stdout)["report"]
    assert report["delegate"] == "cpu"
    assert "coreml" in report["delegate_reason"]
    assert report["threads"] == 1


# ------------------------------------------------------------------------------- several pictures, some bad


@pytest.fixture
def folder(tmp_path, photo):
    place = tmp_path / "day"
    place.mkdir()
    for number in range(6):
        shutil.copy(photo, place / f"{number}.png")
    damaged(place / "3.png")
    return place


def test_one_bad_picture_does_not_stop_the_others(edgerun, model, folder):
    result = edgerun("detect", model, folder, exit_code=3)
    assert [line.split()[0].rpartition("/")[2] for line in result.stdout.splitlines() if "96 x 64" in line] == [
        "0.png",
        "1.png",
        "2.png",
        "4.png",
        "5.png",
    ]
    first, hint, last = result.stderr.splitlines()
    assert re.match(r"error: .*3\.png is not an image", first)
    assert hint.startswith("  hint: ")
    assert last == "error: 1 of 6 images could not be used; the others are done"


def test_a_folder_run_names_what_it_leaves_out_in_one_line(edgerun, model, photo, tmp_path):
    shutil.copy(photo, tmp_path / "IMG_2.png")
    model.rename(tmp_path.parent / "colours.onnx")
    for name in ("notes.txt", "rows.csv", "IMG_1.heic"):
        (tmp_path / name).write_text("x")
    result = edgerun("detect", tmp_path.parent / "colours.onnx", tmp_path)
    (line,) = result.stderr.splitlines()
    assert line.startswith("note: left out: 3 other files: IMG_1.heic, notes.txt, rows.csv; convert HEIC to JPEG first")
    document = json.loads(edgerun("detect", tmp_path.parent / "colours.onnx", tmp_path, "--json").stdout)
    assert document["note"] == line.removeprefix("note: ")


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_a_camera_that_ends_is_a_sentence_and_an_exit_code_of_its_own(edgerun, model, squares, monkeypatch, how):
    def three_frames(source):
        yield from [squares] * 3
        raise CameraEnded(f"Camera {source} has ended after 3 frames.", hint="start again")

    monkeypatch.setattr(sources.videos, "frames", three_frames)
    result = edgerun("detect", model, "7", *how, exit_code=4)
    assert result.stderr == "error: Camera 7 has ended after 3 frames.\n  hint: start again\n"
    if how:
        document = json.loads(result.stdout)
        assert [entry["frame"] for entry in document["results"]] == [0, 1, 2]
        assert [entry["type"] for entry in document["errors"]] == ["CameraEnded"]
    else:
        assert "found in 3 images" in result.stdout


def test_json_names_the_bad_picture(edgerun, model, folder):
    document = json.loads(edgerun("detect", model, folder, "--json", exit_code=3).stdout)
    assert len(document["results"]) == 5
    (error,) = document["errors"]
    assert error["path"] == str(folder / "3.png")
    assert error["type"] == "InputError"


def test_frames_of_a_video_are_numbered(edgerun, model, clip):
    text = edgerun("detect", model, clip).stdout
    assert [int(number) for number in re.findall(r"clip\.avi frame (\d+)  96 x 64", text)] == list(range(8))
    document = json.loads(edgerun("detect", model, clip, "--json").stdout)
    assert [entry["frame"] for entry in document["results"]] == list(range(8))


def test_a_video_that_ends_mid_frame_gives_what_there_is(edgerun, model, tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 64))
    random = np.random.default_rng(3)
    for _ in range(20):
        writer.write(random.integers(0, 255, (64, 96, 3), np.uint8))
    writer.release()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    document = json.loads(edgerun("detect", model, path, "--json", exit_code=3).stdout)
    seen = len(document["results"])
    assert 3 < seen < 18
    (error,) = document["errors"]
    assert error["message"] == f"The video {path} ends after {seen} of 20 frames."


# ------------------------------------------------------------------------------------------- what is written


def test_an_annotated_picture_is_written_and_the_original_left_alone(edgerun, model, photo, tmp_path, squares):
    before = photo.read_bytes()
    result = edgerun("detect", model, photo, "--save", tmp_path / "out")
    copy = cv2.imread(str(tmp_path / "out" / "squares.png"))
    assert copy.shape == squares.shape
    assert (copy != squares).any()
    assert photo.read_bytes() == before
    assert f"annotated: {tmp_path / 'out' / 'squares.png'}" in result.stdout


def test_saving_over_the_pictures_is_refused_before_anything_is_computed(edgerun, model, folder):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = edgerun("detect", model, folder, "--save", folder, exit_code=3)
    assert "would overwrite" in result.stderr
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_an_annotated_video_has_all_frames(edgerun, model, clip, tmp_path):
    document = json.loads(edgerun("detect", model, clip, "--save", tmp_path / "out", "--json").stdout)
    (saved,) = document["saved"]
    assert saved == str(tmp_path / "out" / "clip.mp4")
    assert sources.count(Source("video", tmp_path / "out" / "clip.mp4")) == 8


def test_coco_results_have_numbers_where_names_are_numbers(edgerun, model, photo, clip, tmp_path):
    numbered, named = tmp_path / "000000000123.png", tmp_path / "street.png"
    shutil.copy(photo, numbered)
    shutil.copy(photo, named)
    edgerun("detect", model, numbered, named, clip, *STRICT, "--coco", tmp_path / "new" / "rows.json", "--quiet")
    written = json.loads((tmp_path / "new" / "rows.json").read_text())
    assert {row["image_id"] for row in written} == {123, "street", *(f"clip-{frame:06d}" for frame in range(8))}
    red = [row for row in written if row["image_id"] == 123 and row["category_id"] == 1 and row["bbox"][2] == 16]
    assert red[0]["bbox"] == [16, 0, 16, 16]


def test_two_pictures_of_one_coco_id_are_refused(edgerun, model, photo, tmp_path):
    for name in ("a/7.png", "b/007.png"):
        (tmp_path / name).parent.mkdir()
        shutil.copy(photo, tmp_path / name)
    result = edgerun("detect", model, tmp_path / "a", tmp_path / "b", "--coco", tmp_path / "rows.json", exit_code=3)
    assert "would share the COCO image_id 7" in result.stderr


@pytest.mark.parametrize("screen", ["", ":99"])
def test_show_says_in_a_sentence_where_there_is_no_window(edgerun, model, photo, monkeypatch, screen):
    if sys.platform != "linux" or "GUI:                           NONE" not in cv2.getBuildInformation():
        pytest.skip("this OpenCV may open windows")
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    result = edgerun("detect", model, photo, "--show", exit_code=3)
    assert result.stderr.startswith("error: --show needs ")
    assert "--save DIR" in result.stderr


# ------------------------------------------------------------------------------------------------ bad input

BAD = {
    "a model that is not there": (["missing.onnx", "PHOTO"], "There is no model missing.onnx"),
    "a folder as model": (["EMPTY", "PHOTO"], "is a folder without a model"),
    "an empty model": (["empty.onnx", "PHOTO"], r"empty.onnx is empty \(0 bytes\)"),
    "a text named like a model": (["text.onnx", "PHOTO"], "text.onnx is of no known model format"),
    "a model that is cut": (["cut.onnx", "PHOTO"], "cut.onnx"),
    "a model without a picture": (["numbers.onnx", "PHOTO"], "has no input that takes an image"),
    "weights that are elsewhere": (["external.onnx", "PHOTO"], "keeps its weights in weights.bin, which is not"),
    "a name that no model has": (["codez", "PHOTO"], "no model named codez"),
    "a checkpoint": (["weights.pt", "PHOTO"], "is a PyTorch checkpoint: a pickle"),
    "a picture that is not there": (["MODEL", "missing.jpg"], "There is no file missing.jpg"),
    "a pattern without a match": (["MODEL", "missing*.jpg"], r"No image matches missing\*.jpg"),
    "a picture of no bytes": (["MODEL", "empty.jpg"], r"empty.jpg is empty \(0 bytes\)"),
    "a picture that is a text": (["MODEL", "text.jpg"], "text.jpg is not an image"),
    "a picture that is cut": (["MODEL", "cut.png"], "cut.png is not an image"),
    "a folder without pictures": (["MODEL", "EMPTY"], "holds no images"),
    "a video that is none": (["MODEL", "text.mp4"], "text.mp4 cannot be opened"),
    "a class that is not": (["MODEL", "PHOTO", "--classes", "redd"], "has no class 'redd'"),
    "a class number that is not": (["MODEL", "PHOTO", "--classes", "3"], "has no class number 3"),
    "a decoder that is not": (["MODEL", "PHOTO", "--decoder", "yolov99"], "There is no decoder 'yolov99'"),
    "a decoder that does not fit": (["MODEL", "PHOTO", "--decoder", "tfod"], "outputs speak against it"),
    "a delegate that is not": (["MODEL", "PHOTO", "--delegate", "warp"], "warp is not a delegate of onnxruntime"),
    "a backend that is not": (["MODEL", "PHOTO", "--backend", "warp"], "no backend warp"),
    "a size that is fixed": (["MODEL", "PHOTO", "--imgsz", "320"], "is fixed at 64"),
    "labels that are not there": (["MODEL", "PHOTO", "--labels", "missing.txt"], "no label file missing.txt"),
    "a folder that is a file": (["MODEL", "PHOTO", "--save", "text.jpg"], "text.jpg cannot be made"),
    "a results file that is a photo": (["MODEL", "PHOTO", "--coco", "PHOTO"], "is not a results file"),
    "a results file that is a folder": (["MODEL", "PHOTO", "--coco", "EMPTY"], "cannot be written"),
}


@pytest.fixture
def mess(tmp_path, colours, photo, monkeypatch):
    """A folder of everything that can be wrong."""
    import onnx
    from onnx import helper, numpy_helper

    model = colours(metadata={"names": "['red', 'green', 'blue']", "stride": "32"})
    whole = model.read_bytes()
    contents = {
        "empty.onnx": b"",
        "text.onnx": b"# a readme\n",
        "cut.onnx": whole[: len(whole) // 2],
        "weights.pt": b"\x80\x02ctorch\n",
        "empty.jpg": b"",
        "text.jpg": b"hello",
        "text.mp4": b"hello",
        "cut.png": photo.read_bytes()[:100],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "nothing").mkdir()
    opset = {"opset_imports": [helper.make_opsetid("", 13)], "ir_version": 8}
    x, y = (helper.make_tensor_value_info(name, 1, [1, 4]) for name in "xy")
    onnx.save(
        helper.make_model(helper.make_graph([helper.make_node("Add", "xx", "y")], "g", [x], [y]), **opset),
        tmp_path / "numbers.onnx",
    )
    weights = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    x, y = helper.make_tensor_value_info("x", 1, [1, 3, 64, 64]), helper.make_tensor_value_info("y", 1, None)
    onnx.save(
        helper.make_model(helper.make_graph([helper.make_node("Conv", "xw", "y")], "g", [x], [y], [weights]), **opset),
        tmp_path / "external.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    (tmp_path / "weights.bin").unlink()
    monkeypatch.chdir(tmp_path)
    return {"MODEL": "colours.onnx", "PHOTO": "squares.png", "EMPTY": "nothing"}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence_and_the_next_step(edgerun, mess, case):
    arguments, message = BAD[case]
    result = edgerun("detect", *(mess.get(argument, argument) for argument in arguments), exit_code=3)
    sentence, hint = result.stderr.splitlines()
    assert sentence.startswith("error: ")
    assert re.search(message, sentence)
    assert re.match(r"  hint: \S", hint)
    assert "itself failed" not in sentence


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "MODEL"),
        (["m.onnx"], "SOURCE"),
        (["m.onnx", "a.jpg", "--conf", "7"], "--conf"),
        (["m.onnx", "a.jpg", "--iou", "-1"], "--iou"),
        (["m.onnx", "a.jpg", "--max-det", "0"], "--max-det"),
        (["m.onnx", "a.jpg", "--threads", "0"], "--threads"),
        (["m.onnx", "a.jpg", "--imgsz", "big"], "--imgsz"),
        (["m.onnx", "a.jpg", "--scale", "1/0"], "--scale"),
        (["m.onnx", "a.jpg", "--mean", "a,b"], "--mean"),
        (["m.onnx", "a.jpg", "--fill", "grey"], "--fill"),
        (["m.onnx", "a.jpg", "--color", "cmyk"], "--color"),
        (["m.onnx", "a.jpg", "--nms", "maybe"], "--nms"),
        (["m.onnx", "a.jpg", "--outputs", "boxes"], "--outputs"),
        (["m.onnx", "a.jpg", "--inputs", "size=big"], "--inputs"),
        (["m.onnx", "a.jpg", "--classes", ","], "--classes"),
        (["m.onnx", "a.jpg", "--turbo"], "--turbo"),
    ],
)
def test_wrong_usage_is_2_and_names_the_option(edgerun, arguments, message):
    result = edgerun("detect", *arguments, exit_code=2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


# ------------------------------------------------------------------------------------------- ways of ending


def test_an_error_is_also_a_document(edgerun, mess):
    result = edgerun("detect", "missing.onnx", "squares.png", "--json", exit_code=3)
    assert json.loads(result.stdout) == {
        "error": {"type": "ModelUnreadable", "message": "There is no model missing.onnx.", "hint": "check the path"}
    }
    assert result.stderr.startswith("error: There is no model")


def test_the_traceback_is_shown_on_demand(edgerun, mess):
    result = edgerun("detect", "missing.onnx", "squares.png", "--debug", exit_code=3)
    assert "Traceback (most recent call last)" in result.stderr
    assert "error: There is no model" in result.stderr


def failing(monkeypatch, after, error):
    """Lets the detector raise at the picture of this number."""
    real, calls = Detector.__call__, []

    def call(self, *arguments, **options):
        calls.append(1)
        if len(calls) > after:
            raise error
        return real(self, *arguments, **options)

    monkeypatch.setattr(Detector, "__call__", call)


def test_a_model_that_fails_on_the_way_leaves_one_whole_document(edgerun, model, clip, monkeypatch):
    failing(monkeypatch, 3, ModelError("It broke.", hint="mend it"))
    document = json.loads(edgerun("detect", model, clip, "--json", exit_code=3).stdout)
    assert len(document["results"]) == 3
    assert document["error"] == {"type": "ModelError", "message": "It broke.", "hint": "mend it"}


def test_ctrl_c_ends_quietly_and_leaves_whole_files(edgerun, model, clip, monkeypatch, tmp_path):
    failing(monkeypatch, 3, KeyboardInterrupt())
    options = ("--json", "--save", tmp_path / "out", "--coco", tmp_path / "rows.json")
    result = edgerun("detect", model, clip, *options, exit_code=130)
    assert result.stderr == ""
    assert len(json.loads(result.stdout)["results"]) == 3
    assert isinstance(json.loads((tmp_path / "rows.json").read_text()), list)
    assert sources.count(Source("video", tmp_path / "out" / "clip.mp4")) == 3


def test_a_flaw_of_ours_is_said_in_a_sentence_too(edgerun, model, photo, monkeypatch):
    failing(monkeypatch, 0, ZeroDivisionError("oh\nno"))
    result = edgerun("detect", model, photo, exit_code=3)
    assert result.stderr.splitlines() == [
        "error: edgerun itself failed: ZeroDivisionError: oh",
        "  hint: see where with --debug, and report it",
    ]


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_a_reader_who_leaves_is_no_error(model, photo, how):
    read, write = os.pipe()
    os.close(read)
    command_line = [sys.executable, "-m", "edgerun", "detect", str(model), str(photo), *how]
    with os.fdopen(write, "w") as pipe:
        ran = subprocess.run(command_line, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=120)
    assert ran.returncode == 141
    assert ran.stderr == ""


# ------------------------------------------------------------------------------------------ real models


@pytest.mark.zoo
def test_a_real_model_on_a_real_photo(edgerun, shared):
    text = edgerun("detect", shared / "models/onnx/yolov8n.onnx", shared / "images/bus.jpg").stdout
    found = rows(text)
    assert sorted(label for label, _, _ in found) == ["bus", "person", "person", "person", "person"]
    assert found[0][1] == pytest.approx(0.890, abs=0.01)


def test_why_an_earlier_delegate_was_not_taken_is_said(edgerun, model, photo):
    said = edgerun("detect", model, photo, "--delegate", "xnnpack", "--delegate", "cpu").stdout
    assert "delegate cpu" in said
    assert "note: xnnpack: " in said
    assert "note:" not in edgerun("detect", model, photo, "--delegate", "cpu").stdout
