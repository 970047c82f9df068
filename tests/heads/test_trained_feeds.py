"""YOLOX 0.1.1 (release notes of August 2021) feeds 0..255 where versions before fed ImageNet's deviations."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, TensorSpec
from edgerun.decoders.yolox import FEEDS

IMAGE = TensorSpec("images", (1, 3, 320, 320), "float32")


def fed(bright, blank, dim):
    """A model that gives these objectnesses."""

    def outputs(kind, fields):
        large = fields["scale"] == 1.0
        value = (blank if kind == "blank" else bright) if large else dim
        return {"out": np.full(100, value, np.float32)}

    known = Evidence([IMAGE], [], IMAGE, ModelCard(), MappingProxyType({}), lambda kind: {}, fed=outputs)
    return FEEDS.of(known, lambda found: found["out"])


@pytest.mark.parametrize("seen", [0.0, 1e-7])
def test_two_runs_that_find_nothing_tell_nothing(seen):
    feed = fed(seen, seen, seen / 10)
    assert [alternative.who for alternative in feed.unsettled["mean"]] == ["YOLOX since 0.1.1", "YOLOX before"]
    assert not any("mean" in each.fields for each in feed.brought)


def test_what_one_of_them_sees_is_evidence():
    assert not fed(0.13, 0.0001, 0.006).unsettled, "YOLOX-Nano as it was trained, see `trained_feeds`"
    assert not fed(0.98, 0.07, 0.13).unsettled, "the same, trained as before"
