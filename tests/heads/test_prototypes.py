from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Candidates, Evidence, TensorSpec
from edgerun.heads import prototypes
from edgerun.heads.requirements import Unmet


def evidence(*shapes):
    image = TensorSpec("images", (1, 3, 320, 640), "float32")
    specs = [TensorSpec(f"out{index}", shape, "float32") for index, shape in enumerate(shapes)]
    card = ModelCard(height=320, width=640)
    return Evidence([image], specs, image, card, MappingProxyType({}), lambda kind: {})


@pytest.mark.parametrize(("shape", "last"), [((1, 32, 80, 160), False), ((1, 80, 160, 32), True)])
def test_prototypes_lie_over_the_input_in_either_order_of_axes(shape, last):
    planes = prototypes.of(evidence((1, 40, 100), shape))
    assert planes == prototypes.Prototypes("out1", 32, last)
    found = planes.beside(Candidates.empty(), {"out1": np.zeros(shape, np.float32)})
    assert found.prototypes.shape == (32, 80, 160)


@pytest.mark.parametrize("shape", [(1, 32, 80, 80), (1, 32, 320, 640), (1, 32, 10, 20), (1, 0, 0, 0), (2, 32, 80, 160)])
def test_planes_of_another_form_than_the_input_are_not_prototypes(shape):
    with pytest.raises(Unmet):
        prototypes.of(evidence((1, 40, 100), shape))
