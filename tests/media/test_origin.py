"""Where an image can be had again."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from edgerun.errors import InputError
from edgerun.media import images
from edgerun.media.origin import Origin

PICTURE = np.full((4, 6, 3), (10, 20, 30), np.uint8)


def test_an_array_is_known_as_long_as_somebody_keeps_it():
    picture = PICTURE.copy()
    origin, watched = Origin(picture[..., ::-1].copy(), "rgb"), weakref.ref(picture)
    kept = Origin(picture)
    np.testing.assert_array_equal(kept.image(), PICTURE)
    np.testing.assert_array_equal(copy.deepcopy(kept).image(), PICTURE)
    del picture
    gc.collect()
    assert watched() is None
    for gone in (kept, origin):
        with pytest.raises(InputError, match="not kept"):
            gone.image()


def test_the_order_of_channels_is_remembered():
    reversed_ = PICTURE[..., ::-1].copy()
    np.testing.assert_array_equal(Origin(reversed_, "rgb").image(), PICTURE)


def test_paths_alone_are_pickled(tmp_path):
    images.write(tmp_path / "a.png", PICTURE)
    encoded = (tmp_path / "a.png").read_bytes()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(Origin(tmp_path / "a.png"))).image(), PICTURE)
    np.testing.assert_array_equal(Origin(encoded).image(), PICTURE)
    for source in (encoded, PICTURE):
        back = pickle.loads(pickle.dumps(Origin(source)))
        with pytest.raises(InputError, match="not kept"):
            back.image()
