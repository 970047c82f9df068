"""RTMDet as the network leaves it: distances of the four sides from the corner of each cell.

Per stride 8, 16, 32 scores [1, C, h, w] and distances [1, 4, h, w] in pixels.
Source: Lyu et al., RTMDet, arXiv 2212.07784.
"""

from __future__ import annotations

from edgerun.contract import Convention
from edgerun.heads import rtmdet_inputs, side_distances
from edgerun.heads.readings import Reading, decoder
from edgerun.heads.side_distances import PIXELS, SideDistances, in_pixels
from edgerun.heads.stride_outputs import Output, StrideOutputs

__all__ = ["DECODERS"]

OUTPUTS = StrideOutputs((8, 16, 32), (Output("scores"), Output(PIXELS, (4,))))
FORMULA = SideDistances(0.0, in_pixels)
CONVENTIONS = (Convention("rtmdet is trained and tested so", **rtmdet_inputs.RTMDET),)

DECODERS = (decoder("rtmdet-raw", Reading(OUTPUTS, FORMULA, CONVENTIONS, objection=side_distances.not_in_pixels)),)
