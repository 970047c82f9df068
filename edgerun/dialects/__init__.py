"""How exporters describe their models: one file per dialect, listed here."""

from __future__ import annotations

from edgerun.contract import Dialect
from edgerun.dialects import (
    coreml,
    deepstream,
    degirum,
    edgerun,
    frigate,
    huggingface,
    libreyolo,
    luxonis,
    mmdeploy,
    openvino,
    paddle,
    rapidai,
    roboflow,
    tflite_metadata,
    timm,
    triton,
    ultralytics,
    winml,
)

__all__ = ["BUILTIN"]

BUILTIN: tuple[Dialect, ...] = (
    edgerun.DIALECT,
    coreml.DIALECT,
    roboflow.DIALECT,
    # in the file
    ultralytics.DIALECT,
    tflite_metadata.DIALECT,
    libreyolo.DIALECT,
    openvino.DIALECT,
    winml.DIALECT,
    rapidai.DIALECT,
    # beside it, as a trainer's exporter writes it
    huggingface.DIALECT,
    timm.DIALECT,
    mmdeploy.DIALECT,
    paddle.DIALECT,
    luxonis.DIALECT,
    degirum.DIALECT,
    # beside it, as somebody has described it to a server
    deepstream.DIALECT,
    frigate.DIALECT,
    triton.DIALECT,
)
"""Earlier ones win over later ones, where both may be right."""
