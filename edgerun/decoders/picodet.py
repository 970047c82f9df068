"""PicoDet as exported without its post-processing: NanoDet's arithmetic at four strides.

Per stride scores [1, N, C] after the sigmoid and distances [1, N, 4 · bins], from the centre of the cell.
Source: Yu et al., PP-PicoDet, arXiv 2111.00902; github.com/PaddlePaddle/PaddleDetection (Apache-2.0), `pico_head.py`.
"""

from __future__ import annotations

from edgerun.contract import Convention
from edgerun.heads import dfl, input_conventions
from edgerun.heads.readings import Reading, decoder
from edgerun.heads.side_distances import SideDistances, in_bins
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

OUTPUTS = StrideOutputs((8, 16, 32, 64), (Output("scores"), dfl.output(8)), fits=dfl.only_scores_in_0_to_1)
CONVENTIONS = Convention(
    "PicoDet is trained and tested so", **input_conventions.IMAGENET_INPUT, resize="stretch", iou=0.6
)

DECODERS = (decoder("picodet", Reading(OUTPUTS, SideDistances(0.5, in_bins), (CONVENTIONS,), objection=dfl.objection)),)
