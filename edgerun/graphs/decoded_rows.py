"""A table of boxes that a graph decodes itself, followed operator by operator: no trial run need show it.

Of Ultralytics' exports, from YOLOv8 on. For cells with the centre `a`, and distances `near` and `far` to a box's sides:

    concat( concat( ((a - near) + (a + far)) / 2, (a + far) - (a - near) ) * strides, sigmoid(logits) )

Source: their exports to ONNX and Core ML, as the files show it (YOLOv8 and YOLO11, opsets 12 to 19, iOS 15 to 17).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.graphs.view import CONCAT, MAX_DEPTH, NO_NODE, GraphView, kind, spelling
from edgerun.tensors import AnyArray

__all__ = ["strides_of_rows"]


def strides_of_rows(graph: Graph, output: str) -> AnyArray | None:
    """Pixels per cell of each row, flat, where the graph makes an output [1, 4 + C, N] as above; else None.

    Its columns then are cx cy w h in pixels of the input, and C scores in 0..1.
    """
    rows = _Rows(GraphView.of(graph))
    boxes, scores = rows.joined(output)
    if kind(rows.maker(scores)) != "sigmoid":
        return None
    scaled, strides = rows.scaled(boxes)
    if strides is None or not rows.are_centres_and_sizes(*rows.joined(scaled)):
        return None
    return strides.reshape(-1)


class _Rows(NamedTuple):
    """Steps back from an output; each gives the names of values, "" where the graph goes another way."""

    view: GraphView

    def maker(self, name: str) -> Node:
        """The node that makes a value, but for changes of its type; a quantisation is none."""
        for _ in range(MAX_DEPTH):
            node = self.view.producers.get(name, NO_NODE)
            if spelling(node) != "cast":
                return node
            name = node.inputs[0] if node.inputs else ""
        return NO_NODE

    def joined(self, name: str) -> tuple[str, str]:
        """The two values that are joined along the axis of columns."""
        node = self.maker(name)
        inputs = [value for value in node.inputs if value]
        if kind(node) not in CONCAT or len(inputs) != 2 or node.attributes.get("axis") not in (1, -2):
            return "", ""
        return inputs[0], inputs[1]

    def scaled(self, name: str) -> tuple[str, AnyArray | None]:
        """A value, and the constant that it is multiplied by."""
        node = self.maker(name)
        if kind(node) != "mul" or len(node.inputs) != 2:
            return "", None
        first, second = node.inputs
        return first, self.view.constant(second)

    def are_centres_and_sizes(self, centre: str, size: str) -> bool:
        """Whether two values are (near + far) / 2 and far - near, of the same corners, each beside the same cells."""
        difference, total = self.maker(size), self.maker(self._doubled(centre))
        if kind(difference) != "sub" or kind(total) != "add" or len(difference.inputs) != 2:
            return False
        far, near = (self.maker(name) for name in difference.inputs)
        corners = {id(self.maker(name)) for name in total.inputs}
        return corners == {id(far), id(near)} and self._lie_about_cells(near, far)

    def _doubled(self, name: str) -> str:
        """What is halved; "" where nothing is."""
        node = self.maker(name)
        factor = {"div": 2.0, "mul": 0.5}.get(kind(node))
        if factor is None or len(node.inputs) != 2:
            return ""
        by = self.view.constant(node.inputs[1])
        return node.inputs[0] if by is not None and np.all(by == factor) else ""

    def _lie_about_cells(self, near: Node, far: Node) -> bool:
        """Whether the one corner is before, and the other behind the same centres."""
        if kind(near) != "sub" or kind(far) != "add":
            return False
        cells = near.inputs[0], far.inputs[0]
        alike = self._shape(cells[0]) == self._shape(cells[1])
        return alike and all(map(self._is_constant, cells))

    def _is_constant(self, name: str) -> bool:
        """Whether a value depends on no input; it may be larger than the constants that are kept."""
        return name not in self.view.graph.inputs and not self.view.producers.get(name, NO_NODE).inputs

    def _shape(self, name: str) -> tuple[int | None, ...]:
        spec = self.view.graph.values.get(name)
        return () if spec is None else tuple(spec.shape)
