from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Graph, TensorSpec
from edgerun.errors import ModelUnreadable
from edgerun.interpretation.trial_runs import TrialRuns, read_graph
from edgerun.processing import model_inputs

CARD = ModelCard(height=32, width=48)


class Session:
    """Answers the largest value that it was fed, once per image, and keeps what it was fed."""

    def __init__(self, shape=(1, 3, 32, 48), outputs=((1, 2),)):
        self.inputs = [TensorSpec("images", shape)]
        self.outputs = [TensorSpec("y", entry) for entry in outputs]
        self.fed = []

    def run(self, feeds):
        self.fed.append(feeds["images"].copy())
        return {"y": np.array([[image.max(), image.min()] for image in self.fed[-1]])}


def runs_on(session):
    opened = SimpleNamespace(session=session, backend=SimpleNamespace(name="made up"), file=Path("model.x"))
    return TrialRuns(opened, model_inputs.find(session.inputs, "model.x"), CARD)


def test_each_image_is_run_once():
    session = Session()
    runs = runs_on(session)
    assert runs.probe("textured") is runs.probe("textured")
    assert runs.probe("blank")["y"].dtype == np.float32
    assert len(session.fed) == 2
    assert np.ptp(session.fed[1]) == 0


def test_other_fields_are_tried_without_a_trace():
    runs = runs_on(Session())
    usual = runs.probe("textured")["y"].max()
    assert runs.fed("textured", {"scale": 1.0})["y"].max() == pytest.approx(255 * usual)
    assert runs.probe("textured")["y"].max() == usual


def test_a_model_whose_outputs_are_declared_is_not_run_for_them():
    session = Session()
    assert runs_on(session).outputs == session.outputs
    assert not session.fed


@pytest.mark.parametrize("outputs", [((1, None),), ()])
def test_sizes_that_are_open_are_those_of_a_run(outputs):
    (spec,) = runs_on(Session(outputs=outputs)).outputs
    assert (spec.name, spec.shape) == ("y", (1, 2))


def test_of_a_fixed_batch_the_first_image_counts():
    session = Session(shape=(4, 3, 32, 48), outputs=((4, 2),))
    runs = runs_on(session)
    assert runs.probe("textured")["y"].shape == (1, 2)
    assert session.fed[0].shape == (4, 3, 32, 48)
    assert (session.fed[0] == session.fed[0][0]).all()
    assert [spec.shape for spec in runs.outputs_of_one] == [(1, 2)]
    assert [spec.shape for spec in runs.outputs] == [(4, 2)]


def test_a_run_that_fails_names_the_runtime_and_asks_for_the_size():
    session = Session()
    session.run = lambda feeds: 1 / 0
    with pytest.raises(ModelUnreadable, match=r"made up opened model\.x, but a trial run .*48 x 32") as refusal:
        runs_on(session).probe("blank")
    assert "imgsz" in refusal.value.hint


def opened_with(backend, session=None):
    return SimpleNamespace(backend=backend, session=session, file=Path("m"))


GRAPH = Graph((), (), (), {}, {})


def test_a_graph_that_cannot_be_read_is_none():
    def damaged(path):
        raise ModelUnreadable("cut")

    assert read_graph(opened_with(SimpleNamespace())) is None
    assert read_graph(opened_with(SimpleNamespace(graph=damaged))) is None
    assert read_graph(opened_with(SimpleNamespace(graph=lambda path: GRAPH))) is GRAPH


def test_a_file_that_its_session_has_parsed_is_not_parsed_again():
    handed_over = [GRAPH, None]
    opened = opened_with(SimpleNamespace(graph=lambda path: "parsed again"), Session())
    opened.session.hand_over_graph = lambda: handed_over.pop(0)
    assert read_graph(opened) is GRAPH
    assert read_graph(opened) == "parsed again"


def test_what_an_earlier_load_has_seen_is_not_run_again():
    asked = []

    class Kept:
        def answer(self, request, sample, run):
            asked.append((request, sample["images"].shape, sample["images"].mean()))
            return {"y": np.array([[0.5, 0.25]])} if "'blank'" in repr(request.split()[0]) else run()

    session = Session()
    opened = SimpleNamespace(session=session, backend=SimpleNamespace(name="made up"), file=Path("model.x"))
    image = model_inputs.find(session.inputs, "model.x")
    runs = TrialRuns(opened, image, replace(CARD, height=320, width=480), Kept())
    assert runs.probe("blank")["y"].tolist() == [[0.5, 0.25]]
    assert not session.fed
    assert runs.probe("textured")["y"].shape == (1, 2)
    assert [array.shape for array in session.fed] == [(1, 3, 320, 480)]
    runs.fed("textured", {"scale": 1.0})
    (_, _, dark), (textured, small, usual), (other, _, bright) = asked
    assert small == (1, 3, 48, 48)  # stands for the whole image
    assert textured != other
    assert "320" in textured
    assert dark != usual
    assert bright == pytest.approx(255 * usual, rel=1e-5)


def test_a_load_that_runs_nothing_makes_no_random_image():
    code = (
        "import sys; from edgerun.media.synthetic import picture, stand_in\n"
        "assert not (stand_in('textured', 48, 48) == picture('blank', 48, 48)).all()\n"
        "assert len(set(stand_in('textured', 48, 48)[:, :, 1].ravel().tolist())) == 256\n"
        "print('numpy.random' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
