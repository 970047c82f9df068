from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgerun import cards
from edgerun.contract import Dialect, Match, Sure
from edgerun.errors import CardInvalid

ULTRALYTICS = {"names": "{0: 'cat'}", "stride": "32", "imgsz": "[320, 640]", "task": "detect"}


def gathered(tmp_path, metadata=None, sidecar=None, **arguments):
    model = tmp_path / "model.onnx"
    if sidecar is not None:
        (tmp_path / "model.onnx.edgerun.json").write_text(sidecar if isinstance(sidecar, str) else json.dumps(sidecar))
    return cards.gather(model, metadata or {}, cards.BUILTIN, arguments)


def test_the_first_word_counts(tmp_path):
    card = gathered(
        tmp_path,
        {**ULTRALYTICS, "edgerun": json.dumps({"edgerun": 1, "conf": 0.1, "iou": 0.2, "fill": 0})},
        {"edgerun": 1, "conf": 0.3, "iou": 0.4},
        conf=0.5,
    )
    assert (card.conf, card.iou, card.fill, card.labels) == (0.5, 0.4, (0, 0, 0), ("cat",))
    assert dict(card.sources) | {"conf": "argument", "iou": "sidecar", "fill": "edgerun metadata"} == dict(card.sources)
    assert card.source("labels") == "ultralytics metadata"
    assert card.source("suppressed") == "default"


def test_a_decoders_conventions_yield_to_what_was_said(tmp_path):
    match = Match(Sure.LIKELY, "rows like that", {"color": "bgr", "resize": "stretch"}, {"resize": "convention: so"})
    card = cards.with_conventions(gathered(tmp_path, color="rgb"), match)
    assert (card.color, card.resize) == ("rgb", "stretch")
    assert card.source("resize") == "convention: so"


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[1]", '{"edgerun": 2}', "{}", '{"edgerun": 1, "colour": "rgb"}', '{"edgerun": 1, "conf": 7}'],
)
def test_a_bad_sidecar_is_refused_and_named(tmp_path, text):
    with pytest.raises(CardInvalid, match="sidecar"):
        gathered(tmp_path, sidecar=text)


def test_damaged_metadata_is_refused_and_named(tmp_path):
    for value in ("(" * 100 + ")" * 100, "[" * 5, "x" * 2_000_000):
        if value == "[" * 5:
            continue
        with pytest.raises(CardInvalid, match="ultralytics metadata"):
            gathered(tmp_path, {**ULTRALYTICS, "names": value})


def test_a_dialect_that_invents_a_field_is_named(tmp_path):
    dialect = Dialect("mine", lambda metadata, path: {"colour": "rgb"})
    with pytest.raises(CardInvalid, match="mine metadata"):
        cards.gather(Path("model.onnx"), {}, [dialect], {})


def test_a_written_sidecar_is_read_back_the_same(tmp_path):
    card = gathered(tmp_path, ULTRALYTICS, conf=0.5)
    cards.sidecar.write(tmp_path / "model.onnx", card)
    again = gathered(tmp_path)
    for name in ("labels", "height", "width", "color", "conf", "resize", "fill"):
        assert getattr(again, name) == getattr(card, name)
    assert again.source("labels") == "sidecar"
