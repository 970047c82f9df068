"""What can be said of a model, also of one that is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgerun import models, replay
from edgerun.card import sidecar
from edgerun.contract import Node, Placed, Sure
from edgerun.errors import BackendUnavailable, DecoderAmbiguous, DecoderUnknown, InputError, ModelUnreadable
from edgerun.tensors import TensorSpec
from edgerun.tools import inspection
from edgerun.tools.inspection import _documented
from edgerun.tools.ops.result import OperatorVerdict

NAMES = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "32"}


@pytest.fixture
def strange(tmp_path):
    """A recording whose outputs nobody reads."""
    path = tmp_path / "strange.npz"
    inputs, outputs = [TensorSpec("images", (1, 3, 64, 64))], [TensorSpec("odd", (1, 5, 7))]
    replay.write(path, inputs, outputs, {"author": "nobody"}, [(0, {"odd": np.zeros((1, 5, 7), np.float32)})])
    return path


@pytest.fixture
def doubtful(tmp_path):
    """A recording with two plausible readings: 85 columns are 4 + 81 classes, or 4 + 1 + 80."""
    path = tmp_path / "doubtful.npz"
    anchors = 8 * 8 + 4 * 4 + 2 * 2
    inputs, outputs = [TensorSpec("images", (1, 3, 64, 64))], [TensorSpec("rows", (1, anchors, 85))]
    rows = np.random.default_rng(0).random((1, anchors, 85), np.float32)
    replay.write(path, inputs, outputs, {}, [(0, {"rows": rows})])
    return path


def test_every_field_has_a_source_and_every_other_decoder_a_reason(colours):
    seen = inspection.inspect(colours(metadata=NAMES), conf=0.4)
    assert seen.refusal is None
    assert seen.report.decoder == "yolov8"
    assert seen.card.source("labels") == "ultralytics metadata"
    assert seen.card.source("height") == "the file's input"
    assert seen.card.source("conf") == "argument"
    assert seen.report.conf.value == 0.4
    assert {name for name, _ in seen.verdicts} >= {"yolov5", "yolox", "tfod"}
    assert all(match.why for _, match in seen.verdicts)
    assert seen.metadata["names"] == NAMES["names"]
    assert seen.size > 1000
    plain = json.loads(json.dumps(seen.to_dict()))
    assert plain["card"]["labels"] == ["red", "green", "blue"]
    assert plain["card"]["sources"]["labels"] == "ultralytics metadata"
    assert plain["others"]["tfod"]["sure"] == "no"
    assert "error" not in plain


def test_a_refused_model_shows_what_was_seen_and_said(strange):
    seen = inspection.inspect(strange)
    assert isinstance(seen.refusal, DecoderUnknown)
    assert seen.report is None
    assert [str(spec) for spec in seen.inputs] == ["images float32 [1, 3, 64, 64]"]
    assert [str(spec) for spec in seen.outputs] == ["odd float32 [1, 5, 7]"]
    assert seen.card.height == 64
    assert dict(seen.verdicts)["yolov8"].sure is Sure.NO
    assert seen.metadata == {"author": "nobody"}
    plain = json.loads(json.dumps(seen.to_dict()))
    assert plain["error"]["type"] == "DecoderUnknown"
    assert plain["others"]["yolov8"]["why"]


def test_an_ambiguous_model_shows_both_readings(doubtful):
    seen = inspection.inspect(doubtful)
    assert isinstance(seen.refusal, DecoderAmbiguous)
    sure = [name for name, match in seen.verdicts if match.sure > Sure.NO]
    assert len(sure) >= 2
    assert all(name in seen.refusal.hint for name in sure)


def test_a_named_decoder_that_the_outputs_contradict_is_shown_with_its_reason(strange):
    seen = inspection.inspect(strange, decoder="tfod")
    assert [name for name, _ in seen.verdicts] == ["tfod"]


def test_a_model_that_cannot_be_opened_raises(tmp_path):
    with pytest.raises(ModelUnreadable):
        inspection.inspect(tmp_path / "missing.onnx")


def test_long_metadata_is_cut_to_one_line(colours):
    seen = inspection.inspect(colours(metadata={**NAMES, "notes": "line\n" * 1000}))
    assert len(seen.metadata["notes"]) == inspection.MAX_METADATA_CHARACTERS
    assert "\n" not in seen.metadata["notes"]


def test_a_written_sidecar_says_the_same_again(colours):
    path = colours(metadata=NAMES)
    first = inspection.inspect(path, conf=0.3)
    assert first.sidecar == ""
    written = inspection.write_sidecar(first)
    assert written == path.with_name(path.name + ".edgerun.json")
    second = inspection.inspect(path)
    assert second.sidecar == str(written)
    assert {name: getattr(second.card, name) for name in ("labels", "decoder", "conf", "scale", "color", "resize")} == {
        name: getattr(first.card, name) for name in ("labels", "decoder", "conf", "scale", "color", "resize")
    }
    assert second.card.source("labels") == "sidecar"


def test_a_sidecar_is_not_overwritten_unless_forced(colours):
    path = colours(metadata=NAMES)
    inspection.write_sidecar(inspection.inspect(path, conf=0.3))
    again = inspection.inspect(path, conf=0.6)
    with pytest.raises(InputError, match="exists already") as caught:
        inspection.write_sidecar(again)
    assert "--force" in caught.value.hint
    inspection.write_sidecar(again, force=True)
    assert inspection.inspect(path).report.conf.value == 0.6


def test_a_refused_model_gets_no_sidecar(strange):
    with pytest.raises(DecoderUnknown):
        inspection.write_sidecar(inspection.inspect(strange))


def test_a_model_of_ours_gets_no_sidecar_in_the_installed_package():
    with pytest.raises(InputError, match="comes with edgerun and carries its card"):
        inspection.write_sidecar(inspection.inspect("codes"), force=True)
    assert not sidecar.path_for(models.find("codes")).exists()


def test_a_sidecar_that_cannot_be_written_is_said(colours):
    path = colours(metadata=NAMES)
    path.with_name(path.name + ".edgerun.json").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        inspection.write_sidecar(inspection.inspect(path), force=True)


def test_what_runs_elsewhere_is_explained_by_the_delegates_documentation():
    path = Path(__file__).parents[1] / "data" / "codes_models" / "codes_int8.tflite"
    try:
        report = inspection.inspect(path, delegate="xnnpack").report
    except BackendUnavailable as reason:
        pytest.skip(str(reason))
    whys = {entry.operator: entry.why for entry in report.coverage.outside("xnnpack")}
    assert whys["RESIZE_NEAREST_NEIGHBOR"].endswith("RESIZE_NEAREST_NEIGHBOR is not in the list")
    assert whys["SOFTMAX"] == "by its documentation, unmet: inputs and outputs are float32"
    assert all(entry.why == "" for entry in report.coverage.placed if entry.delegate == "xnnpack")


def test_what_the_runtime_or_nobody_explains_is_left_as_it_is():
    verdict = OperatorVerdict(0, Node("Conv"), True, (), (), "")
    assert _documented(Placed("Conv", "cpu"), verdict) == "its documentation lists it all the same"
    assert _documented(Placed("FusedConv", "cpu"), verdict) == ""
    assert _documented(Placed("Conv", "cpu"), None) == ""
    depends = OperatorVerdict(0, Node("Pad"), True, (), ("padding is not negative",), "")
    assert _documented(Placed("Pad", "cpu"), depends).endswith("taken if padding is not negative")
