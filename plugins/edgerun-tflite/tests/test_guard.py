"""What is not seen to be safe is opened in a process of its own first; a plain file costs nothing."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Delegate, Graph, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import TensorSpec
from edgerun_tflite import TfliteBackend, guard

DIES = "import os; os._exit(134)"  # as a process ends that was aborted


def plain(op="ADD", dtype="float32", inputs=("x", "w"), outputs=("y",)):
    """x and weights to y."""
    values = {name: TensorSpec(name, (1, 4), dtype) for name in "xwy"}
    return Graph((Node(op, "", inputs, outputs),), ("x",), ("y",), values)


DOUBTS = {
    "plain": (plain(), 1, ""),
    "an input that is left out": (plain(inputs=("x", "w", "")), 1, ""),
    "a variable": (plain("READ_VARIABLE"), 1, "asks for READ_VARIABLE"),
    "control flow": (plain("WHILE"), 1, "asks for WHILE"),
    "somebody's own": (plain("MyOwn"), 1, "asks for MyOwn"),
    "texts": (plain(dtype="string"), 1, "holds values of string"),
    "a second graph": (plain(), 2, "holds 2 graphs"),
    "used before it is made": (plain(inputs=("x", "y")), 1, "uses a value that nothing gives"),
    "never made": (plain(outputs=("z",)), 1, "gives a value that nothing makes"),
    "unreadable": (None, 1, "cannot be read to the end"),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_what_is_not_plain_is_named(case):
    graph, graphs, right = DOUBTS[case]
    assert guard.doubt(graph, {"w"}, graphs) == right


@pytest.fixture
def files(author, tmp_path, monkeypatch):
    """A plain file, which gives magnitudes, and one that gives signs by an operator that is not plain."""
    monkeypatch.setenv("EDGERUN_CACHE", str(tmp_path / "cache"))
    if not TfliteBackend().health().ok:
        pytest.skip(TfliteBackend().health().reason)

    def write(name, unusual):
        made = author()
        x, y = made.tensor("x", [1, 4]), made.tensor("y", [1, 4])
        made.operator("SIGN" if unusual else "ABS", [x], [y])
        return made.write(tmp_path / name, [x], [y])

    return write("plain.tflite", False), write("unusual.tflite", True)


def opened(path):
    session = TfliteBackend().open(path, Delegate("cpu"), 1)
    (result,) = session.run({"x": np.float32([[-2, -1, 0, 3]])}).values()
    session.close()
    return result.tolist()


def counting(monkeypatch, tmp_path, ending="sys.exit(0)"):
    """A stand-in for the trial; gives the file in which it leaves a letter each time."""
    count, script = tmp_path / "count", tmp_path / "counts.py"
    count.write_text("")
    script.write_text(f"import os, sys\nopen({str(count)!r}, 'a').write('x')\n{ending}")
    monkeypatch.setattr(guard, "TRIAL", script)
    return count


def test_a_plain_file_is_not_tried(files, monkeypatch, tmp_path):
    count = counting(monkeypatch, tmp_path)
    assert opened(files[0]) == [[2, 1, 0, 3]]
    assert count.read_text() == ""


def test_another_is_tried_once_and_runs_then(files, monkeypatch, tmp_path):
    count = counting(monkeypatch, tmp_path)
    for _ in range(2):
        assert opened(files[1]) == [[-1, -1, 0, 1]]
    assert count.read_text() == "x"


def test_the_real_trial_lets_it_pass(files):
    assert opened(files[1]) == [[-1, -1, 0, 1]]


def test_one_that_kills_its_process_is_refused_and_ours_lives(files, monkeypatch, tmp_path):
    count = counting(monkeypatch, tmp_path, DIES)
    for _ in range(2):
        with pytest.raises(ModelUnreadable, match=r"asks for SIGN, so .* brought it down \(exit status 134\)"):
            opened(files[1])
    assert count.read_text() == "xx"  # what failed is not remembered


def test_one_that_never_ends_is_refused(files, monkeypatch, tmp_path):
    counting(monkeypatch, tmp_path, "import time; time.sleep(60)")
    monkeypatch.setattr(guard, "TIME_LIMIT", 0.5)
    with pytest.raises(ModelUnreadable, match="never ended"):
        opened(files[1])


def test_what_is_refused_in_an_orderly_way_is_told_in_the_runtimes_words(author, tmp_path, files):
    made = author()
    x, y = made.tensor("x", [1, 4]), made.tensor("y", [1, 4])
    made.operator("MyOwn", [x], [y])
    with pytest.raises(Exception, match=r"[Cc]ustom op"):  # LiteRT's words
        opened(made.write(tmp_path / "own.tflite", [x], [y]))


def test_weights_that_the_file_does_not_hold_are_not_plain(author, tmp_path, files, monkeypatch):
    count = counting(monkeypatch, tmp_path, DIES)
    made = author()
    x, absent, y = made.tensor("x", [1, 4]), made.tensor("absent", [1, 4]), made.tensor("y", [1, 4])
    made.operator("ADD", [x, absent], [y])
    with pytest.raises(ModelUnreadable, match="uses a value that nothing gives"):
        opened(made.write(tmp_path / "absent.tflite", [x], [y]))
    assert count.read_text() == "x"
