"""The bytes of an image file as upright pixels: OpenCV decodes them, and what it leaves out of account is mended here.

OpenCV 5.0.0 gives samples of 10 or 12 bits (AVIF, JPEG 2000, PNM) unscaled among 16, so that they are nearly black.
What it gets wrong for good is read by Pillow where that is installed, and refused elsewhere: grey with an alpha (TIFF,
AVIF, JPEG 2000), sYCC, CIELab, and grey AVIF of the video range.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgerun.errors import InputError
from edgerun.media import isobmff, orientation, pixels, tiff
from edgerun.media.pixels import Image

__all__ = ["decoded"]

JPEG = b"\xff\xd8"
"""How every JPEG begins; none is transparent or deeper than 8 bits."""

PILLOW_READS = ("AVIF", "ICO", "JPEG2000", "PCX", "PPM", "QOI", "SGI", "TIFF")
"""Formats that Pillow may try, by Pillow's names."""

PNG_GREY = 0
"""Colour type of the header; PNG third edition, 11.2.1."""

JP2_COLOURS = (16, 17)
"""sRGB and grey: EnumCS of the box colr; ISO/IEC 15444-1:2019, table I.10."""

JP2_SIZES = b"\xff\x4f\xff\x51"
"""How the codestream of JPEG 2000 begins: SOC, then SIZ; ISO/IEC 15444-1:2019, A.5.1."""

JP2_SIGNED = 128
"""Csiz, and Ssiz of the first channel, follow at bytes 40 and 42: bits less one, and 128 for signed values."""

PNM_SCALED = 255
"""The largest maximum of PNM that fits into a byte."""
PAM_MAXIMUM = re.compile(rb"^MAXVAL\s+(\d+)\s*$", re.MULTILINE)
PAM_DEPTH = re.compile(rb"^DEPTH\s+(\d+)\s*$", re.MULTILINE)
MAX_PNM_HEADER = 1 << 12
"""Bytes in which the header of a PNM is looked for."""

TIFF_LAB = 8
TIFF_APART = 2
TIFF_UNSPECIFIED, TIFF_ASSOCIATED = 0, 1
"""Values of PhotometricInterpretation, PlanarConfiguration and ExtraSamples: TIFF 6.0, sections 18 and 23."""


def decoded(encoded: bytes) -> Image | None:
    """An image, upright and opaque, uint8 [H, W, 3] blue-green-red; None where nothing here reads it right.

    Raises:
        InputError: its values have no known range, or lie in planes that OpenCV mixes.
        cv2.error: it is too large.
    """
    stored = _by_opencv(encoded)
    values = None if stored is None else _mended(encoded, stored)
    if values is None:
        return _by_pillow(encoded)
    turned = orientation.upright(pixels.from_array(values), orientation.orientation(encoded))
    return np.ascontiguousarray(turned)


def _by_opencv(encoded: bytes) -> NDArray[Any] | None:
    """What OpenCV decodes, with alpha and depth, as it is stored (a TIFF upright); None where it cannot."""
    data = np.frombuffer(encoded, np.uint8)
    if not encoded.startswith(JPEG):
        stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if stored is not None and stored.shape[2:] in pixels.CHANNELS:
            return stored
    return cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def _by_pillow(encoded: bytes) -> Image | None:
    """What Pillow decodes; None where it cannot, or is not installed."""
    try:
        from PIL import Image as Pillow
    except ImportError:
        return None
    try:
        with warnings.catch_warnings(), Pillow.open(io.BytesIO(encoded), formats=PILLOW_READS) as image:
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            return pixels.from_pil(image)
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        return None


def _mended(encoded: bytes, stored: NDArray[Any]) -> NDArray[Any] | None:
    """The samples as an array that means what the file means; None where what OpenCV gave is of no use."""
    for signature, mend in _MENDS:
        if encoded.startswith(signature):
            return mend(encoded, stored)
    return _of_avif(encoded, stored) if isobmff.brands(encoded) else stored


def _to_one(stored: NDArray[Any], largest: int) -> NDArray[Any]:
    """Samples of 0 to `largest` as floats of 0 to 1; bytes and 16 bits that use their whole range stay as they are."""
    if largest == np.iinfo(stored.dtype).max:
        return stored
    return np.minimum(stored / np.float32(largest), np.float32(1))


# ------------------------------------------------------------------------------------------------------ formats


def _of_png(encoded: bytes, stored: NDArray[Any]) -> NDArray[Any]:
    """Grey whose chunk tRNS names one value that is transparent; OpenCV heeds that of colours alone."""
    if stored.ndim > 2 or encoded[25:26] != bytes([PNG_GREY]):
        return stored
    clear = dict(orientation.png_chunks(encoded)).get(b"tRNS", b"")
    if len(clear) < 2:
        return stored
    white = np.iinfo(stored.dtype).max
    largest = (1 << min(encoded[24], 16)) - 1
    shade = (int.from_bytes(clear[:2], "big") & largest) * white // largest
    return np.where(stored == shade, white, stored).astype(stored.dtype)


def _of_avif(encoded: bytes, stored: NDArray[Any]) -> NDArray[Any] | None:
    """OpenCV gives grey in the range of the file, and more than 8 bits unscaled."""
    if stored.ndim == 2 and not isobmff.is_full_range(encoded):
        return None
    if stored.dtype == np.uint8:
        return stored
    bits = isobmff.depth(encoded)
    return None if bits is None else _to_one(stored, (1 << bits) - 1)


def _of_jp2(encoded: bytes, stored: NDArray[Any]) -> NDArray[Any] | None:
    """JPEG 2000 in its container, which says what the colours mean."""
    parts = dict(isobmff.boxes(encoded))
    colour = dict(isobmff.boxes(parts.get(b"jp2h", b""))).get(b"colr", b"")
    is_named = colour[:1] == b"\x01"
    if is_named and int.from_bytes(colour[3:7], "big") not in JP2_COLOURS:
        return None
    return _of_codestream(parts.get(b"jp2c", b""), stored)


def _of_codestream(encoded: bytes, stored: NDArray[Any]) -> NDArray[Any] | None:
    """JPEG 2000 itself: OpenCV gives more than 8 bits unscaled, and the first alone of two channels."""
    channels, sample = int.from_bytes(encoded[40:42], "big"), int.from_bytes(encoded[42:43], "big")
    if channels == 2 or sample >= JP2_SIGNED or not encoded.startswith(JP2_SIZES):
        return None
    return stored if stored.dtype == np.uint8 else _to_one(stored, (2 << sample) - 1)


def _of_pnm(encoded: bytes, stored: NDArray[Any]) -> NDArray[Any] | None:
    """PBM, PGM, PPM and PAM, which say what their largest sample is; OpenCV heeds that in bytes of plain text alone."""
    head = encoded[:MAX_PNM_HEADER]
    kind = int(head[1:2])
    if kind == 7:
        return _of_pam(head, stored)
    is_text, is_bilevel = kind < 4, kind in (1, 4)
    words = re.sub(rb"#[^\n]*", b"", head).split(None, 4)
    largest = int(words[3]) if not is_bilevel and len(words) > 3 and words[3].isdigit() else PNM_SCALED
    if largest < 1 or (is_text and largest <= PNM_SCALED):
        return stored
    return _to_one(stored, largest)


def _of_pam(head: bytes, stored: NDArray[Any]) -> NDArray[Any] | None:
    """OpenCV gives grey with an alpha in false colours, and loses two shades."""
    depth, largest = PAM_DEPTH.search(head), PAM_MAXIMUM.search(head)
    if depth is None or largest is None or int(depth[1]) == 2 or int(largest[1]) <= 1:
        return None
    return _to_one(stored, int(largest[1]))


def _of_tiff(encoded: bytes, stored: NDArray[Any]) -> NDArray[Any] | None:
    """TIFF: libtiff weights colours of 8 bits by the alpha (tif_getimage.c of 4.7), whatever the file says.

    A fourth sample of no meaning (infrared of a drone) is no alpha.
    """
    said = tiff.first_numbers(encoded)
    extra = said.get(tiff.EXTRA, TIFF_UNSPECIFIED)
    has_lost_alpha = said.get(tiff.SAMPLES) == 2 and extra != TIFF_UNSPECIFIED
    if has_lost_alpha or said.get(tiff.PHOTOMETRIC) == TIFF_LAB:
        return None
    if stored.ndim > 2 and said.get(tiff.PLANAR) == TIFF_APART and stored.dtype != np.uint8:  # which Pillow mixes too
        raise InputError("its channels are planes of 16 bits, which OpenCV mixes.")
    if stored.dtype in (np.int32, np.uint32):
        return pixels.narrowed(stored, is_of_file=True)
    if stored.shape[2:] != (4,):
        return stored
    if extra == TIFF_UNSPECIFIED and said.get(tiff.SAMPLES) == 4:
        return stored[..., :3]
    is_weighted = stored.dtype == np.uint8 or extra == TIFF_ASSOCIATED
    return pixels.over_white(pixels.as_uint8(stored), premultiplied=is_weighted)


_MENDS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes, NDArray[Any]], NDArray[Any] | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _of_png),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _of_tiff),
    (b"\0\0\0\x0cjP  ", _of_jp2),
    (JP2_SIZES, _of_codestream),
    (tuple(b"P%d" % kind for kind in range(1, 8)), _of_pnm),
)
"""(how a file begins, what is done with the samples that OpenCV gave)."""
