"""The notebook of the documentation, run from top to bottom: it shows a drawn picture, a card and a report."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector
from edgerun.media import images

NOTEBOOK = Path(__file__).parents[1] / "docs" / "results.ipynb"
PICTURE = Path(__file__).parents[1] / "demo" / "pictures" / "parcel.jpg"


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_shows_a_drawn_picture_and_tables():
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed; `make notebook` runs this")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed; `make notebook` runs this")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed; `make notebook` runs this")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": NOTEBOOK.parent}}).execute()
    shown = [output.data for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    results, best, card, report = shown
    drawn = Detector.load("codes")(PICTURE).draw()
    picture = images.decode(base64.b64decode(results["image/png"]))
    assert picture.shape == drawn.shape and np.array_equal(picture, drawn)
    assert results["text/html"].startswith("<img ") and "qr_code" in results["text/html"]
    assert "pdf417" in results["text/html"] and "pdf417" not in best["text/html"]
    assert "<caption>model card</caption>" in card["text/html"] and "letterbox" in card["text/html"]
    assert "runs on" in report["text/html"]
