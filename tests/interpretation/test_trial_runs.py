from __future__ import annotations

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


def test_a_graph_that_cannot_be_read_is_none():
    def damaged(path):
        raise ModelUnreadable("cut")

    graph = Graph((), (), (), {}, {})
    assert read_graph(SimpleNamespace(backend=SimpleNamespace(), file=Path("m"))) is None
    assert read_graph(SimpleNamespace(backend=SimpleNamespace(graph=damaged), file=Path("m"))) is None
    assert read_graph(SimpleNamespace(backend=SimpleNamespace(graph=lambda path: graph), file=Path("m"))) is graph
