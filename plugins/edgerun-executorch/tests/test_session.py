from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Delegate
from edgerun_executorch import ExecuTorchBackend

DATA = Path(__file__).with_name("data")


def test_a_program_that_changes_its_input_in_place_leaves_the_feed_as_it_is_and_gives_what_forward_returned():
    # torch 2.13 and executorch 1.5.1: x /= 255; return relu(x), x.sum()
    backend = ExecuTorchBackend()
    health = backend.health()
    if not health.ok:
        pytest.skip(health.reason)
    session = backend.open(DATA / "in_place.pte", Delegate("cpu"), 1)
    assert [spec.shape for spec in session.outputs] == [(1, 3, 8, 8), ()]
    feed = np.full((1, 3, 8, 8), 51, np.float32)
    for _ in range(2):
        result = session.run({"input_0": feed})
        assert (feed == 51).all()
        np.testing.assert_allclose(result["output_0"], 0.2, rtol=1e-6)
        np.testing.assert_allclose(result["output_1"], 0.2 * 192, rtol=1e-5)
