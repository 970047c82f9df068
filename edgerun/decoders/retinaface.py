"""RetinaFace: faces with five landmarks, counted from squares of fixed sizes.

loc [1, N, 4], conf [1, N, 2] (background, face), landms [1, N, 10]; N is the number of squares. Variances 0.1 and 0.2.
Source: Deng et al., RetinaFace, arXiv 1905.00641; github.com/biubug6/Pytorch_Retinaface (MIT), `utils/box_utils.py`.
"""

from __future__ import annotations

from edgerun.contract import Convention
from edgerun.heads import scores, value_checks
from edgerun.heads.bound_outputs import Tables
from edgerun.heads.prior_boxes import RETINAFACE, ULTRAFACE, PriorOffsets, Squares
from edgerun.heads.readings import Reading, certain, decoder
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

OUTPUTS = (Output("scores", (2,)), Output("boxes", (4,)), Output("landmarks", (10,)))

CONVENTIONS = (
    Convention(
        "RetinaFace is trained and tested so", resize="letterbox-topleft", fill=(104, 117, 123), color="bgr",
        scale=1.0, mean=(104.0, 117.0, 123.0), box_units="unit", iou=0.4, keypoints=5, keypoint_dims=2,
        labels=("face",),
    ),
)  # fmt: skip


def _faces(tables: Tables, conf: float) -> scores.Best:
    """The second of two columns; a softmax of two logits is the sigmoid of their difference."""
    if "logits" in tables:
        logits = tables["logits"]
        return scores.of_one_class(scores.sigmoid(logits[:, 1] - logits[:, 0]), conf)
    return scores.of_one_class(tables["scores"][:, 1], conf)


def _reading(strides: tuple[int, ...], formula: PriorOffsets) -> Reading:
    outputs = StrideOutputs(strides, OUTPUTS, rows=formula.count, is_finished=value_checks.sum_to_one)
    return Reading(outputs, formula, CONVENTIONS, sure=certain)


LARGE = PriorOffsets(Squares(RETINAFACE), (0.1, 0.2), score=_faces)
SLIM = PriorOffsets(Squares(ULTRAFACE), (0.1, 0.2), score=_faces)

DECODERS = (decoder("retinaface", _reading((8, 16, 32), LARGE), _reading((8, 16, 32, 64), SLIM)),)
