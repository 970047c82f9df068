"""The sentences that refuse a model whose outputs no decoder reads, or several."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun.contract import Decoder, Evidence, Match
from edgerun.errors import DecoderAmbiguous, DecoderUnknown
from edgerun.heads.requirements import STAND_IN
from edgerun.interpretation import other_tasks

__all__ = ["PHOTOS", "none_reads", "several_read"]

PHOTOS = "photos may tell: edgerun card MODEL --images DIR"

Verdicts = Sequence[tuple[Decoder, Match]]
"""Decoders that were asked, with what each says of the outputs."""


def none_reads(evidence: Evidence, verdicts: Verdicts) -> DecoderUnknown:
    """Nobody reads the outputs; what they look like, and what would help."""
    for decoder, match in verdicts:
        if STAND_IN in match.why:
            return DecoderUnknown(
                f"The outputs are {decoder.name}'s, but {match.why}.",
                hint="export the model again at the size that it is to run at, or with open sides and imgsz=",
            )
    other = other_tasks.recognised(evidence.outputs, evidence.card.height, evidence.card.width)
    if other:
        return DecoderUnknown(
            f"No decoder reads these outputs: {_listed(evidence)}; they look like {other}, which edgerun does not do.",
            hint="run it with the library it was made for; if it is a detector all the same, name its decoder with "
            "decoder=, of those of: edgerun plugins",
        )
    from edgerun.heads import named_roles  # which only a refusal needs

    by_roles = named_roles.suggested(evidence)
    hint = "see why with: edgerun inspect MODEL --why; name one with decoder=, or write a plugin for this family"
    if by_roles:
        hint = f"if these are boxes and what belongs to them, pass {by_roles}, or the other order of boxes; {hint}"
    return DecoderUnknown(f"No decoder reads these outputs: {_listed(evidence)}.", hint=hint)


def several_read(finalists: Verdicts, evidence: Evidence) -> DecoderAmbiguous:
    """Several read the outputs, and nothing tells which is right."""
    hypotheses = " or ".join(f"{decoder.name} ({match.why})" for decoder, match in finalists)
    arguments = " or ".join(f'decoder="{decoder.name}"' for decoder, _ in finalists)
    return DecoderAmbiguous(
        f"The outputs {_listed(evidence)} can be read in {len(finalists)} ways: {hypotheses}.",
        hint=f"pass {arguments}; {PHOTOS}",
    )


def _listed(evidence: Evidence) -> str:
    return "; ".join(map(str, evidence.outputs))
