"""The bytes that models are fed, as hashes: another machine shows at once whether its feed is equal.

Taken on x86-64 (AVX-512) and found the same on aarch64 (Cortex-A72 under qemu-user 7.2), with OpenCV 5.0.0.93 and
numpy 2.4.6. `python tests/processing/test_feed_hashes.py` prints this machine's table.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from typing import Any

import numpy as np
import pytest

from edgerun.processing import resize
from edgerun.processing.preprocess import Plan
from edgerun.tensors import Quantization, TensorSpec

YOLO = {"resize": "letterbox", "fill": (114, 114, 114), "color": "rgb", "scale": 1 / 255}
IMAGENET = {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "resize": "stretch"}
BASE = {"fill": (0, 0, 0), "color": "rgb", "scale": 1.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
HALF_A_STEP = Quantization((2 / 255,), (-1,))
"""Every second byte lies between two steps, where half goes to even."""

CONVENTIONS: dict[str, dict[str, Any]] = {
    "YOLO": YOLO,
    "YOLO, float16": {**YOLO, "dtype": "float16"},
    "YOLO, int8, channels last": {**YOLO, "dtype": "int8", "quantization": HALF_A_STEP, "channels_last": True},
    "YOLO, uint8": {**YOLO, "dtype": "uint8", "quantization": Quantization((1 / 255,), (0,))},
    "YOLOX": {"resize": "letterbox-topleft", "fill": (114, 114, 114), "color": "bgr"},
    "DETR": IMAGENET,
    "NanoDet": {"resize": "stretch", "color": "bgr", "mean": (103.53, 116.28, 123.675), "std": (57.375, 57.12, 58.395)},
    "MobileNet-SSD, channels last": {
        "resize": "stretch",
        "scale": 1 / 127.5,
        "mean": (1.0,) * 3,
        "channels_last": True,
    },
    "MobileNet-SSD, int8": {**IMAGENET, "dtype": "int8", "quantization": Quantization((0.018658,), (-14,))},
    "classification": {**IMAGENET, "resize": "center-crop"},
    "grey": {"resize": "stretch", "color": "gray", "scale": 1 / 255},
}

SIZES = {
    "half": (720, 1280, 360, 640),
    "boxed": (720, 1280, 640, 640),
    "a third": (1080, 1920, 640, 640),
    "a quarter": (720, 1280, 320, 320),
    "nothing whole": (333, 500, 416, 416),
    "enlarged": (96, 128, 320, 320),
    "a strip": (13, 199, 64, 96),
}
"""Height and width of the picture, then of the input."""

EXPECTED = {
    "YOLO": (
        "e01bc5c92ca6",
        "2808905ca0f4",
        "22cdd0fac627",
        "4e665d69669f",
        "88fae472c236",
        "9fa9875c9e37",
        "5506313c7257",
    ),
    "YOLO, float16": (
        "a4814e8ef089",
        "b4073763571c",
        "ac07e421286e",
        "5e32fb893e40",
        "fe4968015c37",
        "ae11df38c8d4",
        "ec3f0aca2a0a",
    ),
    "YOLO, int8, channels last": (
        "633e77c277a0",
        "2b544386e6a6",
        "edf02f69914e",
        "3fe1e3113c19",
        "95f3a94bd258",
        "2ad175942ff4",
        "030d0850d3bb",
    ),
    "YOLO, uint8": (
        "fd5c076b3308",
        "b6b2893c41bf",
        "811f5cad369a",
        "9d849f598914",
        "6d24b627b272",
        "9c92e0e280be",
        "cdeb52b5d20b",
    ),
    "YOLOX": (
        "9db962f970d7",
        "52d2916fbeb8",
        "33d7fddecfef",
        "fa3533caedf8",
        "8d86a0ca99c6",
        "94f1db1a3bdd",
        "ab25440193b8",
    ),
    "DETR": (
        "46c303beee12",
        "e567430a4052",
        "1de11bd03b37",
        "9d1632137d9e",
        "0bbf691b68d3",
        "06eac9162a66",
        "8679b20306d6",
    ),
    "NanoDet": (
        "887a931285a5",
        "0e4109a0e622",
        "74630b197203",
        "65e025ebb236",
        "add3be3bc231",
        "186ce71f79a4",
        "cb2591a4fedc",
    ),
    "MobileNet-SSD, channels last": (
        "14c73da2a718",
        "d40ddc5ba687",
        "7576aae8b370",
        "ae1024221c3f",
        "f83aac34c831",
        "d17062f134d2",
        "c6c1fc7cb721",
    ),
    "MobileNet-SSD, int8": (
        "b4a9c0319619",
        "aae904da5239",
        "694353178b61",
        "c08e61525d19",
        "e09cb03e563d",
        "d96c1000bac2",
        "9f6473c2ec8c",
    ),
    "classification": (
        "46c303beee12",
        "56d19c4aeabc",
        "dc5500fcfaf7",
        "49e219b8bd17",
        "aa04648c7e32",
        "9a4126bd1d50",
        "ca65e3d34741",
    ),
    "grey": (
        "c53a351fa17f",
        "4a7bd9125abf",
        "ff995b1bbe1b",
        "2bef088a1cf3",
        "6c3cea6b0b49",
        "aac1b453ec82",
        "c68168b1b97e",
    ),
}


def made(height: int, width: int) -> np.ndarray:
    """A picture from whole numbers alone, with slopes, edges and noise. uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    slopes = np.stack((x * 3 + y, y * 5 + x * y // 7, x * x // 11 + y * 3), axis=-1)
    noise = (slopes * 1_103_515_245 + 12_345) // 65_536 % 64
    return ((slopes + noise) % 256).astype(np.uint8)


def fed(convention: str, size: str) -> str:
    """The beginning of the SHA-256 of the bytes."""
    changes = dict(BASE, **CONVENTIONS[convention])
    dtype, quantization = changes.pop("dtype", "float32"), changes.pop("quantization", None)
    tall, wide, height, width = SIZES[size]
    spec = TensorSpec("images", (1, 3, height, width), dtype, quantization)
    plan = Plan(height=height, width=width, channels_last=changes.pop("channels_last", False), spec=spec, **changes)
    out = plan.new_input()
    plan.apply(made(tall, wide), out[0])
    return hashlib.sha256(out.astype(out.dtype.newbyteorder("<")).tobytes()).hexdigest()[:12]


def test_the_table_has_every_size():
    assert set(EXPECTED) == set(CONVENTIONS)
    assert {len(hashes) for hashes in EXPECTED.values()} == {len(SIZES)}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_feed_is_the_same_bytes_on_every_machine(convention):
    here = tuple(fed(convention, size) for size in SIZES)
    assert dict(zip(SIZES, here, strict=True)) == dict(zip(SIZES, EXPECTED[convention], strict=True)), (
        f"{platform.machine()} feeds other bytes"
    )


def test_a_machine_that_computes_in_integers_feeds_the_same_bytes(monkeypatch):
    monkeypatch.setattr(resize.platform, "machine", lambda: "aarch64")
    assert tuple(fed("YOLO, int8, channels last", size) for size in SIZES) == EXPECTED["YOLO, int8, channels last"]


if __name__ == "__main__":
    for name in CONVENTIONS:
        hashes = "".join(f"        {fed(name, size)!r},\n" for size in SIZES)
        sys.stdout.write(f"    {name!r}: (\n{hashes}    ),\n")
