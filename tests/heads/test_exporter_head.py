from __future__ import annotations

import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, TensorSpec
from edgerun.heads import exporter_head

IMAGE = TensorSpec("images", (1, 3, 640, 640))


@pytest.mark.parametrize(
    ("metadata", "head"),
    [
        ({"head": "RTDETRDecoder"}, "RTDETRDecoder"),
        ({"metadata.json": '{"task": "detect", "head": "RTDETRDecoder"}'}, "RTDETRDecoder"),
        ({"metadata.json": "not JSON"}, ""),
        ({"metadata.json": "[1]"}, ""),
        ({}, ""),
    ],
)
def test_the_head_is_read_from_either_place(metadata, head):
    known = Evidence([IMAGE], [], IMAGE, ModelCard(), metadata, lambda kind: {})
    assert exporter_head.of(known) == head


def test_other_families_do_not_read_a_head_that_is_named():
    known = Evidence([IMAGE], [], IMAGE, ModelCard(), {"head": "RTDETRDecoder"}, lambda kind: {})
    assert "RTDETRDecoder" in exporter_head.of_others(known)
    assert exporter_head.of_others(known, "RTDETRDecoder") == ""
