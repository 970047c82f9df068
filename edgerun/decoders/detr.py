"""DETR's kin with their post-processing inside: RT-DETR, D-FINE, DEIM.

labels [1, N], boxes [1, N, 4] x1 y1 x2 y2 in the pixels of `orig_target_sizes`, scores [1, N]; the first axis may lack.
`orig_target_sizes` is fed the size of the model's input, so boxes are in model pixels.
Source: github.com/lyuwenyu/RT-DETR (Apache-2.0), `export_onnx.py` and `rtdetr_postprocessor.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.contract import Arrays, Candidates, Decoder, Evidence, Frame, Match, Sure
from edgerun.graphs import output_kinds
from edgerun.heads import finished_rows, image_inputs, value_checks

__all__ = ["DECODERS"]

CONVENTIONS: dict[str, Any] = {"resize": "stretch", "color": "rgb", "scale": 1 / 255}
BASIS = dict.fromkeys(CONVENTIONS, "convention: RT-DETR, D-FINE and DEIM are trained so")
HABITS = {
    "mean": {
        "mean=0": "RT-DETR, D-FINE, DEIM",
        "mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)": "DEIMv2 on DINOv3",
    }
}
"""Only with a backbone of patches; DINOv3 cuts the picture into patches of 16 pixels."""


def _decode(outputs: Arrays, frame: Frame) -> Candidates:
    by_role = {frame.card.outputs[name]: array for name, array in outputs.items()}
    scores = by_role["scores"].reshape(-1)
    kept = np.flatnonzero(scores >= frame.conf)
    classes = np.rint(by_role["classes"].reshape(-1)[kept]).astype(np.int32)
    return Candidates(by_role["boxes"].reshape(-1, 4)[kept].astype(np.float32), scores[kept], classes)


def _fed(evidence: Evidence) -> tuple[dict[str, Any], dict[str, str], Mapping[str, Mapping[str, str]]]:
    """(fields, basis, what is left open): the backbone tells, where the graph can be read."""
    graph = evidence.graph()
    if graph is None or not output_kinds.patches(graph):
        return CONVENTIONS, BASIS, {}
    if any("dinov3" in node.name.lower() for node in graph.nodes):
        seen = "inferred: the graph has a DINOv3 in it, and DEIMv2 on DINOv3 takes ImageNet's mean and std"
        return {**image_inputs.IMAGENET, "resize": "stretch"}, BASIS | dict.fromkeys(("mean", "std"), seen), {}
    return CONVENTIONS, BASIS, HABITS


def _matches(evidence: Evidence) -> Match:
    sizes = next((spec for spec in evidence.inputs if spec.name == "orig_target_sizes"), None)
    shapes = {spec.name: tuple(size for size in spec.shape if size != 1) for spec in evidence.outputs}
    flat = [name for name, shape in shapes.items() if len(shape) == 1]
    boxes = [name for name, shape in shapes.items() if len(shape) == 2 and shape[1] == 4]
    if len(shapes) != 3 or len(flat) != 2 or len(boxes) != 1:
        return Match(Sure.NO, "it needs labels [1, N], boxes [1, N, 4] and scores [1, N]")
    values = evidence.probe("textured")
    stored = {spec.name: np.dtype(spec.dtype).kind for spec in evidence.outputs}
    whole = [name for name in flat if stored[name] in "iu"] or [n for n in flat if value_checks.integers(values[n])]
    shares = [name for name in flat if name not in whole and value_checks.shares(values[name])]
    if len(whole) != 1 or len(shares) != 1:
        return Match(Sure.NO, "which output holds labels and which scores cannot be told")
    if sizes is None:
        return Match(Sure.NO, "there is no input orig_target_sizes")
    rows = values[boxes[0]].reshape(-1, 4)
    wrong = finished_rows.misfit(rows, values[shares[0]].reshape(-1), values[whole[0]].reshape(-1))
    if wrong or (len(rows) and value_checks.unit(rows)):
        return Match(Sure.NO, wrong or "the boxes of a probe run are in 0..1, not in pixels of orig_target_sizes")
    fields, reasons, unsettled = _fed(evidence)
    conventions = {**fields, "outputs": {whole[0]: "classes", shares[0]: "scores", boxes[0]: "boxes"}}
    basis = {**reasons, "outputs": "inferred: shapes, and values of a probe run"}
    return Match(Sure.CERTAIN, "labels, boxes and scores for orig_target_sizes", conventions, basis, unsettled)


DECODERS = (Decoder("detr", _matches, _decode, suppress=False),)
