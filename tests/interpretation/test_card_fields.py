from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from edgerun.card import sidecar
from edgerun.contract import Dialect, Match, Sure, Unsettled
from edgerun.dialects import BUILTIN
from edgerun.errors import CardInvalid, DecoderUnknown
from edgerun.interpretation import card_fields
from edgerun.interpretation.card_fields import fold
from edgerun.interpretation.claims import Claim, Objection, Standing, said, stated

ULTRALYTICS = {"names": "{0: 'cat'}", "stride": "32", "imgsz": "[320, 640]", "task": "detect"}


def gathered(tmp_path, metadata=None, beside=None, **arguments):
    model = tmp_path / "model.onnx"
    if beside is not None:
        (tmp_path / "model.onnx.edgerun.json").write_text(beside if isinstance(beside, str) else json.dumps(beside))
    return fold(stated(model, metadata or {}, BUILTIN, arguments))


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
    card = card_fields.with_conventions(gathered(tmp_path, color="rgb"), match)
    assert (card.color, card.resize) == ("rgb", "stretch")
    assert card.source("resize") == "convention: so"


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[1]", '{"edgerun": 2}', "{}", '{"edgerun": 1, "colour": "rgb"}', '{"edgerun": 1, "conf": 7}'],
)
def test_a_bad_sidecar_is_refused_and_named(tmp_path, text):
    with pytest.raises(CardInvalid, match="sidecar"):
        gathered(tmp_path, beside=text)


def says(name, overrules=False, **fields):
    return Dialect(name, lambda metadata, path: fields, overrules)


def heard(*dialects, **arguments):
    return fold(stated(Path("model.onnx"), {}, dialects, arguments))


@pytest.mark.parametrize(
    ("ours", "theirs", "hint"),
    [
        ({"color": "rgb"}, {"color": "bgr"}, 'color="rgb" or color="bgr"'),
        ({"resize": "stretch"}, {"resize": "letterbox"}, 'resize="stretch" or resize="letterbox"'),
        ({"task": "pose"}, {"task": "detect"}, 'task="pose" or task="detect"'),
        ({"decoder": "yolov5"}, {"decoder": "yolov8"}, "decoder="),
        ({"box_units": "unit"}, {"box_units": "pixels"}, "box_units="),
        ({"suppressed": True}, {"suppressed": False}, "suppressed=True or suppressed=False"),
        ({"outputs": {"a": "boxes"}}, {"outputs": {"a": "scores"}}, "outputs="),
        ({"scale": 1.0}, {"scale": 1 / 255}, "scale, mean and std"),
        ({"scale": 1.0}, {"mean": 0.5, "std": 0.5}, "scale, mean and std"),
        ({"labels": ["a", "b"]}, {"labels": ["b", "a"]}, "labels"),
    ],
)
def test_two_dialects_that_contradict_one_another_are_refused_until_somebody_says(ours, theirs, hint):
    dialects = says("one", **ours), says("two", **theirs)
    with pytest.raises(CardInvalid, match=r"^The one metadata says .* the two metadata says") as refusal:
        heard(*dialects)
    assert hint in refusal.value.hint
    card = heard(*dialects, **(ours | theirs))
    assert {card.source(name) for name in ours | theirs} == {"argument"}


def test_one_normalisation_written_in_two_ways_is_one():
    in_shares = {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    in_bytes = {"scale": 1.0, "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
    card = heard(says("one", **in_shares), says("two", **in_bytes))
    assert card.scale == 1 / 255
    assert card.source("std") == "one metadata"


def test_a_normalisation_is_taken_whole():
    card = heard(says("one", scale=1 / 255), says("two", scale=1.0, mean=0.0, std=255.0))
    assert (card.scale, card.std) == (1 / 255, (1.0, 1.0, 1.0)), "not the one's scale and the other's deviation"


def test_what_the_file_declares_overrules_what_others_describe():
    card = heard(says("file", True, color="bgr", scale=1.0), says("one", color="rgb", scale=1 / 255, conf=0.3))
    assert (card.color, card.scale, card.conf) == ("bgr", 1.0, 0.3)


def test_in_what_moves_nothing_the_first_word_counts_and_the_other_is_shown():
    card = heard(says("one", conf=0.3, labels=["a"]), says("two", conf=0.5, labels=["A", "b"]), says("three", conf=0.3))
    assert (card.conf, card.labels) == (0.3, ("a",))
    assert card.source("conf") == "one metadata; two metadata says otherwise"
    assert card.source("labels") == "one metadata; two metadata says otherwise"


def test_what_a_dialect_leaves_open_is_refused_until_somebody_says():
    open_ = Unsettled("says both", {'color="rgb"': "as some do", 'color="bgr"': "as others do"})
    with pytest.raises(CardInvalid, match=r"says both, which can mean .*as some do") as refusal:
        heard(says("one", color=open_, conf=0.3))
    assert refusal.value.hint == 'pass color="rgb" or color="bgr"'
    assert heard(says("one", color=open_), says("two", color="bgr")).color == "bgr"
    assert heard(says("one", color=open_), color="rgb").color == "rgb"


def test_damage_does_not_stop_who_says_the_whole_feed(tmp_path):
    feed = {"resize": "stretch", "color": "rgb", "scale": 1.0, "mean": 0.0, "std": 1.0}
    damaged = {**ULTRALYTICS, "names": "(" * 100}
    assert gathered(tmp_path, damaged, **feed).labels == ()
    assert gathered(tmp_path, damaged, {"edgerun": 1, **feed}).source("color") == "sidecar"
    (tmp_path / "model.onnx.edgerun.json").unlink()
    with pytest.raises(CardInvalid, match="ultralytics"):
        gathered(tmp_path, damaged, color="rgb")
    with pytest.raises(CardInvalid, match="other"):
        heard(says("one", **feed), Dialect("other", lambda metadata, path: metadata["none"]))


def test_damaged_metadata_is_refused_and_named(tmp_path):
    for value in ("(" * 100 + ")" * 100, "x" * 2_000_000):
        with pytest.raises(CardInvalid, match="ultralytics metadata"):
            gathered(tmp_path, {**ULTRALYTICS, "names": value})


def test_a_dialect_that_invents_a_field_is_named(tmp_path):
    dialect = Dialect("mine", lambda metadata, path: {"colour": "rgb"})
    with pytest.raises(CardInvalid, match="mine metadata"):
        fold(stated(Path("model.onnx"), {}, [dialect], {}))


def test_a_written_sidecar_is_read_back_the_same(tmp_path):
    card = gathered(tmp_path, ULTRALYTICS, conf=0.5)
    sidecar.write(tmp_path / "model.onnx", card)
    again = gathered(tmp_path)
    for name in ("labels", "height", "width", "color", "conf", "resize", "fill"):
        assert getattr(again, name) == getattr(card, name)
    assert again.source("labels") == "sidecar"


# ------------------------------------------------------------------------- one claim laid upon those before it


def claim(standing, source="it", **fields):
    everywhere = dict.fromkeys(fields, "the file is so")
    return Claim(source, fields, standing, grounds=everywhere, hints=everywhere)


def test_what_the_graph_does_must_not_be_said_otherwise_and_is_taken_where_it_goes_without_saying():
    graph = claim(Standing.IN_GRAPH, "inferred: so", scale=1.0)
    assert fold([graph]).source("scale") == "inferred: so"
    assert fold([claim(Standing.DESCRIBED, "ultralytics metadata", scale=1 / 255), graph]).scale == 1.0
    assert fold([said("argument", {"scale": 1.0001}), graph]).source("scale") == "argument"
    for other in (said("sidecar", {"scale": 1 / 255}), claim(Standing.DESCRIBED, "one metadata", scale=1 / 255)):
        with pytest.raises(CardInvalid, match=rf"^The {other.source} gives scale = .*, but the file is so\."):
            fold([other, graph])


def test_what_outputs_show_must_not_be_said_otherwise_and_settles_nothing():
    shown = claim(Standing.OBSERVED, box_units="unit", suppressed=False)
    assert not fold([shown]).sources
    with pytest.raises(DecoderUnknown, match="says box_units = 'pixels', but the outputs speak for 'unit': the file"):
        fold([claim(Standing.DESCRIBED, "one metadata", box_units="pixels"), shown])
    with pytest.raises(DecoderUnknown, match="suppressed = True"):
        fold([said("argument", {"suppressed": True}), shown])
    fold([claim(Standing.DESCRIBED, "one metadata", suppressed=True), shown])  # of another export of the same model


def test_a_table_of_outputs_that_is_said_in_part_must_fit_and_is_completed():
    roles = {"a": "boxes", "b": "scores"}
    shown, brought = claim(Standing.OBSERVED, outputs=roles), claim(Standing.CONVENTION, outputs=roles)
    card = fold([said("argument", {"outputs": {"a": "boxes"}}), shown, brought])
    assert (dict(card.outputs), card.source("outputs")) == (roles, "argument")
    with pytest.raises(DecoderUnknown, match="outputs"):
        fold([said("argument", {"outputs": {"a": "scores"}}), shown])


def test_what_the_decoder_needs_replaces_what_is_not_said_of_this_very_file():
    need = claim(Standing.NEEDED, "inferred: needs", suppressed=True)
    assert fold([claim(Standing.DESCRIBED, "one metadata", suppressed=False), need]).suppressed
    for source in ("argument", "sidecar"):
        assert not fold([said(source, {"suppressed": False}), need]).suppressed
    assert fold([claim(Standing.DESCRIBED, "one metadata", suppressed=True), need]).source("suppressed") == (
        "one metadata"
    )


def test_a_correction_replaces_even_an_argument():
    card = fold([said("argument", {"labels": ["x", "a"]}), claim(Standing.CORRECTED, "argument, less x", labels=["a"])])
    assert (card.labels, card.source("labels")) == (("a",), "argument, less x")


def test_a_limit_is_looked_at_in_its_place_of_the_list():
    def objection(card):
        return Objection("too dark", "say so") if card.scale == 1.0 else None

    limit, later = Claim("it", {}, Standing.FIXED, limit=objection), claim(Standing.CONVENTION, scale=1.0)
    fold([limit, later])
    with pytest.raises(CardInvalid, match="too dark"):
        fold([later, limit])


def test_a_prefix_of_the_list_is_folded_the_same_whatever_comes_later(tmp_path):
    claims = [said("argument", {"conf": 0.5}), claim(Standing.DESCRIBED, "one metadata", color="bgr")]
    before = fold(claims)
    fold([*claims, claim(Standing.CONVENTION, color="rgb", resize="stretch")])
    assert fold(claims) == before


INTERPRETATION = Path(card_fields.__file__).parent


@pytest.mark.parametrize("path", sorted(INTERPRETATION.glob("*.py")), ids=lambda path: path.name)
def test_contradictions_are_refused_in_the_fold_and_nowhere_else(path):
    """No other module of the room can raise CardInvalid, or ask for the sentences of contradictions."""
    fold_itself = {"card_fields.py", "contradictions.py"}
    names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    assert path.name in fold_itself or not names & {"CardInvalid", "contradictions"}


def test_the_sentences_of_contradictions_are_asked_for_by_the_fold_alone():
    asking = {path.name for path in INTERPRETATION.parent.rglob("*.py") if "import contradictions" in path.read_text()}
    assert asking == {"card_fields.py"}


# ----------------------------------------------------------------------------- who says it, where two say something


@pytest.mark.parametrize("source", ["argument", "sidecar"])
@pytest.mark.parametrize(
    ("field", "own", "files"), [("height", 320, 416), ("width", 320, 416), ("color", "rgb", "gray")]
)
def test_what_the_user_says_against_the_file_is_refused_whether_beside_it_or_by_argument(source, field, own, files):
    fixed = claim(Standing.FIXED, "the file's input", **{field: files})
    with pytest.raises(CardInvalid, match=rf"^The {source} gives {field} = {own}, but the file is so\."):
        fold([said(source, {field: own}), fixed])
    assert fold([said(source, {field: files}), fixed]).source(field) == "the file's input"


@pytest.mark.parametrize("source", ["edgerun metadata", "one metadata"])
def test_metadata_yield_to_the_file_and_both_are_shown(source):
    fixed = claim(Standing.FIXED, "the file's input", height=416)
    card = fold([claim(Standing.DESCRIBED, source, height=320), fixed])
    assert card.height == 416
    assert card.source("height") == f"the file's input; {source} says 320"


@pytest.mark.parametrize("source", ["argument", "sidecar", "edgerun metadata"])
@pytest.mark.parametrize("value", [False, True])
def test_what_is_said_of_this_very_file_stays_whatever_the_decoder_needs(source, value):
    standing = Standing.DESCRIBED if source.endswith("metadata") else Standing.SAID
    need = claim(Standing.NEEDED, "inferred: needs", suppressed=not value)
    card = fold([claim(standing, source, suppressed=value), need])
    assert (card.suppressed, card.source("suppressed")) == (value, source)


@pytest.mark.parametrize("source", ["argument", "sidecar", "edgerun metadata", "one metadata"])
def test_a_role_that_is_said_stays_beside_those_that_the_decoder_brings(source):
    """The decoder takes a for boxes; the user, who names no other, for scores."""
    standing = Standing.DESCRIBED if source.endswith("metadata") else Standing.SAID
    brought = claim(Standing.CONVENTION, "inferred: so", outputs={"a": "boxes", "b": "scores"})
    card = fold([claim(standing, source, outputs={"a": "scores"}), brought])
    assert (dict(card.outputs), card.source("outputs")) == ({"a": "scores", "b": "scores"}, source)
    whole = fold([claim(standing, source, outputs={"a": "scores", "b": "boxes"}), brought])
    assert dict(whole.outputs) == {"a": "scores", "b": "boxes"}


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [("conf", 0.3, 0.5), ("iou", 0.5, 0.6), ("color", "bgr", "rgb"), ("resize", "stretch", "letterbox"),
     ("labels", ("a",), ("b",)), ("suppressed", True, False), ("nms", "agnostic", "class"), ("task", "pose", "detect"),
     ("box_units", "unit", "pixels"), ("keypoints", 5, 17), ("fill", (0, 0, 0), (114, 114, 114))],
)  # fmt: skip
def test_each_field_goes_by_argument_then_sidecar_then_metadata_then_convention(field, one, other):
    by_argument, beside = said("argument", {field: one}), said("sidecar", {field: one})
    described = claim(Standing.DESCRIBED, "one metadata", **{field: one})
    later = [
        said("sidecar", {field: other}),
        claim(Standing.DESCRIBED, "two metadata", **{field: other}),
        claim(Standing.CONVENTION, "convention: so", **{field: other}),
    ]
    for first, rest in ((by_argument, later), (beside, later[1:]), (described, later[2:])):
        card = fold([first, *rest])
        assert (getattr(card, field), card.source(field)) == (one, first.source)
        assert fold([*rest]).source(field) == rest[0].source


SIDES = {"resize": "letterbox-topleft", "shorter_side": 800, "longer_side": 1333}


@pytest.mark.parametrize(
    ("own", "void"),
    [
        ({"height": 640, "width": 640}, True),  # sides of another size of input
        ({"width": 640}, True),
        ({"resize": "stretch"}, True),
        ({"resize": "letterbox-topleft"}, False),
        ({"color": "bgr"}, False),
    ],
)
def test_a_described_fit_is_void_where_the_user_says_another_fit_or_size(own, void):
    card = fold([said("argument", own), claim(Standing.DESCRIBED, "one metadata", **SIDES)])
    assert ("shorter_side" in card.sources, "longer_side" in card.sources) == (not void, not void)
    assert card.shorter_side == (0 if void else 800)
    cut = claim(Standing.DESCRIBED, "one metadata", resize="center-crop", crop=0.875)
    assert fold([said("argument", {"resize": "stretch"}), cut]).crop == 1.0
    assert fold([said("argument", {"resize": "center-crop"}), cut]).crop == 0.875


@pytest.mark.parametrize(("graph", "agrees"), [(1.0005, True), (1.002, False), (0.998, False)])
def test_what_is_said_is_what_the_graph_takes_to_a_thousandth(graph, agrees):
    claims = [said("argument", {"scale": 1.0}), claim(Standing.IN_GRAPH, "inferred: so", scale=graph)]
    if agrees:
        assert fold(claims).source("scale") == "argument"
    else:
        with pytest.raises(CardInvalid, match=r"gives scale = 1\.0, but the file is so"):
            fold(claims)
