"""The table of pictures: formats x modes x eight orientations, the same pixels by path, by bytes and by PIL.

The referee is Pillow 13.0.0: `ImageOps.exif_transpose`, laid over white, 16 bits divided by 257, floats times 255.
What Pillow cannot write is made by OpenCV or by hand, and its right values are known.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest

from edgerun.errors import InputError
from edgerun.media import images, tiff

pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

HEIGHT, WIDTH = 24, 32
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]


def colours() -> np.ndarray:
    """Ramps with a marked corner, uint8 [H, W, 4]; the lower part is half transparent, a corner of it wholly."""
    image = np.dstack([COLUMNS * 8, ROWS * 10, (COLUMNS + ROWS) * 4 % 256, np.full((HEIGHT, WIDTH), 255)])
    image[:6, :8, :3] = (250, 20, 30)
    image[12:, :, 3] = 128
    image[18:, 16:, 3] = 0
    return image.astype(np.uint8)


def picture(mode: str):
    """The picture in one of PIL's modes."""
    rgba = pil.fromarray(colours(), "RGBA")
    if mode == "clear P":
        return rgba.convert("RGB").quantize(16)
    if mode.startswith("I;16"):
        deep = ((ROWS * WIDTH + COLUMNS) * 80).astype(np.uint16)
        return pil.frombytes(mode, (WIDTH, HEIGHT), deep.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
    if mode == "I":
        return pil.fromarray(((ROWS * WIDTH + COLUMNS) * 80).astype(np.int32))
    if mode == "F":
        return pil.fromarray((COLUMNS / WIDTH).astype(np.float32))
    return (rgba if mode in ("RGBA", "LA", "PA") else rgba.convert("RGB")).convert(mode)


ANIMATED = {"save_all": True, "append_images": [picture("RGB").transpose(pil.Transpose.FLIP_LEFT_RIGHT)]}
TABLE = [
    *[("JPEG", mode, {"progressive": progressive}) for mode in ("L", "RGB", "CMYK") for progressive in (False, True)],
    ("JPEG", "RGB", {"quality": 70, "subsampling": 2}),
    ("JPEG", "RGB", {"keep_rgb": True}),
    ("MPO", "RGB", ANIMATED),
    *[("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")],
    ("PNG", "clear P", {"transparency": 3}),
    ("PNG", "clear P", {"transparency": bytes(range(0, 256, 17))}),
    ("PNG", "RGB", {"transparency": (250, 20, 30)}),
    ("PNG", "L", {"transparency": 90}),
    ("PNG", "1", {"transparency": 0}),
    ("PNG", "RGBA", {"save_all": True, "append_images": [picture("RGBA")]}),
    *[("WEBP", mode, {"lossless": True, "exact": True}) for mode in ("L", "LA", "RGB", "RGBA")],
    *[("WEBP", mode, {"quality": 90}) for mode in ("RGB", "RGBA")],
    ("WEBP", "RGB", ANIMATED | {"lossless": True}),
    *[("AVIF", mode, {"subsampling": "4:2:0"}) for mode in ("L", "LA", "RGB", "RGBA")],
    *[("AVIF", mode, {"subsampling": "4:0:0"}) for mode in ("L", "LA")],
    ("AVIF", "L", {"subsampling": "4:0:0", "range": "limited"}),
    ("AVIF", "RGB", {"subsampling": "4:4:4", "range": "limited"}),
    *[("TIFF", mode, {}) for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB")],
    *[("TIFF", mode, {}) for mode in ("I;16", "I;16B", "I", "F")],
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGBA", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "RGB", {"big_tiff": True}),
    ("TIFF", "LA", {"big_tiff": True}),
    *[("BMP", mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")],
    *[("GIF", mode, {}) for mode in ("1", "L", "P", "RGBA")],
    ("GIF", "clear P", {"transparency": 3}),
    ("GIF", "P", {"save_all": True, "append_images": [picture("L")]}),
    *[("JPEG2000", mode, {}) for mode in ("L", "LA", "RGB", "RGBA", "I;16", "YCbCr")],
    *[("JPEG2000", mode, {"no_jp2": True}) for mode in ("L", "LA", "RGB")],
    *[("PPM", mode, {}) for mode in ("1", "L", "RGB", "I;16", "I")],
    ("ICO", "RGBA", {"sizes": [(WIDTH, HEIGHT)]}),
    ("PCX", "RGB", {}),
    ("QOI", "RGB", {}),
    ("SGI", "RGB", {}),
]
"""(format, mode, how it is written), by Pillow's names; PPM stands for PBM, PGM and PPM."""


def written(kind: str, mode: str, value: int, options: dict) -> bytes:
    exif = pil.Exif()
    exif[0x0112] = value
    stream = io.BytesIO()
    pil.init()
    picture(mode).save(stream, kind, exif=exif, **options)
    return stream.getvalue()


def expected(encoded: bytes) -> np.ndarray:
    """What Pillow shows, [H, W, 3] blue-green-red."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(pil.open(io.BytesIO(encoded)))
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image) / (1 if image.mode == "F" else 65535)
        return np.repeat(np.rint(values * 255)[..., None], 3, axis=2)
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))[..., ::-1].astype(float)
    pixels = np.asarray(image.convert("RGBA")).astype(float)
    alpha = pixels[..., 3:] / 255
    return (pixels[..., :3] * alpha + 255 * (1 - alpha))[..., ::-1]


def test_the_table_has_twelve_formats():
    assert len({kind for kind, _, _ in TABLE}) >= 12


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize(("kind", "mode", "options"), TABLE)
def test_a_picture_is_what_pillow_shows(tmp_path, kind, mode, options, value):
    pil.init()
    if kind not in pil.SAVE:
        pytest.skip(f"this Pillow does not write {kind}")
    encoded = written(kind, mode, value, options)
    path = tmp_path / f"picture.{kind.lower()}"
    path.write_bytes(encoded)
    right = expected(encoded)
    with pil.open(path) as opened:
        seen_by_pil = images.as_bgr(opened)
    for seen in (images.read(path), images.as_bgr(encoded), seen_by_pil):
        assert seen.shape == right.shape
        assert np.abs(seen - right).max() <= 1


# ----------------------------------------------------------------------------- what Pillow does not write

RAMP = np.linspace(0, 1, WIDTH)[None].repeat(HEIGHT, 0)
BRIGHT = np.rint(RAMP * 255)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_avif_of_ten_bits_is_not_dark(bits, channels):
    """OpenCV 5.0.0 gives its samples as they are, 1023 among 65535."""
    samples = np.rint(RAMP * ((1 << bits) - 1)).astype(np.uint16)
    stored = samples if channels == 1 else np.dstack([samples] * 3)
    done, encoded = cv2.imencode(".avif", stored, [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100])
    assert done
    assert np.abs(images.decode(encoded.tobytes())[..., 0] - BRIGHT).max() <= 2


@pytest.mark.parametrize("largest", [1, 15, 100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", ["P2", "P5", "P6", "P7"])
def test_a_pnm_is_scaled_by_its_maximum(kind, largest):
    """ "The maximum gray value must be less than 65536": netpbm's pgm(5), ppm(5), pam(5)."""
    if kind == "P7" and largest == 1:
        pytest.skip("refused: see below")
    samples = np.rint(RAMP * largest).astype(">u2" if largest > 255 else np.uint8)
    head = f"{kind} # made by hand\n{WIDTH} {HEIGHT}\n{largest}\n".encode()
    if kind in ("P6", "P7"):
        samples = np.dstack([samples] * 3).astype(samples.dtype)
    if kind == "P7":
        head = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL %d\nTUPLTYPE RGB\nENDHDR\n" % (WIDTH, HEIGHT, largest)
    body = " ".join(map(str, samples.ravel().tolist())).encode() if kind == "P2" else samples.tobytes()
    seen = images.decode(head + body)
    assert np.abs(seen[..., 0] - np.rint(np.rint(RAMP * largest) / largest * 255)).max() <= 1


@pytest.mark.parametrize(("depth", "largest", "words"), [(2, 255, b"GRAYSCALE_ALPHA"), (3, 1, b"RGB")])
def test_a_pam_that_opencv_gets_wrong_is_refused(depth, largest, words):
    head = b"P7\nWIDTH 4\nHEIGHT 4\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n" % (depth, largest, words)
    with pytest.raises(InputError, match="reads right") as refusal:
        images.decode(head + bytes(16 * depth))
    assert "PNG" in refusal.value.hint


def made_tiff(samples: np.ndarray, *entries: tuple[int, int], bits: int = 16) -> bytes:
    """An uncompressed TIFF of one strip, [H, W, C] or [C, H, W] as the entries say; each is (tag, short)."""
    raw = samples.astype("<u2" if bits == 16 else np.uint8).tobytes()
    channels = dict(entries)[tiff.SAMPLES]
    fields = [(256, WIDTH), (257, HEIGHT), (tiff.BITS, bits), (259, 1), (278, HEIGHT), *entries]
    planes = channels if dict(entries).get(tiff.PLANAR) == 2 else 1
    table = {tag: (3, 1, value) for tag, value in fields}
    table[tiff.BITS] = (3, channels, 512 if channels > 2 else bits)
    table[273] = (4, planes, 544 if planes > 1 else 600)
    table[279] = (4, planes, 576 if planes > 1 else len(raw))
    packed = b"".join(struct.pack("<HHII", tag, *table[tag]) for tag in sorted(table))
    head = b"II*\0" + struct.pack("<IH", 8, len(table)) + packed + bytes(4)
    shorts = struct.pack(f"<{channels}H", *[bits] * channels)
    size = len(raw) // planes
    places = struct.pack(f"<{planes}I", *(600 + size * plane for plane in range(planes)))
    return (
        head.ljust(512, b"\0")
        + shorts.ljust(32, b"\0")
        + places.ljust(32, b"\0")
        + struct.pack(f"<{planes}I", *[size] * planes).ljust(24, b"\0")
        + raw
    )


RGB, APART = (tiff.PHOTOMETRIC, 2), (tiff.PLANAR, 2)
HALF = np.full((HEIGHT, WIDTH), 0.5)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("extra", "stored", "right"),
    [
        (0, RAMP, RAMP),  # infrared, say: no alpha
        (1, RAMP / 2, 1 - (1 - RAMP) / 2),  # weighted already
        (2, RAMP, 1 - (1 - RAMP) / 2),
    ],
)
def test_the_fourth_sample_of_a_tiff_is_what_the_file_says(bits, extra, stored, right):
    """TIFF 6.0, section 18: ExtraSamples 0 unspecified, 1 associated alpha, 2 unassociated alpha."""
    samples = np.rint(np.dstack([stored, stored, stored, HALF]) * ((1 << bits) - 1))
    encoded = made_tiff(samples, RGB, (tiff.SAMPLES, 4), (tiff.EXTRA, extra), bits=bits)
    assert np.abs(images.decode(encoded)[..., 0] - right * 255).max() <= 2


def test_a_tiff_of_16_bits_in_planes_is_refused_not_noise():
    """OpenCV 5.0.0 and Pillow 13.0.0 mix the planes; those of 8 bits are right."""
    planes = np.stack([RAMP, HALF, RAMP[:, ::-1]])
    with pytest.raises(InputError, match="planes of 16 bits"):
        images.decode(made_tiff(np.rint(planes * 65535), RGB, (tiff.SAMPLES, 3), APART))
    seen = images.decode(made_tiff(np.rint(planes * 255), RGB, (tiff.SAMPLES, 3), APART, bits=8))
    assert np.abs(seen[..., ::-1] - np.rint(np.moveaxis(planes, 0, 2) * 255)).max() <= 1


def test_twelve_bits_of_a_tiff_are_scaled_by_every_way():
    row = "".join(f"{round(value * 4095):012b}" for value in RAMP[0])
    packed = np.frombuffer(int(row, 2).to_bytes(WIDTH * 12 // 8, "big") * HEIGHT, np.uint8)
    encoded = made_tiff(packed, (tiff.PHOTOMETRIC, 1), (tiff.SAMPLES, 1), bits=12)
    for seen in (images.decode(encoded), images.as_bgr(pil.open(io.BytesIO(encoded)))):
        assert np.abs(seen[..., 0] - BRIGHT).max() <= 1


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_a_transparent_grey_of_16_bits_is_white_by_every_way():
    encoded = cv2.imencode(".png", np.array([[0, 30000, 65535]], np.uint16))[1].tobytes()
    clear = encoded[:33] + chunk(b"tRNS", struct.pack(">H", 30000)) + encoded[33:]
    for seen in (images.decode(clear), images.as_bgr(pil.open(io.BytesIO(clear)))):
        assert seen[0, :, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize(("kind", "mode"), [("TIFF", "LA"), ("JPEG2000", "YCbCr"), ("AVIF", "LA")])
def test_without_pillow_what_opencv_gets_wrong_is_refused_with_a_way_out(monkeypatch, kind, mode):
    options = {"subsampling": "4:0:0"} if kind == "AVIF" else {}
    encoded = written(kind, mode, 1, options)
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setattr(images, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="reads right") as refusal:
        images.decode(encoded)
    assert "pip install pillow" in refusal.value.hint


def test_a_kind_that_nothing_reads_gets_a_hint():
    encoded = written("TGA", "RGB", 1, {})
    with pytest.raises(InputError, match="reads right") as refusal:
        images.decode(encoded)
    assert "convert it to a JPEG or PNG" in refusal.value.hint
