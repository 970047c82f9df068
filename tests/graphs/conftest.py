from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Graph, Node


def _chain(*steps, image="images", rest=(), producer=""):
    """A graph of operators one after another; a step is (operator, constants) and perhaps attributes."""
    nodes, constants, value = [], {}, image
    for number, (op, arrays, *attributes) in enumerate(steps):
        names = [f"c{number}_{index}" for index in range(len(arrays))]
        constants |= {name: np.asarray(array) for name, array in zip(names, arrays, strict=True)}
        nodes.append(Node(op, inputs=(value, *names), outputs=(f"v{number}",), attributes=dict(*attributes)))
        value = f"v{number}"
    return Graph([*nodes, *rest], (image,), (value,), constants=constants, producer=producer)


@pytest.fixture
def chain():
    """(*steps, image, rest, producer) -> a graph of operators one after another."""
    return _chain
