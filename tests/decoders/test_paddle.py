from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Graph, Node
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import decoder_choice


def encode(rows, height, width, random):
    count = 40
    corners = random.uniform(0, 200, (count, 2))
    table = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
    scores = np.sort(random.uniform(0.011, 0.1, (count, 1)), axis=0)[::-1]
    table = np.concatenate((random.integers(0, 4, (count, 1)), scores, table), axis=1)
    for index, row in enumerate(rows):
        table[index] = (row[5], row[4], *row[:4])
    return {"multiclass_nms3_0.tmp_0": table.astype(np.float32), "multiclass_nms3_0.tmp_2": np.array([count], np.int32)}


COMMON = {"encode": encode, "inputs": ("im_shape", "scale_factor"), "large": None}
HEADS = {
    "paddle": {**COMMON, "rivals": ("paddle-plain",)},
    "paddle-plain": {**COMMON, "rivals": ("paddle",)},
    "paddle/fed as the user says": {
        **COMMON,
        "card": {"mean": 0.0, "std": 1.0, "scale": 1 / 255, "color": "rgb", "resize": "stretch"},
    },
}


def test_the_row_that_means_nothing_is_left_out(evidence):
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "paddle")
    outputs = {"rows": np.full((1, 6), -1, np.float32), "count": np.zeros(1, np.float32)}
    known = evidence({}, (320, 320), outputs)
    assert len(decoder.matches(known).decode(outputs, Frame(320, 320, 0.0, known.card))) == 0


def takes_means(bins, op="MatMul"):
    """A graph that ends as PaddleDetection's heads do: a softmax, and its mean by a product with 0, 1, 2 …"""
    nodes = (
        Node("Softmax", inputs=("x",), outputs=("p",)),
        Node(op, inputs=("p", "project"), outputs=("side",)),
        Node("NonMaxSuppression", inputs=("side", "scores"), outputs=("rows",)),
    )
    return Graph(nodes, ("image",), ("rows",), constants={"project": np.arange(bins, dtype=np.float32)[:, None]})


def test_picodet_is_known_by_its_bins_from_pp_yoloe_plus(evidence):
    """PaddleDetection 2.8: picodet_v2.yml has reg_max 7, ppyoloe_plus_crn.yml the default of ppyoloe_head.py, 16."""
    outputs = encode(np.empty((0, 6)), 320, 320, np.random.default_rng(0))
    known = evidence(HEADS["paddle"], (320, 320), outputs)
    for op in ("MatMul", "Conv"):
        picodet = replace(known, graph=lambda op=op: takes_means(8, op))
        choice = decoder_choice.choose(picodet, decoders.BUILTIN)
        assert choice.decoder.name == "paddle"
        assert choice.match.conventions["mean"] == (0.485, 0.456, 0.406)
    with pytest.raises(DecoderAmbiguous, match="paddle-plain"):
        decoder_choice.choose(replace(known, graph=lambda: takes_means(17)), decoders.BUILTIN)
