"""Photos settle how a model is fed and read, or it is said that they do not."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgerun import boxes, models
from edgerun.contract import Candidates, Decoder, Sure
from edgerun.errors import InputError
from edgerun.runtime import installed
from edgerun.tools import ground_truth
from edgerun.tools.ground_truth import GroundTruth, Labelled
from edgerun.tools.settle.settle import settle

PHOTOS = sorted((Path(__file__).parents[2] / "data" / "codes").glob("*.jpg"))
FIRST = "network.stem.0.fused.0.weight"
"""The first weights of the codes detector."""
SAID = {"color": "rgb", "resize": "letterbox"}
"""What is not at issue, so that few readings are run."""


@pytest.fixture
def bare(tmp_path):
    """The codes detector without its card; a factor is in its first weights, where no graph shows it."""

    def build(factor: float = 1.0) -> Path:
        import onnx
        from onnx import numpy_helper

        model = onnx.load(models.find("codes"))
        del model.metadata_props[:]
        (weights,) = [entry for entry in model.graph.initializer if entry.name == FIRST]  # stored as float16
        scaled = numpy_helper.to_array(weights).astype(np.float32) * np.float32(factor)
        weights.CopyFrom(numpy_helper.from_array(scaled, FIRST))
        path = tmp_path / "bare.onnx"
        onnx.save(model, path)
        return path

    return build


def verdict(settlement, name):
    return next(one for one in settlement.verdicts if one.open.name == name)


def test_a_convention_that_holds_is_kept(bare):
    found = settle(bare(), PHOTOS, limit=8, **SAID)
    assert found.clear
    assert found.chosen.hypothesis.words == {"normalising": "0..1"}
    assert found.chosen.hypothesis.arguments_needed == {}
    assert found.card.scale == pytest.approx(1 / 255)
    assert found.card.source("decoder").startswith("inferred: ")
    assert found.photos == 8
    assert "as the model loads anyway" in found.sentence
    first, second = found.ranked[:2]
    assert first.score >= second.score
    assert first.repeatability > 0.4


def test_a_convention_that_photos_contradict_is_overturned(bare):
    found = settle(bare(1 / 255), PHOTOS, limit=8, **SAID)
    assert found.clear
    assert verdict(found, "normalising").kind == "clear"
    assert found.card.scale == 1.0
    assert found.card.source("scale").startswith("settled: 8 photos")
    assert found.chosen.hypothesis.arguments_needed == {"scale": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}
    assert found.sentence == "Settled: 0..255 (scale=1, mean=0, std=1)."


def test_what_no_photo_tells_and_no_convention_says_is_not_clear(bare):
    real = next(decoder for decoder in installed.registry().decoders if decoder.name == "yolov8")
    habits = {"color": {'color="rgb"': "some", 'color="bgr"': "others"}}

    def matches(evidence):
        return replace(real.matches(evidence), unsettled=habits)

    registry = replace(installed.registry(), decoders=[Decoder("codes-head", matches, real.decode)])
    found = settle(bare(), PHOTOS, limit=6, registry=registry, scale=1 / 255, mean=0, std=1, resize="letterbox")
    assert verdict(found, "color").kind == "unclear"  # codes are black and white
    assert not found.clear
    assert re.search("(rgb and bgr|bgr and rgb) are not told apart", found.sentence)


def test_a_family_that_reads_boxes_otherwise_loses(bare):
    real = next(decoder for decoder in installed.registry().decoders if decoder.name == "yolov8")

    def corners(read, outputs, frame):  # reads cx cy w h as x1 y1 x2 y2
        found = read(outputs, frame)
        centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        return replace(found, boxes=np.concatenate((centres, found.boxes[:, 2:] - found.boxes[:, :2]), axis=1))

    def centres(read, outputs, frame):
        return read(outputs, frame)

    def family(name, decode):
        def matches(evidence):
            match = real.matches(evidence)
            read = match.decode or (lambda outputs, frame: Candidates.empty())
            return replace(match, sure=Sure.LIKELY, decode=partial(decode, read))

        return Decoder(name, matches)

    decoders = [family("corners", corners), family("centres", centres)]
    registry = replace(installed.registry(), decoders=decoders)
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
    known = ground_truth.read(PHOTOS[0].parent / "annotations.json", PHOTOS)
    found = settle(bare(), PHOTOS, limit=8, truth=known, **SAID)
    assert found.by == "average precision"
    assert found.chosen.hypothesis.words == {"normalising": "0..1"}
    assert found.ranked[0].repeatability is None
    assert found.ranked[0].score > 0.4


def test_labels_that_are_the_models_own_answers_are_met_in_full(bare):
    from edgerun import Detector

    with Detector.load(bare(), **SAID) as detector:
        answers = {photo: detector(photo, conf=0.25) for photo in PHOTOS[:6]}
    known = GroundTruth({
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
    assert found.chosen.hypothesis.words == words
    assert verdict(found, "color").contrasts[0].lead > 0
