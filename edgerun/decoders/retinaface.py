"""RetinaFace: faces with five landmarks, or number plates with four, counted from squares of fixed sizes.

loc [1, N, 4], conf [1, N, 2] (background, face), landms [1, N, 10] or [1, N, 8], with or without the first axis; N is
the number of squares. Variances 0.1 and 0.2. Plates are counted from RetinaFace's squares or from larger ones of as
many rows; nothing in a file tells which, so it is asked.
Source: Deng et al., RetinaFace, arXiv 1905.00641; github.com/biubug6/Pytorch_Retinaface (MIT), `utils/box_utils.py`;
github.com/zeusees/License-Plate-Detector, `data/config.py`, and github.com/Fanghc95/Plate-Landmarks-detection,
`data/config.py` (facts alone).
"""

from __future__ import annotations

from edgerun.contract import Convention, Sure
from edgerun.heads import value_checks
from edgerun.heads.prior_boxes import RETINAFACE, ULTRAFACE, PriorOffsets, Squares
from edgerun.heads.readings import Reading, decoder
from edgerun.heads.scores import face_of_two
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

CONVENTIONS = Convention(
    "RetinaFace is trained and tested so", resize="letterbox-topleft", fill=(104, 117, 123), color="bgr", scale=1.0,
    mean=(104.0, 117.0, 123.0), box_units="unit", iou=0.4, keypoint_dims=2,
)  # fmt: skip
FACES = Convention("RetinaFace's five points are those of a face", keypoints=5, labels=("face",))
PLATES = Convention("RetinaFace's four points are the corners of a number plate", keypoints=4, labels=("plate",))

PLATE_SQUARES = ((8, (24, 48)), (16, (96, 192)), (32, (384, 768)))
"""Source: License-Plate-Detector and Plate-Landmarks-detection, `cfg_mnet`."""


def _reading(strides: tuple[int, ...], squares: Squares, kind: Convention, sure: Sure) -> Reading:
    formula = PriorOffsets(squares, (0.1, 0.2), score=face_of_two)
    points = Output("landmarks", (2 * kind.fields["keypoints"],))
    outputs = Output("scores", (2,)), Output("boxes", (4,)), points
    binding = StrideOutputs(strides, outputs, rows=formula.count, is_finished=value_checks.sum_to_one)
    return Reading(binding, formula, (CONVENTIONS, kind), sure=lambda _: sure)


THREE, FOUR = (8, 16, 32), (8, 16, 32, 64)

DECODERS = (
    decoder(
        "retinaface",
        _reading(THREE, Squares(RETINAFACE), FACES, Sure.CERTAIN),
        _reading(FOUR, Squares(ULTRAFACE), FACES, Sure.CERTAIN),
        _reading(THREE, Squares(RETINAFACE), PLATES, Sure.LIKELY),
    ),
    decoder("retinaface-plates", _reading(THREE, Squares(PLATE_SQUARES), PLATES, Sure.LIKELY)),
)
