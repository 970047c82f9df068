"""Caffe's DetectionOutput, and OpenVINO's: [1, 1, N, 7], number in the batch, class, score, x1 y1 x2 y2 in 0..1.

"detection-output" counts classes from 1, for 0 is the background; "detection-output-from-0" has none. Rows of a trial
run or the labels tell; else one must be named. A row of -1 ends the table.
Source: Caffe's ssd branch, `detection_output_layer.cpp`; https://docs.openvino.ai, DetectionOutput-8; how such models
are fed: https://github.com/openvinotoolkit/open_model_zoo (Apache-2.0), models/intel, and model.yml of
models/public/ssd300 at 0deed7a (means 104, 117, 123) and models/public/mobilenet-ssd at 00a4830 (127.5 and 127.5).
"""

from __future__ import annotations

from edgerun.contract import Alternative, Convention, Inference, Sure
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

FED = (Convention("SSD is trained so", resize="stretch"), Inference("finished rows", suppressed=True))

HABITS = (
    Alternative({"color": "bgr", "scale": 1.0, "mean": 0.0}, "Intel's, blue first in 0..255"),
    Alternative({"color": "bgr", "scale": 1.0, "mean": (104.0, 117.0, 123.0)}, "SSD on VGG, blue first"),
    Alternative({"color": "bgr", "scale": 1 / 127.5, "mean": 1.0}, "MobileNet-SSD, blue first in -1..1"),
    Alternative({"mean": 0.0}, "0..1, red first"),
)


DECODERS = (
    finished_table(
        "detection-output", "batch label score xyxy", FED, leading=(1, 1), units="unit", filled=Sure.LIKELY,
        unsettled={"mean": HABITS},
    ),
    finished_table(
        "detection-output-from-0", "batch class score xyxy", FED, leading=(1, 1), units="unit", filled=Sure.LIKELY,
        unsettled={"mean": HABITS},
    ),
)  # fmt: skip
