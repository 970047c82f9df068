"""What a TFLite file calls its inputs and outputs, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun.wire.flatbuffers import Table

__all__ = ["POST_PROCESS", "post_process", "signature_names"]

POST_PROCESS = "TFLite_Detection_PostProcess"
"""The custom operator that decodes the boxes of TensorFlow's detectors and suppresses overlapping ones."""


def signature_names(model: Table, side: int) -> dict[int, str]:
    """Tensor -> the name that a signature gives to an input (0) or output (1), where it names all of them.

    Not of outputs of TFLite_Detection_PostProcess: exporters mix up the names of those.
    """
    graph = model.tables(2)[0]
    places = graph.numbers(1 + side)
    if side == 1 and post_process(graph, [code.text(1) for code in model.tables(1)]) is not None:
        return {}
    for signature in model.tables(7):
        named = {int(entry.number(1, "I")): entry.text(0) for entry in signature.tables(side)}
        of_first_graph = signature.number(4, "I") == 0
        if of_first_graph and set(named) == set(places) and len(set(named.values())) == len(places):
            return named
    return {}


def post_process(graph: Table, codes: Sequence[str]) -> Table | None:
    """The operator whose four outputs are those of the graph; None where there is none."""
    outputs = set(graph.numbers(2))
    for operator in graph.tables(3):
        if codes[operator.number(0, "I")] == POST_PROCESS and set(operator.numbers(2)) == outputs:
            return operator
    return None
