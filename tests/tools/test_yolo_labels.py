"""Lines of boxes, outlines, oriented boxes and poses; images without a text.

Lines of poses: docs.ultralytics.com/datasets/pose, and supervision 0.31.2, dataset/formats/yolo.py: with kpt_shape
[K, D] in data.yaml a row of exactly 5 + K·D values is a box with keypoints; an image without a text has no objects.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgerun.errors import InputError
from edgerun.tools import yolo_labels

BOX = "0 0.5 0.5 0.2 0.4"
"""80 30 120 70 of an image of 200 x 100."""

FOUR_CORNERS = " 0.45 0.35 2 0.55 0.35 2 0.45 0.65 0 0.55 0.65 1"
SMALL_OUTLINE = "0 0.5 0.5 0.52 0.5 0.53 0.52 0.51 0.54 0.5 0.53"


@pytest.fixture
def photo(tmp_path):
    return image(tmp_path / "images" / "one.png")


def image(path):
    path.parent.mkdir(exist_ok=True, parents=True)
    cv2.imwrite(str(path), np.zeros((100, 200, 3), np.uint8))
    return path


def write(folder, text, name="one.txt"):
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("lines", "boxes"),
    [
        (BOX, [[80, 30, 120, 70]]),
        (BOX + FOUR_CORNERS, [[80, 30, 120, 70]]),
        (BOX + " 0.45 0.35 2" * 17, [[80, 30, 120, 70]]),
        (BOX + " 0.45 0.35 2 0 0 0", [[80, 30, 120, 70]]),
        (BOX + " 0.45 0.35 0.55 0.65 0 0", [[80, 30, 120, 70]]),
        (f"{BOX}{FOUR_CORNERS}\n1 0.25 0.5 0.1 0.2{FOUR_CORNERS}", [[80, 30, 120, 70], [40, 40, 60, 60]]),
        ("0 0.1 0.2 0.5 0.2 0.5 0.6", [[20, 20, 100, 60]]),
        ("0 0 0 1 0 1 1 0 1 0 0", [[0, 0, 200, 100]]),
        (f"0 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n{BOX}", [[20, 20, 100, 60], [80, 30, 120, 70]]),
        ("0 0.5 0.4 0.6 0.5 0.5 0.6 0.4 0.5", [[80, 40, 120, 60]]),
        (f"{SMALL_OUTLINE}\n0 0.1 0.2 0.5 0.2 0.5 0.6", [[100, 50, 106, 54], [20, 20, 100, 60]]),
    ],
    ids=[
        "box",
        "pose of an even count",
        "pose of an odd count",
        "pose of ten numbers",
        "pose without visibilities",
        "two poses",
        "triangle",
        "closed frame",
        "outline and box",
        "oriented box",
        "two outlines",
    ],
)
def test_a_line_is_read_as_what_it_is(tmp_path, photo, lines, boxes):
    known = yolo_labels.read(write(tmp_path / "labels", lines), [photo])
    np.testing.assert_allclose(known[photo].xyxy, boxes, atol=1e-4)


def test_data_yaml_settles_outlines_and_poses(tmp_path, photo):
    folder = write(tmp_path / "labels", SMALL_OUTLINE)
    with pytest.raises(
        InputError, match="lines of 10 numbers after the class: outlines, or a box and keypoints"
    ) as caught:
        yolo_labels.read(folder, [photo])
    assert "data.yaml" in caught.value.hint
    (tmp_path / "data.yaml").write_text("names: {0: plate}\n")
    np.testing.assert_allclose(yolo_labels.read(folder, [photo])[photo].xyxy, [[100, 50, 106, 54]], atol=1e-4)
    (tmp_path / "data.yaml").write_text("names: {0: plate}\nkpt_shape: [3, 2]\n")
    np.testing.assert_allclose(yolo_labels.read(folder, [photo])[photo].xyxy, [[48, 25, 152, 75]], atol=1e-4)
    (tmp_path / "data.yaml").write_text("kpt_shape: 17\n")
    with pytest.raises(InputError, match=r"kpt_shape .* must be two numbers, not 17"):
        yolo_labels.read(folder, [photo])


def test_a_photo_without_a_text_is_without_objects_where_others_have_one(tmp_path, photo):
    empty = image(tmp_path / "images" / "two.png")
    known = yolo_labels.read(write(tmp_path / "labels", BOX), [empty, photo])
    assert list(known) == [empty, photo]
    assert known[empty].xyxy.shape == (0, 4)
    assert len(known[photo].xyxy) == 1
    assert yolo_labels.read(tmp_path / "labels", [empty]) == {}


def test_texts_may_lie_in_folders_named_as_those_of_the_photos(tmp_path):
    photos = [image(tmp_path / "images" / part / "1.png") for part in ("train", "val")]
    write(tmp_path / "labels" / "train", BOX, "1.txt")
    write(tmp_path / "labels" / "val", "3 0.5 0.5 0.2 0.4", "1.txt")
    known = yolo_labels.read(tmp_path / "labels", photos)
    assert [known[photo].classes.tolist() for photo in photos] == [[0], [3]]
    with pytest.raises(InputError, match=r"1\.txt would be the labels of .*train.* and of .*val"):
        yolo_labels.read(tmp_path / "labels" / "val", photos)


def test_a_turned_image_has_the_labels_of_what_is_seen(tmp_path):
    """Labels are drawn on the image as it is shown, upright."""
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    block = pil.Exif()
    block[0x0112] = 6
    photo = tmp_path / "one.png"
    pil.new("RGBA", (100, 200)).save(photo, exif=block)  # 200 x 100 when it is seen
    known = yolo_labels.read(write(tmp_path / "labels", BOX), [photo])
    np.testing.assert_allclose(known[photo].xyxy, [[80, 30, 120, 70]], atol=1e-4)
