from __future__ import annotations

from edgerun.contract import Unsettled
from edgerun.dialects.readers.channel_order import color_of


def test_imagenets_means_are_largest_for_red():
    assert color_of([123.675, 116.28, 103.53], "reverses nothing") == "rgb"
    assert color_of([103.53, 116.28, 123.675], "reverses nothing") == "bgr"


def test_equal_means_leave_the_order_open():
    found = color_of([0.0], "reverses nothing")
    assert isinstance(found, Unsettled)
    assert [entry.arguments for entry in found.alternatives] == ['color="bgr"', 'color="rgb"']
    assert [dict(entry.fields) for entry in found.alternatives] == [{"color": "bgr"}, {"color": "rgb"}]
