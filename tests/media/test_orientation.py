"""An image file is turned as it says, whatever its container: the same pixels by path, by bytes and by Pillow.

Expected values: CIPA DC-008-2023 (EXIF 3.0), 4.6.5, tag 0x0112, and Pillow 13.0.0, ImageOps.exif_transpose.
"""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest

from edgerun.media import images, orientation

STORED = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
"""Two rows and three columns of grey."""

UPRIGHT = {
    1: [[10, 20, 30], [40, 50, 60]],
    2: [[30, 20, 10], [60, 50, 40]],
    3: [[60, 50, 40], [30, 20, 10]],
    4: [[40, 50, 60], [10, 20, 30]],
    5: [[10, 40], [20, 50], [30, 60]],
    6: [[40, 10], [50, 20], [60, 30]],
    7: [[60, 30], [50, 20], [40, 10]],
    8: [[30, 60], [20, 50], [10, 40]],
}
"""What is to be seen, by EXIF orientation."""

CONTAINERS = {
    "PNG": ("RGB", "RGBA", "LA", "L", "P"),
    "WEBP": ("RGB", "RGBA", "LA", "L"),
    "AVIF": ("RGB", "RGBA", "LA", "L"),
    "TIFF": ("RGB", "RGBA", "L"),
    "JPEG": ("RGB", "L"),
}
"""Those that Pillow writes and OpenCV reads with their alpha."""


def exif(value: int, order: str = "<", kind: int = 3) -> bytes:
    """An EXIF block of two entries, the second of them the orientation."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(f"{order}HHII", 0x0100, 4, 1, 3) + struct.pack(f"{order}HHI", 0x0112, kind, 1)
    packed = struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
    return head + struct.pack(f"{order}IH", 8, 2) + entries + packed + bytes(4)


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box of ISO media."""
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + kind + content


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(image: np.ndarray, *chunks: bytes) -> bytes:
    encoded = cv2.imencode(".png", image)[1].tobytes()
    return encoded[:33] + b"".join(chunks) + encoded[33:]  # behind the header


def jpeg(image: np.ndarray, *segments: bytes) -> bytes:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    packed = [b"\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment for segment in segments]
    return encoded[:2] + b"".join(packed) + encoded[2:]


def with_alpha(grey: np.ndarray) -> np.ndarray:
    """The same, opaque but for one pixel, so that the alpha counts."""
    image = np.dstack((grey, grey, grey, np.full_like(grey, 255)))
    image[0, 0, 3] = 254
    return image


def xmp(value: int) -> bytes:
    return b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>' % value


@pytest.mark.parametrize("value", UPRIGHT)
@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_a_png_is_turned_with_and_without_an_alpha(tmp_path, value, deep):
    for image in (STORED, with_alpha(STORED)):
        stored = image.astype(np.uint16) * 257 if deep else image
        path = tmp_path / "turned.png"
        path.write_bytes(png(stored, chunk(b"eXIf", exif(value))))
        for seen in (images.read(path), images.as_bgr(path.read_bytes())):
            assert np.abs(seen[..., 0].astype(int) - UPRIGHT[value]).max() <= 1  # the pixel that is nearly opaque


@pytest.mark.parametrize("value", UPRIGHT)
@pytest.mark.parametrize(("kind", "modes"), CONTAINERS.items())
def test_every_container_is_turned_as_pillow_turns_it(value, kind, modes):
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pil.init()
    if kind not in pil.SAVE:
        pytest.skip(f"this Pillow does not write {kind}")
    grey = cv2.resize(STORED * 3, (48, 32), interpolation=cv2.INTER_NEAREST)
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}, "JPEG": {"quality": 100}}.get(kind, {})
    for mode in modes:
        block = pil.Exif()
        block[0x0112] = value
        stream = io.BytesIO()
        pil.fromarray(with_alpha(grey), "RGBA").convert(mode).save(stream, kind, exif=block, **options)
        expected = images.as_bgr(pil.open(io.BytesIO(stream.getvalue())))
        seen = images.decode(stream.getvalue())
        assert seen.shape == expected.shape == ((32, 48, 3) if value < 5 else (48, 32, 3))
        assert np.abs(seen.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("value", UPRIGHT)
def test_turning_is_what_exif_says(value):
    np.testing.assert_array_equal(orientation.upright(STORED, value), UPRIGHT[value])


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (jpeg(STORED, b"Exif\0\0" + exif(6)), 6),
        (jpeg(STORED, b"Exif\0\0" + exif(8, ">")), 8),
        (jpeg(STORED, b"Exif\0\0" + exif(3, kind=4)), 3),
        (jpeg(STORED, b"Exif\0\0Exif\0\0" + exif(5)), 5),
        (jpeg(STORED, b"http://ns.adobe.com/xap/1.0/\0" + xmp(8)), 8),
        (jpeg(STORED, b"http://ns.adobe.com/xap/1.0/\0" + xmp(8), b"Exif\0\0" + exif(1)), 1),
        (jpeg(STORED, b"Exif\0\0" + exif(9)), 1),
        (jpeg(STORED, b"Exif\0\0" + exif(6)[:20]), 1),
        (jpeg(STORED, b"Exif\0\0II*\0\xff\xff\xff\xff"), 1),
        (jpeg(STORED), 1),
        (png(STORED, chunk(b"eXIf", b"Exif\0\0" + exif(6))), 6),
        (png(STORED, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(3))), 3),
        (png(STORED, chunk(b"tEXt", b"Raw profile type exif\0\nexif\n      38\n" + exif(7).hex().encode())), 7),
        (
            png(
                STORED,
                chunk(
                    b"zTXt",
                    b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n      38\n" + exif(4).hex().encode()),
                ),
            ),
            4,
        ),
        (png(STORED, chunk(b"zTXt", b"Raw profile type exif\0\0no zlib")), 1),
        (png(STORED, chunk(b"tEXt", b"Raw profile type exif\0\nexif\n3\nno digits")), 1),
        (b"RIFF\x40\0\0\0WEBPEXIF" + struct.pack("<I", 38) + exif(2), 2),
        (b"RIFF\x40\0\0\0WAVEEXIF" + struct.pack("<I", 38) + exif(2), 1),
        (b"BM is not a container of EXIF", 1),
        (b"", 1),
    ],
)
def test_where_the_orientation_stands(encoded, value):
    assert orientation.orientation(encoded) == value


def test_the_exif_of_an_avif_does_not_count():
    """ISO/IEC 23000-22 (MIAF), 7.3.6.7: the turning is irot and imir, and Exif is ignored."""
    assert orientation.orientation(box(b"ftyp", b"avif\0\0\0\0") + box(b"Exif", exif(6))) == 1
