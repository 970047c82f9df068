from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.decoders import blazeface
from edgerun.heads.requirements import Unmet
from edgerun.interpretation import decoder_choice


def encode(rows, height, width, random, *, ladder=((8, 2), (16, 6)), points=6, split=False, flat=False):
    parts = []
    for stride, each in ladder:
        lines, columns = -(-height // stride), -(-width // stride)
        count = lines * columns * each
        scores, regressors = random.normal(-6, 1, count), random.normal(0, 10, (count, 4 + 2 * points))
        for row in rows if stride == ladder[0][0] else ():
            x1, y1, x2, y2, score, _ = row
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            line, column = int(y / height * lines), int(x / width * columns)
            index = (line * columns + column) * each + each - 1
            centre = np.array(((column + 0.5) / columns * width, (line + 0.5) / lines * height))
            corners = np.array([(x1, y1), (x2, y1), (x, y), (x1, y2), (x2, y2), (x, y1), (x, y2)])[:points]
            scores[index] = np.log(score / (1 - score))
            regressors[index] = np.concatenate(((x, y) - centre, (x2 - x1, y2 - y1), (corners - centre).reshape(-1)))
        table = scores[None] if flat else scores[None, :, None]
        parts.append((table.astype(np.float32), regressors[None].astype(np.float32)))
    if split:
        return {f"Identity_{i}": part[kind] for i, (kind, part) in enumerate((k, p) for k in (0, 1) for p in parts)}
    return {
        "regressors": np.concatenate([part[1] for part in parts], axis=1),
        "classificators": np.concatenate([part[0] for part in parts], axis=1),
    }


def head(size, **habits):
    return {
        "encode": partial(encode, **habits), "classes": 1, "keypoints": habits.get("points", 6),
        "sizes": (size,), "large": None, "image": "hwc",
    }  # fmt: skip


HEADS = {
    "blazeface": head((128, 128)),
    "blazeface/back camera, split": head((256, 256), ladder=((16, 2), (32, 6)), split=True),
    "blazeface/full range": head((192, 192), ladder=((4, 1),)),
    "blazeface/flat scores": head((128, 128), flat=True),
    "blazeface/full range, split and flat": head((192, 192), ladder=((4, 1),), split=True, flat=True),
    "blazeface/another grid": head((120, 160), ladder=((8, 2), (16, 6), (32, 2))),
    "blazeface/hands": head((192, 192), points=7),
    "blazeface/bodies": head((224, 224), ladder=((8, 2), (16, 2), (32, 6)), points=4),
}


def test_faces_are_fed_minus_one_to_one_and_hands_nought_to_one(evidence):
    for name, size, mean in (("blazeface", 128, 1.0), ("blazeface/hands", 192, None)):
        outputs = HEADS[name]["encode"](np.empty((0, 6)), size, size, np.random.default_rng(0))
        match = decoder_choice.choose(evidence(HEADS[name], (size, size), outputs), decoders.BUILTIN).match
        assert match.conventions.get("mean") == mean


def test_a_hand_is_called_a_hand_and_is_kept_from_a_half(evidence):
    """MediaPipe Tasks 1.2.3: HandDetectorGraph and its siblings take min_detection_confidence 0.5."""
    for name, size, label in (("blazeface", 128, "face"), ("blazeface/hands", 192, "hand")):
        outputs = HEADS[name]["encode"](np.empty((0, 6)), size, size, np.random.default_rng(0))
        match = decoder_choice.choose(evidence(HEADS[name], (size, size), outputs), decoders.BUILTIN).match
        assert match.conventions["labels"] == (label,)
        assert (match.conventions["conf"], match.conventions["iou"]) == (0.5, 0.3)


def test_cells_fill_the_input_where_a_stride_does_not_divide_it():
    """SsdAnchorsCalculator: y_center = (y + anchor_offset_y) / feature_map_height; 120 / 16 is 8 lines of 15 pixels."""
    points = blazeface._points(((16, 1),), 120, 160)
    assert len(points) == 80
    np.testing.assert_allclose(points[-1], (152, 112.5))


def test_a_grid_that_nobody_published_is_read_where_the_options_leave_one():
    """1120 anchors at 120 x 160: two of 15 x 20, six of 8 x 10 and two of 4 x 5 cells, and no other five layers."""
    assert blazeface._ladder(1120, 120, 160) == (((8, 2), (16, 6), (32, 2)), Sure.LIKELY)
    assert blazeface._ladder(896, 128, 128) == (((8, 2), (16, 6)), Sure.CERTAIN)
    with pytest.raises(Unmet, match="not the anchors"):
        blazeface._ladder(897, 128, 128)
    with pytest.raises(Unmet, match="3 grids"):
        blazeface._ladder(256, 128, 128)
