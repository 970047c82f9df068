"""MMDetection's and MMPose's exports with their suppression inside.

"mmdetection": dets [1, N, 5] x1 y1 x2 y2 score in pixels of the input, labels [1, N] from 0, perhaps masks [1, N, h, w]
over the input or the box. "mmrotate": dets [1, N, 6] cx cy w h in pixels, angle in radians, score, and labels [1, N].
"rtmo": dets [1, N, 5] and keypoints [1, N, K, 3] x y score (RTMO, YOLOX-Pose).
Source: github.com/open-mmlab/mmdeploy (Apache-2.0), `docs/en/04-supported-codebases`, `configs/mmpose`; for the angle
github.com/open-mmlab/mmrotate at 2874ef6, `rotated_boxes.py`: radians, clockwise about the centre.
"""

from __future__ import annotations

from typing import Any

from edgerun.contract import Alternative, Convention, Sure
from edgerun.heads.finished_table import finished_table

__all__ = ["DECODERS"]

FIT: dict[str, Any] = {"resize": "letterbox-topleft", "fill": 114, "box_units": "pixels", "suppressed": True}

RED_FIRST: dict[str, Any] = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
BLUE_FIRST: dict[str, Any] = {"mean": (103.53, 116.28, 123.675), "std": (57.375, 57.12, 58.395)}
RTMDET = Alternative({"color": "bgr", "scale": 1.0, **BLUE_FIRST}, "RTMDet, blue first")
YOLOX = Alternative({"color": "bgr", "scale": 1.0, "mean": 0.0}, "YOLOX")
HABITS = (
    Alternative({"scale": 1.0, **RED_FIRST}, "most of MMDetection, red first"),
    RTMDET,
    Alternative({"color": "bgr", "scale": 1.0, "mean": BLUE_FIRST["mean"]}, "Caffe's backbones"),
    YOLOX,
    Alternative({"mean": 0.0}, "YOLOv5 and v8 of MMYOLO"),
)
BY_WEIGHTS = {"bbox_head.multi_level_conv_": YOLOX, "rtm_cls": RTMDET}
"""MMDetection at 0818991, configs/yolox and configs/rtmdet; MMRotate at 059b873, configs/rotated_rtmdet.

Not MMYOLO's YOLOX, whose weights are named bbox_head.head_module.…: its "fast" configs took 0..1, red first.
"""

PERSONS = Convention("RTMO and YOLOX-Pose are trained so", **FIT, color="bgr", scale=1.0, labels=("person",))

DECODERS = (
    finished_table(
        "mmdetection", "xyxy score", (Convention("MMDetection's exports", **FIT),), beside=("classes", "masks"),
        filled=Sure.LIKELY, unsettled={"mean": HABITS}, by_weights=BY_WEIGHTS,
    ),
    finished_table(
        "mmrotate", "cxcywh angle score", (Convention("MMRotate's exports", **FIT),), beside=("classes",),
        filled=Sure.LIKELY, unsettled={"mean": HABITS}, by_weights=BY_WEIGHTS,
    ),
    finished_table("rtmo", "xyxy score", (PERSONS,), beside=("keypoints",)),
)  # fmt: skip
