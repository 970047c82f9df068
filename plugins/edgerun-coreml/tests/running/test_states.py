from __future__ import annotations

import numpy as np
import pytest

from edgerun_coreml.running.states import State


def new():
    return State(
        {"sum": np.zeros((1, 2), np.float32), "half": np.zeros(1, np.float32)}, {"sum": "fp32", "half": "fp16"}
    )


def test_buffers_are_zero_at_first_and_keep_what_is_written():
    state = new()
    assert state.read_state("sum").tolist() == [[0, 0]]
    state.write_state("sum", [[1.5, 2]])
    assert state.read_state("sum").tolist() == [[1.5, 2]]
    assert state.names == ("sum", "half")


def test_reading_gives_a_copy():
    state = new()
    state.read_state("sum")[:] = 9
    assert state.read_state("sum").tolist() == [[0, 0]]


def test_fp16_buffers_keep_what_fp16_can_hold():
    state = new()
    state.write_state("half", np.array([0.1]))
    assert state.read_state("half").dtype == np.float32
    assert state.read_state("half")[0] == np.float32(np.float16(0.1))
    state.update({"half": np.array([1e6], np.float32)})
    assert np.isinf(state.read_state("half")[0])


def test_names_and_shapes_are_looked_at():
    state = new()
    with pytest.raises(RuntimeError, match="no state 'other'; there are: sum, half"):
        state.read_state("other")
    with pytest.raises(RuntimeError, match=r"has the shape \(1, 2\), not \(2,\)"):
        state.write_state("sum", np.zeros(2))
    with pytest.raises(RuntimeError, match="holds numbers"):
        state.write_state("half", np.array(["x"]))
