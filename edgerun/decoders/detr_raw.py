"""DETR's kin without their post-processing: a box and a row of class logits for each query.

"detr-softmax" (DETR, YOLOS, Table Transformer): the last class is "no object".
"detr-sigmoid" (Deformable and Conditional DETR, RT-DETR, D-FINE, DEIM, LW-DETR, RF-DETR): each class stands alone.
Source: the `post_process_object_detection` of each family in transformers (Apache-2.0).
"""

from __future__ import annotations

from typing import Any

from edgerun.contract import Alternative, Convention, Evidence
from edgerun.heads import input_conventions
from edgerun.heads.queries import Feeding, queries

__all__ = ["DECODERS"]

BORDER = (124, 116, 104)
"""The border is nought after normalising, so it has the colour of the mean."""
ASPECT_KEPT: dict[str, Any] = {**input_conventions.IMAGENET_INPUT, "resize": "letterbox-topleft", "fill": BORDER}
PLAIN: dict[str, Any] = {"color": "rgb", "scale": 1 / 255}

MEANS = (
    Alternative({"mean": 0.0}, "RT-DETR, D-FINE, DEIM"),
    Alternative(
        {name: input_conventions.IMAGENET_INPUT[name] for name in ("mean", "std")},
        "RF-DETR, LW-DETR, Deformable and Conditional DETR",
    ),
)
FITS = (
    Alternative({"resize": "stretch"}, "RT-DETR, D-FINE, DEIM, RF-DETR, LW-DETR"),
    Alternative({"resize": "letterbox-topleft"}, "Deformable and Conditional DETR"),
)

SOFTMAX = Feeding(Convention("DETR and YOLOS are trained so", **ASPECT_KEPT))
RF_DETR = Feeding(
    Convention("RF-DETR, whose exporter gives these names", **input_conventions.IMAGENET_INPUT, resize="stretch")
)
MASKED = Feeding(Convention("a model that takes a pixel_mask sees whole images with a border", **ASPECT_KEPT))
RT_DETR = Feeding(Convention("RT-DETR, D-FINE and DEIM are trained so", **PLAIN, resize="stretch"))
ANY_SIGMOID = Feeding(Convention("all of them are trained so", **PLAIN, fill=BORDER), {"mean": MEANS, "resize": FITS})


def _sigmoid(evidence: Evidence) -> Feeding:
    """How a head of sigmoids is fed, by the names of outputs and inputs, or by the mean that is said."""
    outputs, inputs = ({spec.name for spec in specs} for specs in (evidence.outputs, evidence.inputs))
    if outputs - {"masks"} == {"dets", "labels"}:
        return RF_DETR
    if "pixel_mask" in inputs:
        return MASKED
    unshifted = evidence.known("mean") and not any(evidence.card.mean)
    return RT_DETR if unshifted else ANY_SIGMOID


DECODERS = (
    queries("detr-softmax", "softmax", lambda _: SOFTMAX),
    queries("detr-sigmoid", "sigmoid", _sigmoid),
)
