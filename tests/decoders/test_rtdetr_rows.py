from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import decoder_choice

HEAD = {"head": "RTDETRDecoder"}


def near_corner(scores):
    """Centre (.2, .25), sides .15 and .1 with class 2 at .9; doubts whose sizes go beyond their centres."""
    random = np.random.default_rng(0)
    rows = np.zeros((300, 4))
    rows[:, :2] = random.uniform(0.02, 0.2, (300, 2))
    rows[:, 2:] = rows[:, :2] * random.uniform(1.1, 1.9, (300, 2))
    rows[0] = (0.2, 0.25, 0.35, 0.4)
    behind = np.zeros((300, 2 if scores is None else scores))
    if scores is None:
        behind[:, 0] = np.linspace(0.05, 0, 300)
        behind[0] = (0.9, 2)
    else:
        behind[:] = random.uniform(0.001, 0.02, behind.shape)
        behind[0, 2] = 0.9
    return {"output0": np.concatenate((rows, behind), axis=1)[None].astype(np.float32)}


@pytest.mark.parametrize(("scores", "name"), [(None, "rtdetr-rows"), (3, "rtdetr-scores")])
@pytest.mark.parametrize("size", [(640, 640), (480, 640)])
def test_the_head_in_the_metadata_tells_rows_from_corners(scores, name, size, evidence):
    """Ultralytics since 2026 (ultralytics/ultralytics#26142) writes `head`; 300 rows are stride 32 of 480 x 640."""
    outputs = near_corner(scores)
    known = replace(evidence({}, size, outputs), metadata=HEAD)
    choice = decoder_choice.choose(known, decoders.BUILTIN)
    assert choice.decoder.name == name
    assert (choice.match.conventions["resize"], choice.match.conventions["box_units"]) == ("stretch", "unit")
    found = choice.decode(outputs, Frame(*size, 0.5, known.card))
    np.testing.assert_allclose(found.boxes, [[0.025, 0.05, 0.375, 0.45]], atol=1e-6)
    assert found.classes.tolist() == [2]


def test_rows_that_may_be_corners_as_well_are_refused_without_the_head(evidence):
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(evidence({}, (640, 640), near_corner(None)), decoders.BUILTIN)
    assert 'decoder="rtdetr-rows"' in refusal.value.hint
    assert 'decoder="end2end"' in refusal.value.hint
