"""Families of four finished outputs whose names tell what each is: a count, boxes x1 y1 x2 y2, scores and classes.

    DECODERS = (counted_outputs("efficient-nms", {"num_dets": "count", "det_boxes": "boxes", …}, FED),)

Other families put y before x and call their outputs otherwise; see `edgerun.decoders.tfod`.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.contract import Convention, Decoder, Evidence, Inference, Match, Sure
from edgerun.heads import finished_rows
from edgerun.heads.finished_outputs import OutputsReader
from edgerun.heads.requirements import require, verdict

__all__ = ["X_FIRST_NAMES", "counted_outputs"]

X_FIRST_NAMES = ("num_dets", "num_predictions")
"""Ends of the names of counts beside boxes that put x before y."""


def counted_outputs(name: str, names: Mapping[str, str], *brings: Convention) -> Decoder:
    """A family of a count and its boxes, scores and classes.

    Args:
        name: of the decoder.
        names: how the name of an output ends -> its role.
        brings: how images are fed, and what else holds for the family.
    """

    @verdict
    def matches(evidence: Evidence) -> Match:
        roles = {spec.name: _role(spec.name, names) for spec in evidence.outputs}
        complete = sorted(roles.values()) == sorted(names.values())
        require(complete, f"it needs the outputs {', '.join(names)}")
        reader = OutputsReader.of(roles).stored(evidence)
        boxes, _, _ = reader.judged(evidence)
        bound, units = Inference("the names of the outputs", outputs=roles), finished_rows.units(boxes, evidence, name)
        return Match.bringing(Sure.CERTAIN, "finished detections, by their names", *brings, bound, units, decode=reader)

    return Decoder(name, matches, suppress=False)


def _role(output: str, names: Mapping[str, str]) -> str:
    return next((role for end, role in names.items() if output.endswith(end)), "")
