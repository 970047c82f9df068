from __future__ import annotations

import pytest

from edgerun.card import ModelCard
from edgerun.card.labels import COCO, COCO91
from edgerun.heads import class_layout

ROLES = {"dets": "boxes", "labels": "logits"}


def layout(columns, labels=(), roles=ROLES, source="argument"):
    sources = {"outputs": source} if roles is not ROLES else {}
    return class_layout.of(roles, "labels", columns, ModelCard(labels=tuple(labels), sources=sources))


def test_as_many_columns_as_names_are_all_classes():
    assert layout(3, "abc") == class_layout.ClassLayout()


def test_one_column_more_than_names_is_asked_for_with_both_readings():
    """rfdetr 1.11.2, export/_onnx/inference.py: the place of the background depends on the checkpoint."""
    found = layout(4, ("red", "green", "blue"))
    first, second = found.unsettled["outputs"]
    assert first.fields == {"outputs": {"dets": "boxes", "labels": "logits"}}
    assert second.fields == {"outputs": {"dets": "boxes", "labels": "logits from 1"}}
    assert "column 1 is red" in second.who


@pytest.mark.parametrize(("role", "columns"), [("logits", (0, 1, 2)), ("logits from 1", (1, 2, 3))])
def test_a_role_that_is_said_settles_it(role, columns):
    found = layout(4, "abc", {"dets": "boxes", "labels": role})
    assert (found.columns, found.unsettled) == (columns, {})


def test_columns_numbered_by_cocos_ids_take_its_names():
    """rfdetr 1.11.2, assets/coco_classes.py: 1 is person, 13 stop sign, 90 toothbrush."""
    assert layout(91, COCO).columns[:12] == (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13)
    assert layout(91, COCO).columns[-1] == 90
    assert layout(91, COCO91).columns == tuple(range(1, 91))
    (brought,) = layout(91).brings
    assert (brought.fields["labels"][1], brought.fields["labels"][90]) == ("person", "toothbrush")
    assert layout(90).brings == ()
