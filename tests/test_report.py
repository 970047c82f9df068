"""What a detector says of itself: one schema for every runtime."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edgerun import Detector, replay
from edgerun.contract import Coverage, Placed
from edgerun.errors import BackendUnavailable
from edgerun.report import SCHEMA, _coverage, stragglers, summary
from edgerun.tensors import TensorSpec

MODELS = sorted((Path(__file__).parent / "data" / "codes_models").glob("codes*"))
PICTURE = Path(__file__).parents[1] / "demo" / "pictures" / "parcel.jpg"


@pytest.fixture(scope="module")
def schema():
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def loaded(path):
    try:
        return Detector.load(path, conf=0.25)
    except BackendUnavailable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("path", [*MODELS, "codes"], ids=lambda path: Path(path).name)
def test_every_runtimes_report_keeps_to_the_schema(schema, path):
    with loaded(path) as detector:
        before = detector.report().to_dict()
        schema.validate(before)
        assert set(before) == set(schema.schema["properties"])
        profiled = detector.profile(PICTURE)
        after = detector.report().to_dict()
        schema.validate(after)
    if profiled.evidence == "measured":
        assert after["coverage"]["evidence"] == "measured"
        assert sum(after["coverage"]["time"].values()) == pytest.approx(1, abs=0.01)
        if before["coverage"]["nodes"]:
            assert set(after["coverage"]["nodes"]) == set(before["coverage"]["nodes"])
    else:
        assert "offers no profile" in profiled.source
        assert "offers no profile" in after["coverage"]["source"]


def test_a_recording_says_that_nothing_is_known(schema, tmp_path):
    rows = np.random.default_rng(0).random((1, 7, 84), np.float32)
    rows[:, :4] *= 64
    specs = [TensorSpec("images", (1, 3, 64, 64))], [TensorSpec("output0", rows.shape)]
    replay.write(tmp_path / "recording.npz", *specs, {}, [(0, {"output0": rows})])
    with Detector.load(tmp_path / "recording.npz") as detector:
        told = detector.report()
    schema.validate(told.to_dict())
    assert told.coverage.evidence == "none"
    assert summary(told.coverage) == "unknown: replay does not tell which node runs where"
    assert "coverage  unknown: replay" in str(told)


SEEN = Coverage(
    "measured",
    "a profile",
    (
        Placed("Conv", "npu", milliseconds=3.0, nodes=7),
        Placed("TopK", "cpu", "best", (1, None, 4), "it sorts", 0.5),
        Placed("TopK", "cpu", "worst", (1, None, 4), "it sorts", 0.5),
    ),
)


def test_one_line_tells_counts_shares_and_the_evidence():
    words = "7 nodes on npu (75% of the time), 2 nodes on cpu (25% of the time) (measured: a profile)"
    assert summary(SEEN) == words


def test_what_runs_elsewhere_is_told_once_per_kind_and_shape():
    assert stragglers(SEEN, "npu") == [("2 x TopK [1, ?, 4]", "cpu", "1.000", "it sorts")]
    assert stragglers(SEEN, "cpu") == [("7 x Conv", "npu", "3.000", "")]
    unmeasured = Coverage("assigned", "a word", (Placed("Conv", "npu"),))
    assert stragglers(unmeasured, "cpu") == [("Conv", "npu", "", "")]


def test_the_schema_knows_what_is_no_coverage(schema):
    part = schema.evolve(schema={**schema.schema["$defs"]["coverage"]})
    good = _coverage(SEEN, "npu")
    part.validate(good)
    for bad in ({"evidence": "guessed"}, {"evidence": "none"}, {"nodes": {}}, {"source": ""}, {"more": 1}):
        assert not part.is_valid(good | bad), bad


def test_a_notebook_shows_a_report_with_its_card():
    with loaded("codes") as detector:
        html = detector.report()._repr_html_()
    assert html.count("<table>") == 2
    assert '<td style="text-align: left">runs on</td><td style="text-align: left">onnxruntime' in html
    assert "<caption>model card</caption>" in html
