"""States of programs: read, written, and handed out of branches and loops."""

from __future__ import annotations

import numpy as np
import pytest
from mil_program import Block, Program

from edgerun_coreml.running.session import open_session


def test_a_state_is_read_updated_and_handed_on():
    program = Program(18)
    x, state = program.input("x", "fp32", (2,)), program.state("total", "fp16", (2,))
    before = program.op("read_state", ("fp16", (2,)), input=state)
    sum_now = program.op("add", ("fp16", (2,)), x=before, y=program.op("cast", ("fp16", (2,)), x=x, dtype="fp16"))
    program.op("write_state", [], input=state, data=sum_now)
    after = program.op("read_state", ("fp16", (2,)), input=state)
    translation = program.translate(program.op("cast", ("fp32", (2,)), x=after, dtype="fp32"))
    (entry,) = translation.states
    assert [port.name for port in translation.inputs] == ["x"]
    session = open_session(translation.graph)
    contents = np.zeros(entry.shape, np.float32)
    for expected in ([1, 2], [2, 4]):
        names = [translation.outputs[0].tensor, entry.updated]
        result, contents = session.run(names, {"x": np.float32([1, 2]), entry.tensor: contents})
        assert result.tolist() == contents.tolist() == expected


def run_with_state(program, output, contents, **feeds):
    """The output and what is left in the state."""
    translation = program.translate(output)
    (entry,) = translation.states
    names = [translation.outputs[0].tensor, entry.updated]
    return open_session(translation.graph).run(
        names, {entry.tensor: np.float32(contents), **{key: np.asarray(item) for key, item in feeds.items()}}
    )


@pytest.mark.parametrize("x", [1, -1])
def test_a_state_written_in_a_branch_is_handed_on(x):
    program = Program(18)
    fed, state = program.input("x", "fp32", ()), program.state("total", "fp32", (2,))
    sides = [Block(prefix="a_"), Block(prefix="b_")]
    doubled = sides[0].op(
        "mul", ("fp32", (2,)), x=sides[0].op("read_state", ("fp32", (2,)), input=state), y=np.float32(2)
    )
    sides[0].op("write_state", [], input=state, data=doubled)
    for side in sides:
        five = side.op("add", ("fp32", ()), x=fed, y=np.float32(4))
        side.outputs = [
            side.op("add", ("fp32", (2,)), x=side.op("read_state", ("fp32", (2,)), input=state), y=five).text
        ]
    positive = program.op("greater", ("bool", ()), x=fed, y=np.float32(0))
    result = program.op("cond", ("fp32", (2,)), sides, pred=positive)
    after = program.op("read_state", ("fp32", (2,)), input=state)
    result, contents = run_with_state(
        program, program.op("add", ("fp32", (2,)), x=result, y=after), [3, 3], x=np.float32(x)
    )
    kept = 6 if x > 0 else 3
    assert contents.tolist() == [kept, kept]
    assert result.tolist() == [2 * kept + 4 + x] * 2


def test_a_state_written_in_a_loop_is_handed_on():
    program = Program(18)
    rounds, state = program.input("rounds", "int32", ()), program.state("total", "fp32", (2,))
    condition, body = Block(prefix="c_"), Block(prefix="b_")
    left = condition.input("left", "int32", ())
    condition.outputs = [condition.op("greater", ("bool", ()), x=left, y=np.int32(0)).text]
    left = body.input("b_left", "int32", ())
    more = body.op("add", ("fp32", (2,)), x=body.op("read_state", ("fp32", (2,)), input=state), y=np.float32(0.5))
    body.op("write_state", [], input=state, data=more)
    body.outputs = [body.op("sub", ("int32", ()), x=left, y=np.int32(1)).text]
    end = program.op("while_loop", ("int32", ()), [condition, body], loop_vars=[rounds])
    after = program.op("read_state", ("fp32", (2,)), input=state)
    result = program.op("add", ("fp32", (2,)), x=after, y=program.op("cast", ("fp32", ()), x=end, dtype="fp32"))
    for count in (0, 3):
        found, contents = run_with_state(program, result, [1, 2], rounds=np.int32(count))
        assert contents.tolist() == found.tolist() == [1 + count / 2, 2 + count / 2]
