"""A way of running a model, in this process and in one of its own: the same answers, and no crash comes through."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from edgerun.errors import BackendUnavailable, DelegateUnavailable, InputError, ModelUnreadable
from edgerun.tools.agreement import compare
from edgerun.tools.tune.child_process import SubprocessRunner
from edgerun.tools.tune.in_process import InProcessRunner
from edgerun.tools.tune.runner import Candidate

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}
CPU = Candidate("onnxruntime", "cpu", 1)

CRASHING = """
import os
from pathlib import Path
from edgerun import hookimpl
from edgerun.contract import Delegate, Health

class Backend:
    name, formats, specimen = "crashing", ("crash",), Path("double.crash")
    def health(self):
        return Health(True, "1")
    def delegates(self):
        return [Delegate("cpu"), Delegate("exits")]
    def open(self, path, delegate, threads):
        print("native noise that is no line of JSON", flush=True)
        if delegate.name == "exits":
            os._exit(7)
        os.abort()

@hookimpl
def edgerun_register_backends():
    return [Backend()]
"""


@pytest.fixture
def opened():
    """Closes what a test opens."""
    lanes = []

    def keep(lane):
        lanes.append(lane)
        return lane

    yield keep
    for lane in lanes:
        lane.close()


def test_a_process_of_its_own_gives_the_same(onnxruntime, colours, opened):
    path = colours(batch=None, metadata=NAMES)
    here, apart = opened(InProcessRunner(path, CPU, {}, [])), opened(SubprocessRunner(path, CPU, {}, []))
    assert apart.facts.size == here.facts.size == (64, 96)
    assert apart.facts.batch == here.facts.batch == 8
    assert not apart.facts.quantised
    for batch in (1, 3):
        mine, theirs = here.answers(batch), apart.answers(batch)
        assert len(mine) == len(theirs) == 3
        found = compare(mine, theirs)
        assert found.found == found.judged > 0
        assert (found.pixels, found.score) == (0, 0)
    times = apart.measure(4, 2)
    assert len(times) == 4
    assert all(seconds > 0 for seconds in times)


def test_the_threads_and_the_options_reach_the_model(onnxruntime, colours, opened, squares, tmp_path):
    import cv2

    picture = tmp_path / "squares.png"
    cv2.imwrite(str(picture), squares)
    path = colours(metadata=NAMES)
    (plain,) = opened(SubprocessRunner(path, CPU, {}, [str(picture)])).answers()
    (swapped,) = opened(SubprocessRunner(path, CPU, {"color": "bgr"}, [str(picture)])).answers()
    assert np.flatnonzero(plain["scores"] > 0.99).size == np.flatnonzero(swapped["scores"] > 0.99).size > 0
    assert not np.array_equal(plain["classes"], swapped["classes"])


@pytest.mark.parametrize(
    ("candidate", "error", "words"),
    [
        (Candidate("onnxruntime", "cuda", 1), DelegateUnavailable, "cuda"),
        (Candidate("nobody", "cpu", 1), Exception, "nobody"),
    ],
)
def test_what_cannot_be_opened_says_why(onnxruntime, colours, candidate, error, words):
    with pytest.raises(error, match=words):
        SubprocessRunner(colours(metadata=NAMES), candidate, {}, [])


def test_a_damaged_model_says_so(onnxruntime, tmp_path):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(b"\x08\x08" + bytes(100))
    with pytest.raises(ModelUnreadable):
        SubprocessRunner(path, CPU, {}, [])


def test_an_option_that_no_other_process_can_take_is_named(colours):
    with pytest.raises(InputError, match="another process"):
        SubprocessRunner(colours(metadata=NAMES), CPU, {"inputs": {"size": np.zeros(2)}}, [])


@pytest.fixture
def crashing(tmp_path, monkeypatch):
    """A plugin, installed for this test, that takes its process down; and a model of it."""
    (tmp_path / "edgerun_crashing.py").write_text(CRASHING)
    about = tmp_path / "edgerun_crashing-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: edgerun-crashing\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[edgerun]\ncrashing = edgerun_crashing\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    path = tmp_path / "model.crash"
    path.write_bytes(b"boom")
    return path


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_one_that_kills_its_process_is_named_and_this_process_lives(crashing):
    with pytest.raises(BackendUnavailable, match="its process was killed by SIGABRT"):
        SubprocessRunner(crashing, Candidate("crashing", "cpu", 1), {}, [])


def test_one_that_ends_its_process_is_named_with_its_code(crashing):
    with pytest.raises(BackendUnavailable, match="its process ended with code 7"):
        SubprocessRunner(crashing, Candidate("crashing", "exits", 1), {}, [])


def test_one_that_never_answers_is_given_up(onnxruntime, colours):
    with pytest.raises(BackendUnavailable, match="no answer within"):
        SubprocessRunner(colours(metadata=NAMES), CPU, {}, [], patience=0.0)


def test_a_model_whose_graph_nobody_reads_takes_part(onnxruntime, opened):
    path = Path(__file__).parents[2] / "data/codes_models/codes.ort"
    assert not opened(InProcessRunner(path, CPU, {}, [])).facts.quantised


@pytest.mark.parametrize("eight_bits", [False, True])
def test_a_model_of_eight_bits_is_known_by_its_file(onnxruntime, colours, opened, eight_bits, tmp_path):
    path = colours(metadata=NAMES)
    if eight_bits:
        import onnx
        from onnx import numpy_helper

        model = onnx.load(path)
        model.graph.initializer.append(numpy_helper.from_array(np.ones(5000, np.int8), "weights"))
        onnx.save(model, path)
    assert opened(InProcessRunner(path, CPU, {}, [])).facts.quantised == eight_bits
