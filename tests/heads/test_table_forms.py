"""Forms of YOLO's and end-to-end tables that converters and hand-made exports leave; issue 11, number 28."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Frame, Sure, TensorSpec
from edgerun.errors import DecoderUnknown
from edgerun.heads import table_forms
from edgerun.interpretation import card_fields, decoder_choice
from edgerun.testing import Head


@pytest.fixture
def evidence():
    """(outputs) -> what is known of a model of 320 x 320 with these outputs."""
    return lambda outputs: Head(None).evidence((320, 320), outputs)


FORMS = {
    "turned": lambda table: table.transpose(0, 2, 1),
    "without batch": lambda table: table[0],
    "turned, without batch": lambda table: table[0].T,
    "with an axis in front": lambda table: table[None],
    "with an axis in the middle": lambda table: table[:, :, None],
    "with an axis behind": lambda table: table[..., None],
    "turned, with an axis behind": lambda table: table.transpose(0, 2, 1)[..., None],
}


def finished():
    """Rows after suppression, 100 of them."""
    rows = np.zeros((1, 100, 6), np.float32)
    rows[0, 0], rows[0, 1] = (40, 60, 200, 180, 0.9, 0), (210, 100, 300, 300, 0.8, 2)
    return rows


def anchors():
    """YOLOv5's 6300 rows at 320 x 320, with one object of class 1 on the grid of stride 16."""
    random, tables = np.random.default_rng(0), []
    for stride in (8, 16, 32):
        y, x = np.mgrid[: 320 // stride, : 320 // stride].reshape(2, -1)
        for anchor in range(3):
            table = random.uniform(0.05, 0.6, (len(x), 8))
            table[:, :2] = (np.stack((x, y), 1) + random.uniform(0.3, 0.7, (len(x), 2))) * stride
            table[:, 2:4] = stride * (2 + anchor) * random.uniform(0.8, 1.2, (len(x), 2))
            table[:, 4] = 10 ** random.uniform(-6, -3.5, len(x))
            tables.append(table)
    tables[3][7 * 20 + 7] = (120, 120, 60, 40, 0.9, 0.01, 0.95, 0.01)
    return np.concatenate(tables)[None].astype(np.float32)


TABLES = {
    "end2end": (finished(), [[40, 60, 200, 180], [210, 100, 300, 300]]),
    "yolov5": (anchors(), [[90, 100, 150, 140]]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_another_form_is_read_as_in_the_usual_one(name, form, evidence):
    table, boxes = TABLES[name]
    outputs = {"output": np.ascontiguousarray(FORMS[form](table))}
    known = evidence(outputs)
    choice = decoder_choice.choose(known, decoders.BUILTIN)
    assert choice.decoder.name == name
    assert f"its output {list(outputs['output'].shape)} is read as {list(table.shape)}" in choice.match.why
    card = card_fields.with_conventions(known.card, choice.match)
    found = choice.decode(outputs, Frame(320, 320, 0.5, card))
    np.testing.assert_allclose(found.boxes[np.argsort(-found.scores)], boxes, atol=1e-3)


def test_raw_rows_of_yolox_turned_are_no_poses(evidence):
    """Their logarithms of sizes are negative in part, which no widths in 0..1 are."""
    random = np.random.default_rng(0)
    table = random.uniform(0.05, 0.6, (2100, 8))
    table[:, 2:4] = random.normal(0.8, 0.6, (2100, 2))
    table[:, 4] = 10 ** random.uniform(-6, -2.5, 2100)
    known = evidence({"output": table.T[None].astype(np.float32)})
    (pose,) = (decoder for decoder in decoders.BUILTIN if decoder.name == "yolo-pose")
    match = pose.matches(known)
    assert (match.sure, match.why) == (Sure.NO, "widths and heights of a trial run are negative")


def test_rows_on_the_first_axis_may_be_those_of_several_images(evidence):
    known = evidence({"output": finished()[0]})
    image = TensorSpec("images", (None, 3, 320, 320))
    with pytest.raises(DecoderUnknown):
        decoder_choice.choose(replace(known, image=image), decoders.BUILTIN)


@pytest.mark.parametrize("shapes", [[(1, 100, 7, 2)], [(2, 100, 6)], [(1, 100)], [(100, 6), (1, 3)]])
def test_what_has_not_two_axes_is_no_table(shapes, evidence):
    known = evidence({f"o{index}": np.zeros(shape, np.float32) for index, shape in enumerate(shapes)})
    assert table_forms.forms(known) == []
