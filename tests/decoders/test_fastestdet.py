from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Sure


def encode(rows, height, width, random, *, last=False):
    lines, columns = -(-height // 16), -(-width // 16)
    grid = random.normal(0, 1, (9, lines, columns))
    grid[0] = random.uniform(0.0001, 0.02, (lines, columns))
    shares = np.exp(random.normal(0, 1, (4, lines, columns)))
    grid[5:] = shares / shares.sum(axis=0)
    for x1, y1, x2, y2, score, number in rows:
        x, y = (x1 + x2) / 2 / width * columns, (y1 + y2) / 2 / height * lines
        column, line = int(x), int(y)
        share = 0.97
        grid[:, line, column] = 0.01
        grid[0, line, column] = (score / share**0.4) ** (1 / 0.6)
        grid[1:3, line, column] = np.arctanh((x - column, y - line))
        sides = np.array(((x2 - x1) / width, (y2 - y1) / height))
        grid[3:5, line, column] = np.log(sides / (1 - sides))
        grid[5 + int(number), line, column] = share
    grid = grid.astype(np.float32)
    return {"758": grid.transpose(1, 2, 0)[None] if last else grid[None]}


HEADS = {
    "fastestdet": {"encode": encode, "large": (1760, 1760)},
    "fastestdet/channels last": {"encode": partial(encode, last=True), "large": (1760, 1760), "image": "hwc"},
}


def test_shares_that_do_not_add_up_to_one_speak_against_it(evidence):
    outputs = encode(np.empty((0, 6)), 352, 352, np.random.default_rng(0))
    outputs["758"][:, 5:] /= 2
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "fastestdet")
    match = decoder.matches(evidence({}, (352, 352), outputs))
    assert match.sure is Sure.NO
    assert "add up to 1" in match.why


@pytest.mark.parametrize("labels", [3, 5])
def test_a_wrong_number_of_labels_speaks_against_it(evidence, labels):
    outputs = encode(np.empty((0, 6)), 352, 352, np.random.default_rng(0))
    (decoder,) = (entry for entry in decoders.BUILTIN if entry.name == "fastestdet")
    known = evidence({}, (352, 352), outputs, labels=[str(number) for number in range(labels)])
    assert decoder.matches(known).sure is Sure.NO
