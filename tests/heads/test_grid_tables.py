"""Tables with outputs beside them, as YOLOv5 v7.0's `export.py` and a traced `model.eval()` give them."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from edgerun import decoders
from edgerun.card import ModelCard
from edgerun.contract import Evidence, Frame, Sure, TensorSpec
from edgerun.heads import grids

SIZE, STRIDES = 256, (8, 16, 32)


def evidence(arrays, **said):
    image = TensorSpec("images", (1, 3, SIZE, SIZE), "float32")
    card = ModelCard(height=SIZE, width=SIZE, sources=dict.fromkeys(said, "argument"), **said)
    specs = [TensorSpec(name, array.shape, str(array.dtype)) for name, array in arrays.items()]
    return Evidence([image], specs, image, card, MappingProxyType({}), lambda kind: arrays)


def table(*, objectness=False, classes=3, weights=0):
    """[1, N, C]: small boxes about the centres of their cells, hardly any score; row 7 is an object of class 1."""
    random, per_cell = np.random.default_rng(0), 3 if objectness else 1
    centres = np.concatenate([np.tile(grids.centres(SIZE, SIZE, (stride,)), (per_cell, 1)) for stride in STRIDES])
    count = len(centres)
    columns = [centres, random.uniform(8, 60, (count, 2))]
    columns += [random.uniform(1e-5, 1e-3, (count, 1))] if objectness else []
    columns += [random.uniform(1e-4, 0.01 * (50 if objectness else 1), (count, classes))]
    columns += [random.standard_normal((count, weights))]
    rows = np.concatenate(columns, axis=1)
    rows[7, : 4 + objectness + classes] = [100, 60, 40, 20, *[0.9] * objectness, 0.01, 0.8, *[0.01] * (classes - 2)]
    return rows[None].astype(np.float32)


def maps(*shape):
    """One for each stride; "h" and "w" stand for its sides."""
    random = np.random.default_rng(1)
    for stride in STRIDES:
        sizes = [SIZE // stride if side in ("h", "w") else side for side in shape]
        yield f"map{stride}", random.standard_normal(sizes).astype(np.float32)


FIVE, EIGHT = table(objectness=True), table().transpose(0, 2, 1)

BESIDE = {
    "yolov5": {"table": FIVE, **dict(maps(1, 3, "h", "w", 8))},  # yolov5 7.0 and yolov7: raw heads as further outputs
    "yolov5 channels last": {"table": FIVE, **dict(maps(1, "h", "w", 24))},
    "yolov5 with its neck": {"table": FIVE, **dict(maps(1, 128, "h", "w"))},
    "yolov8": {"table": EIGHT, **dict(maps(1, 67, "h", "w"))},  # ultralytics 8: Detect.forward in eval mode
    "yolov8 four of training": {
        "table": EIGHT,
        "sides": np.random.default_rng(2).standard_normal((1, 64, 1344)).astype(np.float32),
        **dict(maps(1, 67, "h", "w")),
    },
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("named", [False, True])
def test_what_a_table_was_made_of_is_left_aside_and_named(name, named):
    outputs, family = BESIDE[name], name.split()[0]
    known = evidence(outputs, **({"decoder": family} if named else {}))
    found = {entry.name: entry.matches(known) for entry in decoders.BUILTIN}
    best = max(match.sure for match in found.values())
    assert [other for other, match in found.items() if match.sure == best] == [family]
    assert f"left aside: {', '.join(list(outputs)[1:])}" in found[family].why
    read = found[family].decode(outputs, Frame(SIZE, SIZE, 0.25, known.card))
    np.testing.assert_allclose(read.boxes, [[80, 50, 120, 70]])
    assert read.classes.tolist() == [1]


@pytest.mark.parametrize("turned", [False, True])
def test_the_same_table_once_more_is_left_aside(turned):
    """A trace that returns its prediction as it is and among others; another table stays another reading."""
    (family,) = (entry for entry in decoders.BUILTIN if entry.name == "yolov8")
    again = EIGHT.transpose(0, 2, 1) if turned else EIGHT
    match = family.matches(evidence({"table": EIGHT, "again": again.copy()}))
    assert match.sure >= Sure.LIKELY
    assert match.why.endswith("left aside: again")
    assert family.matches(evidence({"table": EIGHT, "other": EIGHT + np.float32(1e-3)})).sure is Sure.NO


def test_masks_keep_their_prototypes_where_maps_stand_beside_them():
    rows = table(weights=32).transpose(0, 2, 1)
    prototypes = np.zeros((1, 32, SIZE // 4, SIZE // 4), np.float32)
    known = evidence({"table": rows, **dict(maps(1, 67 + 32, "h", "w")), "prototypes": prototypes})
    match = {entry.name: entry for entry in decoders.BUILTIN}["yolo-segment"].matches(known)
    assert match.sure is Sure.LIKELY
    assert match.decode.planes.output == "prototypes"


def test_what_is_no_part_of_a_table_is_not_left_aside_unless_the_table_is_named():
    outputs = {"table": EIGHT, "lanes": np.zeros((1, 2, SIZE, SIZE), np.float32)}
    family = {entry.name: entry for entry in decoders.BUILTIN}["yolov8"]
    match = family.matches(evidence(outputs))
    assert match.sure is Sure.NO
    assert "lanes" in match.why
    assert "rows" in match.why
    assert family.matches(evidence(outputs, outputs={"table": "rows"})).sure is Sure.LIKELY


def test_scores_beside_maps_of_distances_are_not_taken_for_a_table_of_boxes():
    scores = np.random.default_rng(0).uniform(1e-4, 0.01, (1, 80, 1344)).astype(np.float32)
    known = evidence({"scores": scores, **dict(maps(1, 64, "h", "w"))})
    match = {entry.name: entry for entry in decoders.BUILTIN}["yolov8"].matches(known)
    assert match.sure is Sure.NO
    assert "hold their cells" in match.why
