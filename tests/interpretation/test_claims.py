from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgerun.contract import Decoder, Dialect, Match, Sure, Unsettled
from edgerun.errors import CardInvalid
from edgerun.interpretation import claims
from edgerun.interpretation.claims import Standing

DIALECT = Dialect("one", lambda metadata, path: {"color": metadata["order"]}, overrules=True)


def test_what_is_said_comes_in_the_order_in_which_it_counts(tmp_path):
    model = tmp_path / "m.onnx"
    (tmp_path / "m.onnx.edgerun.json").write_text(json.dumps({"edgerun": 1, "conf": 0.5}))
    arguments, beside, described = claims.stated(model, {"order": "bgr"}, [DIALECT], {"iou": 0.5})
    assert (arguments.source, dict(arguments.fields)) == ("argument", {"iou": 0.5})
    assert (beside.source, dict(beside.fields)) == ("sidecar", {"conf": 0.5})
    assert (described.source, dict(described.fields)) == ("one metadata", {"color": "bgr"})
    assert [claim.standing for claim in (arguments, beside, described)] == [
        Standing.SAID,
        Standing.SAID,
        Standing.DESCRIBED,
    ]
    assert described.overrules


def test_a_sidecar_that_cannot_be_read_is_refused_at_once(tmp_path):
    (tmp_path / "m.onnx.edgerun.json").write_text("[]")
    with pytest.raises(CardInvalid, match="sidecar"):
        claims.stated(tmp_path / "m.onnx", {}, [], {})


def test_metadata_that_cannot_be_read_are_a_claim_too():
    damaged = claims.described(DIALECT, {}, Path("m.onnx"))
    assert isinstance(damaged.damage, KeyError)
    assert (damaged.fields, damaged.model) == ({}, "m.onnx")


def test_an_error_of_a_dialects_own_passes():
    def broken(metadata, path):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        claims.described(Dialect("broken", broken), {}, Path("m.onnx"))


def test_what_is_left_open_is_told_from_what_is_given():
    open_ = Unsettled("says both", {'color="rgb"': "some", 'color="bgr"': "others"})
    claim = claims.described(Dialect("one", lambda *_: {"color": open_, "conf": 0.5, "iou": 0.5}), {}, Path("m"))
    assert claim.left_open == {"color": open_}
    assert claim.given_beside({"iou"}) == {"conf": 0.5}


def test_a_verdicts_fields_have_its_reasons_as_sources():
    match = Match(Sure.LIKELY, "rows like that", {"color": "bgr", "fill": 0}, {"fill": "inferred: zeros"})
    brought = claims.conventions(match)
    assert (brought.source_of("color"), brought.source_of("fill")) == ("convention: rows like that", "inferred: zeros")


@pytest.mark.parametrize(
    ("suppress", "source"),
    [(True, "inferred: mine leaves suppression to us"), (False, "inferred: mine needs no suppression")],
)
def test_a_decoder_needs_outputs_that_are_suppressed_or_not(suppress, source):
    claim = claims.need(Decoder("mine", lambda evidence: Match(Sure.NO, ""), suppress=suppress))
    assert (claim.source, dict(claim.fields)) == (source, {"suppressed": not suppress})
