"""A model that cannot be fed wrongly unseen, and files beside it as an exporter writes them."""

from __future__ import annotations

import json

import pytest

from edgerun import Detector
from edgerun.dialects import BUILTIN
from edgerun.interpretation import card_fields
from edgerun.interpretation.claims import stated

NAMES = ("red", "green", "blue")
TRUTH = {"red": (16, 0, 32, 16), "green": (64, 16, 80, 32), "blue": (0, 48, 16, 64)}


@pytest.fixture
def write(tmp_path):
    """Writes files into the folder of the model: name -> text, bytes, or what becomes JSON. Gives the folder."""

    def write(files, folder=tmp_path):
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def finds(colours, squares, write):
    """Loads a detector of colours [64, 96] with such files beside it and looks at three squares; gives its card.

    Every square must be found where it is and under its own name, so that colours, scale and sizes are right.
    """

    def finds(files=(), load=None, **model):
        path = colours(**model)
        write(dict(files))
        with Detector.load(path, **{"labels": None, **(load or {})}) as detector:
            rows = detector(squares, nms="none", conf=0.9)
            names = detector.labels or NAMES
            found = {
                names[row.class_id]: row.box
                for row in rows
                if row.score > 0.99 and abs(row.box[2] - row.box[0] - 16) < 1e-3
            }
            assert found == TRUTH
            return detector.card

    return finds


@pytest.fixture
def gathered(tmp_path, write):
    """The card of a model of this name from files beside it alone, as all dialects read it."""

    def gathered(files=(), name="model.onnx", metadata=None, **arguments):
        write(dict(files))
        return card_fields.fold(stated(tmp_path / name, metadata or {}, BUILTIN, arguments))

    return gathered
