"""SCRFD: faces, with or without five landmarks; two anchors per cell at strides 8, 16, 32.

Per stride score [1, N, 1] after the sigmoid, bbox [1, N, 4], kps [1, N, 10]; the first axis may lack.
Side = distance · stride and landmark = offset · stride, from the corner of the cell.
Source: Guo et al., SCRFD, arXiv 2105.04714; github.com/deepinsight/insightface (MIT), `scrfd.py`.
"""

from __future__ import annotations

from edgerun.contract import Convention, Inference
from edgerun.heads import scores
from edgerun.heads.bound_outputs import Tables
from edgerun.heads.readings import Reading, certain, decoder
from edgerun.heads.side_distances import SideDistances, in_strides
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

STRIDES = (8, 16, 32)
SCORES, DISTANCES, LANDMARKS = Output("scores", (1,)), Output("distances", (4,)), Output("landmarks", (10,))

CONVENTIONS = Convention(
    "SCRFD is run so by its authors", resize="letterbox-topleft", fill=0, color="rgb", scale=1.0, mean=127.5,
    std=128.0, iou=0.4, labels=("face",), keypoint_dims=2,
)  # fmt: skip


def _faces(tables: Tables, conf: float) -> scores.Best:
    return scores.of_one_class(tables["scores"][:, 0], conf)


FORMULA = SideDistances(0.0, in_strides, score=_faces)
WITH_LANDMARKS = StrideOutputs(STRIDES, (SCORES, DISTANCES, LANDMARKS), per_cell=2, finished=True)
WITHOUT = StrideOutputs(STRIDES, (SCORES, DISTANCES), per_cell=2, finished=True)
FIVE = Inference("there are ten channels of landmarks", keypoints=5)
NONE = Inference("there are no channels of landmarks", keypoints=0)

DECODERS = (
    decoder(
        "scrfd",
        Reading(WITH_LANDMARKS, FORMULA, (CONVENTIONS, FIVE), sure=certain, tells_roles=False),
        Reading(WITHOUT, FORMULA, (CONVENTIONS, NONE), tells_roles=False),
    ),
)
