"""Photos settle how a model is fed and read, or it is said that they do not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgerun import boxes, house, models, truth
from edgerun.contract import Decoder, Sure
from edgerun.detections import Detections
from edgerun.errors import InputError
from edgerun.settling import Measure, View, compare, settle
from edgerun.truth import Labelled, Truth

PHOTOS = sorted((Path(__file__).parent / "data" / "codes").glob("*.jpg"))
SAID = {"color": "rgb", "resize": "letterbox"}
"""What is not at issue, so that few readings are run."""


@pytest.fixture
def bare(tmp_path):
    """The codes detector without its card; with a factor, it does that much of the scaling itself."""

    def build(factor: float = 1.0) -> Path:
        import onnx
        from onnx import helper, numpy_helper

        model = onnx.load(models.find("codes"))
        del model.metadata_props[:]
        if factor != 1.0:
            name = model.graph.input[0].name
            for node in model.graph.node:
                node.input[:] = ["scaled" if entry == name else entry for entry in node.input]
            model.graph.initializer.append(numpy_helper.from_array(np.float32(factor), "factor"))
            model.graph.node.insert(0, helper.make_node("Mul", [name, "factor"], ["scaled"]))
        path = tmp_path / "bare.onnx"
        onnx.save(model, path)
        return path

    return build


def rows(*entries, shape=(100, 200)):
    """Detections of (x1, y1, x2, y2, score, class)."""
    table = np.array(entries, np.float32).reshape(-1, 6)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), table[:, 5].astype(np.int32), shape=shape)


def verdict(settlement, name):
    return next(one for one in settlement.verdicts if one.open.name == name)


# --------------------------------------------------------------------------------------------- the measure


@pytest.mark.parametrize("left_top", [True, False])
def test_boxes_of_a_view_come_back_to_where_they_are(left_top):
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:60, 80:120] = 255
    view = View.of(image, left_top=left_top)
    assert view.image.shape == (90, 170, 3)
    y, x = np.nonzero(view.image[..., 0])
    seen = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
    np.testing.assert_allclose(view.to_plain(seen), [[80, 40, 120, 60]])


def test_what_moves_along_counts_and_what_stays_does_not():
    view = View.of(np.zeros((100, 200, 3), np.uint8), left_top=True)
    plain = rows((80, 40, 120, 60, 0.8, 0))
    x1, x2 = (170 - (120 - 30)), (170 - (80 - 30))
    along = rows((x1, 30, x2, 50, 0.6, 0), shape=(90, 170))
    stays = rows((80, 40, 120, 60, 0.6, 0), shape=(90, 170))
    assert compare(plain, view, along, classify=False).met == pytest.approx(0.48, rel=1e-4)
    assert compare(plain, view, along, classify=False).expected == pytest.approx(0.5)
    assert compare(plain, view, stays, classify=False).met == 0
    other_class = rows((x1, 30, x2, 50, 0.6, 1), shape=(90, 170))
    assert compare(plain, view, other_class, classify=False).met == 0


def test_a_box_around_everything_says_nothing():
    view = View.of(np.zeros((100, 200, 3), np.uint8), left_top=True)
    measure = compare(rows((0, 0, 200, 100, 0.9, 0)), view, rows((0, 0, 170, 90, 0.9, 0)), classify=False)
    assert measure == Measure(0, 0)


def test_what_a_view_cuts_off_need_not_be_found_again():
    view = View.of(np.zeros((100, 200, 3), np.uint8), left_top=True)
    gone = compare(rows((0, 0, 25, 9, 0.9, 0)), view, rows(shape=(90, 170)), classify=False)
    assert gone == Measure(0, 0)


def test_classes_of_whole_pictures_are_compared_by_their_shares():
    view = View.of(np.zeros((100, 200, 3), np.uint8), left_top=True)
    whole = rows((0, 0, 200, 100, 0.8, 3), (0, 0, 200, 100, 0.1, 5))
    again = rows((0, 0, 170, 90, 0.5, 3), (0, 0, 170, 90, 0.2, 7))
    assert compare(whole, view, again, classify=True).met == pytest.approx(0.4)


# ------------------------------------------------------------------------------------------- what is settled


def test_a_convention_that_holds_is_kept(bare):
    found = settle(bare(), PHOTOS, limit=8, **SAID)
    assert found.clear
    assert found.chosen.reading.words == {"normalising": "0..1"}
    assert found.chosen.reading.arguments_needed == {}
    assert found.card.scale == pytest.approx(1 / 255)
    assert found.photos == 8
    assert "as the model loads anyway" in found.sentence
    first, second = found.ranked[:2]
    assert first.score >= second.score
    assert first.steady > 0.4


def test_a_convention_that_photos_contradict_is_overturned(bare):
    found = settle(bare(1 / 255), PHOTOS, limit=8, **SAID)
    assert found.clear
    assert verdict(found, "normalising").kind == "clear"
    assert found.card.scale == 1.0
    assert found.card.source("scale").startswith("settled: 8 photos")
    assert found.chosen.reading.arguments_needed == {"scale": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}
    assert found.sentence == "Settled: 0..255 (scale=1, mean=0, std=1)."


def test_what_no_photo_tells_and_no_convention_says_is_not_clear(bare):
    real = next(decoder for decoder in house.registry().decoders if decoder.name == "yolov8")
    habits = {"color": {'color="rgb"': "some", 'color="bgr"': "others"}}

    def matches(evidence):
        return replace(real.matches(evidence), unsettled=habits)

    registry = replace(house.registry(), decoders=[Decoder("codes-head", matches, real.decode)])
    found = settle(bare(), PHOTOS, limit=6, registry=registry, scale=1 / 255, mean=0, std=1, resize="letterbox")
    assert verdict(found, "color").kind == "unclear"  # codes are black and white
    assert not found.clear
    assert re.search("(rgb and bgr|bgr and rgb) are not told apart", found.sentence)


def test_a_family_that_reads_boxes_otherwise_loses(bare):
    real = next(decoder for decoder in house.registry().decoders if decoder.name == "yolov8")

    def corners(outputs, frame):  # reads cx cy w h as x1 y1 x2 y2
        found = real.decode(outputs, frame)
        centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        return replace(found, boxes=np.concatenate((centres, found.boxes[:, 2:] - found.boxes[:, :2]), axis=1))

    registry = replace(
        house.registry(),
        decoders=[Decoder(name, lambda evidence: replace(real.matches(evidence), sure=Sure.LIKELY), decode)
                  for name, decode in (("corners", corners), ("centres", real.decode))],
    )  # fmt: skip
    found = settle(bare(), PHOTOS, limit=8, registry=registry)
    assert found.clear
    assert found.card.decoder == "centres"
    assert verdict(found, "decoder").kind == "clear"


def test_a_model_that_says_everything_has_nothing_open(tmp_path):
    found = settle("codes", PHOTOS, limit=3)
    assert found.clear
    assert found.verdicts == ()
    assert found.sentence.startswith("Nothing is open")
    assert len(found.ranked) == 1
    assert len(found.shown) == 3


def test_too_few_photos_settle_nothing(bare):
    found = settle(bare(1 / 255), PHOTOS, limit=3, **SAID)
    assert verdict(found, "normalising").kind == "convention"
    assert "give at least 5" in verdict(found, "normalising").why


def test_photos_are_taken_evenly_and_bad_ones_are_named(bare, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    found = settle(bare(), [broken, *PHOTOS], limit=3, show=9, **SAID)
    assert found.photos == 2
    assert [shown.path for shown in found.shown] == [PHOTOS[11], PHOTOS[-1]]
    assert str(broken) in found.notes[0]
    with pytest.raises(InputError, match=r"broken\.jpg"):
        settle(bare(), [broken], **SAID)


def test_ctrl_c_keeps_what_is_there(bare):
    def impatient(done, total, what):
        if done == 2:
            raise KeyboardInterrupt

    found = settle(bare(), PHOTOS, progress=impatient, **SAID)
    assert found.interrupted
    assert found.photos == 2
    with pytest.raises(KeyboardInterrupt):
        settle(bare(), PHOTOS, progress=lambda *_: impatient(2, 0, ""), **SAID)


def test_labels_rank_by_average_precision(bare):
    known = truth.read(PHOTOS[0].parent / "annotations.json", PHOTOS)
    found = settle(bare(), PHOTOS, limit=8, truth=known, **SAID)
    assert found.by == "average precision"
    assert found.chosen.reading.words == {"normalising": "0..1"}
    assert found.ranked[0].steady is None
    assert found.ranked[0].score > 0.4


def test_labels_that_are_the_models_own_answers_are_met_in_full(bare):
    from edgerun import Detector

    with Detector.load(bare(), **SAID) as detector:
        answers = {photo: detector(photo, conf=0.25) for photo in PHOTOS[:6]}
    known = Truth({
        photo: Labelled(rows.xyxy, rows.class_id.astype(int), np.zeros(len(rows), bool))
        for photo, rows in answers.items()
    })  # fmt: skip
    found = settle(bare(), PHOTOS[:6], truth=known, conf=0.25, scale=1 / 255, mean=0, std=1, **SAID)
    assert found.ranked[0].score > 0.95
    assert boxes.area(answers[PHOTOS[0]].xyxy).min() > 0


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("onnx/nanodet_m_320_kazuhito.onnx", {"color": "bgr", "normalising": "ImageNet's mean and deviation"}),
        ("onnx/FastestDet.onnx", {"color": "bgr", "normalising": "0..1"}),
    ],
)
def test_real_photos_tell_how_a_real_model_is_fed(shared, path, words):
    photos = sorted((shared / "images" / "coco80").glob("*.jpg"))
    found = settle(shared / "models" / path, photos, limit=16, resize="stretch")
    assert found.chosen.reading.words == words
    assert verdict(found, "color").contrasts[0].lead > 0
