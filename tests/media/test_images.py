from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest

from edgerun.errors import InputError
from edgerun.media import images


@pytest.fixture
def picture():
    """A picture whose four quarters differ, [40, 60, 3] blue-green-red."""
    result = np.zeros((40, 60, 3), np.uint8)
    result[:20, :30], result[:20, 30:], result[20:, :30] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return result


def test_exif_orientation_turns_the_picture_upright(picture, tmp_path):
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    stored = pil.fromarray(np.rot90(picture)[..., ::-1].copy())
    exif = stored.getexif()
    exif[0x0112] = 6  # the camera was held so that the picture must be turned clockwise
    path = tmp_path / "turned.jpg"
    stored.save(path, exif=exif, quality=95)
    for upright in (images.read(path), images.as_bgr(pil.open(path))):
        assert upright.shape == picture.shape
        assert np.abs(upright.astype(int) - picture).mean() < 6


def test_grey_pictures_become_three_equal_channels(tmp_path):
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((5, 6), 99, np.uint8))
    assert (images.read(path) == 99).all()
    assert images.as_bgr(np.full((5, 6, 1), 99, np.uint8)).shape == (5, 6, 3)


def test_transparent_parts_become_white(tmp_path):
    path = tmp_path / "clear.png"
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (10, 20, 30, 255)
    cv2.imwrite(str(path), pixels)
    image = images.read(path)
    assert image[0, 0].tolist() == [10, 20, 30]
    assert image[3, 3].tolist() == [255, 255, 255]


def test_sixteen_bits_and_floats_are_scaled():
    assert images.as_bgr(np.full((2, 2, 3), 65535, np.uint16)).max() == 255
    assert images.as_bgr(np.full((2, 2, 3), 0.5, np.float32))[0, 0, 0] == 128
    assert images.as_bgr(np.ones((2, 2), bool)).max() == 255


def test_arrays_say_their_order(picture):
    np.testing.assert_array_equal(images.as_bgr(picture[..., ::-1], "rgb"), picture)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((0, 10, 3), np.uint8), "no pixels"),
        (np.zeros((3, 10, 20), np.uint8), "not an image"),
        (np.zeros(10, np.uint8), "not an image"),
        (np.full((4, 4, 3), 200.0), "0..1"),
        (np.full((4, 4, 3), np.nan), "0..1"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (None, "NoneType"),
        (b"", "empty"),
        (b"no picture at all", "damaged"),
        ("missing.jpg", "missing.jpg"),
    ],
)
def test_what_is_no_picture_is_named(image, words):
    with pytest.raises(InputError, match=words) as refusal:
        images.as_bgr(image)
    assert refusal.value.hint


def test_channels_first_is_recognised_in_the_hint():
    with pytest.raises(InputError) as refusal:
        images.as_bgr(np.zeros((3, 10, 20), np.uint8))
    assert "transpose(1, 2, 0)" in refusal.value.hint


def test_a_cut_file_is_refused_or_read_but_never_worse(picture, tmp_path):
    path = tmp_path / "cut.png"
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    for keep in (1, 8, 30, 60):
        path.write_bytes(encoded[:keep])
        with pytest.raises(InputError, match=r"cut\.png"):
            images.read(path)


def test_a_folder_is_not_a_picture(tmp_path):
    with pytest.raises(InputError, match="folder"):
        images.read(tmp_path)


def test_a_video_gives_its_frames_and_a_cut_one_says_so(tmp_path):
    path = tmp_path / "moving.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for shade in range(20):
        writer.write(np.full((48, 64, 3), shade * 10, np.uint8))
    writer.release()
    assert len(list(images.frames(path))) == 20
    cut = tmp_path / "cut.avi"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cut\.avi"):
        list(images.frames(cut))
    with pytest.raises(InputError, match="cannot be opened"):
        list(images.frames(tmp_path / "none.mp4"))


def test_writing_needs_a_suffix_that_is_a_picture(picture, tmp_path):
    images.write(tmp_path / "deep" / "out.png", picture)
    np.testing.assert_array_equal(images.read(tmp_path / "deep" / "out.png"), picture)
    with pytest.raises(InputError, match="suffix"):
        images.write(tmp_path / "out.xyz", picture)


DEEP = np.array([[0, 257, 300, 32768, 65535]], np.uint16)
SCALED = [0, 1, 1, 128, 255]
"""DEEP / 257, rounded."""


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_pil_images_of_16_and_32_bits_are_scaled_as_arrays_and_files_are(tmp_path, mode):
    """Pillow 13.0.0 clips these modes at 255 where it converts them (handbook/concepts.html#modes)."""
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    values = {"I": DEEP.astype(np.int32), "F": (DEEP / 65535).astype(np.float32)}.get(mode, DEEP)
    image = pil.fromarray(values)
    if mode == "I;16B":
        image = pil.frombytes("I;16B", (5, 1), DEEP.astype(">u2").tobytes())
    assert image.mode == mode
    cv2.imwrite(str(tmp_path / "deep.png"), DEEP)
    cv2.imwrite(str(tmp_path / "deep.tiff"), DEEP)
    for seen in (image, DEEP, tmp_path / "deep.png", tmp_path / "deep.tiff", pil.open(tmp_path / "deep.png")):
        assert images.as_bgr(seen)[0, :, 0].tolist() == SCALED


def test_floats_of_a_file_are_scaled_or_refused_by_its_name(tmp_path):
    path = tmp_path / "floats.tiff"
    cv2.imwrite(str(path), np.full((2, 3), 0.5, np.float32))
    assert (images.read(path) == 128).all()
    cv2.imwrite(str(path), np.full((2, 3), 300, np.float32))
    with pytest.raises(InputError, match=r"floats\.tiff cannot be used: .* must lie in 0\.\.1"):
        images.read(path)


@pytest.mark.parametrize(
    ("values", "words"),
    [([[0, 255]], "8 bits a pixel, or 16"), ([[0, 65536]], "from 0 to 65536"), ([[-1, 0]], "from -1 to 0")],
)
def test_a_pil_image_of_mode_i_whose_range_is_open_is_refused(values, words):
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    with pytest.raises(InputError, match=words) as refusal:
        images.as_bgr(pil.fromarray(np.array(values, np.int32)))
    assert "numpy" in refusal.value.hint
    assert (images.as_bgr(pil.fromarray(np.zeros((2, 3), np.int32))) == 0).all()


@pytest.mark.parametrize(("associated", "colour"), [(2, (200, 100, 0, 128)), (1, (100, 50, 0, 128))])
def test_a_tiff_is_laid_over_white_once(associated, colour):
    """libtiff 4.7 (tif_getimage.c) weights the colours by the alpha where the file says that they are not yet (2)."""
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    stream = io.BytesIO()
    clear = pil.fromarray(np.full((8, 8, 4), colour, np.uint8), "RGBA")
    clear.save(stream, "TIFF")
    entry = struct.pack("<HHIH", 338, 3, 1, 2)  # ExtraSamples: one short, not associated
    assert stream.getvalue().count(entry) == 1
    seen = images.decode(stream.getvalue().replace(entry, struct.pack("<HHIH", 338, 3, 1, associated)))
    assert np.abs(seen[4, 4].astype(int) - [127, 177, 227]).max() <= 1  # (0, 100, 200) by half over white


def test_a_heic_image_gets_a_hint_that_helps(tmp_path):
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(InputError, match=r"IMG_1\.HEIC is a HEIC image") as refusal:
        images.read(path)
    assert "heif-convert" in refusal.value.hint
