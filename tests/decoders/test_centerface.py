from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure
from edgerun.decoders import centerface
from edgerun.errors import DecoderUnknown
from edgerun.interpretation import decoder_choice


def encode(rows, height, width, random, *, order=(0, 1, 2, 3)):
    lines, columns = -(-height // 4), -(-width // 4)
    heatmap = random.uniform(0, 0.05, (1, lines, columns))
    scale, offset = random.uniform(1, 4, (2, lines, columns)), random.normal(0, 0.1, (2, lines, columns))
    landmarks = random.uniform(0, 1, (10, lines, columns))
    for x1, y1, x2, y2, score, _ in rows:
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        line, column = int(y / 4), int(x / 4)
        heatmap[0, line, column] = score
        scale[:, line, column] = np.log(((y2 - y1) / 4, (x2 - x1) / 4))
        offset[:, line, column] = y / 4 - line - 0.5, x / 4 - column - 0.5
        landmarks[:, line, column] = (0, 0, 0, 1, 0.5, 0.5, 1, 0, 1, 1)  # y x of each, as shares of the box
    arrays = (("537", heatmap), ("538", scale), ("539", offset), ("540", landmarks))
    return {arrays[index][0]: arrays[index][1][None].astype(np.float32) for index in order}


HEADS = {
    "centerface": {"encode": encode, "classes": 1, "keypoints": 5},
    "centerface/in another order": {
        "encode": partial(encode, order=(2, 3, 1, 0)), "classes": 1, "keypoints": 5,
    },
}  # fmt: skip


def test_an_export_of_a_stand_in_image_is_refused_with_that_reason(evidence):
    """CenterFace's own file was exported with a stand-in of [10, 3, 32, 32], in which there is no face to be found."""
    for side, sure in ((32, Sure.NO), (63, Sure.NO), (64, Sure.CERTAIN), (320, Sure.CERTAIN)):
        outputs = encode(np.empty((0, 6)), side, side, np.random.default_rng(0))
        (family,) = centerface.DECODERS
        match = family.matches(evidence(HEADS["centerface"], (side, side), outputs))
        assert match.sure is sure, side
        if sure is Sure.NO:
            assert f"{side} x {side} pixels are the size of a stand-in image" in match.why


@pytest.mark.parametrize("alike", [False, True])
def test_a_load_of_such_a_file_says_so(alike, evidence):
    """Where nothing can be found, values need not tell the two outputs of two channels from one another."""
    outputs = encode(np.empty((0, 6)), 32, 32, np.random.default_rng(0))
    if alike:
        outputs["538"] = outputs["539"]
    with pytest.raises(
        DecoderUnknown, match="The outputs are centerface's, but 32 x 32 pixels are the size of a stand"
    ):
        decoder_choice.choose(evidence(HEADS["centerface"], (32, 32), outputs), decoders.BUILTIN)
