"""DETR's kin with their post-processing inside: RT-DETR, D-FINE, DEIM.

labels [1, N], boxes [1, N, 4] x1 y1 x2 y2 in the pixels of `orig_target_sizes`, scores [1, N]; the first axis may lack.
`orig_target_sizes` is fed the size of the model's input, so boxes are in model pixels.
Source: github.com/lyuwenyu/RT-DETR (Apache-2.0), `export_onnx.py` and `rtdetr_postprocessor.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.contract import Alternative, Convention, Decoder, Evidence, Graph, Inference, Match, Sure
from edgerun.graphs import output_kinds
from edgerun.heads import finished_outputs, finished_rows, input_conventions, value_checks
from edgerun.heads.requirements import reject, require, verdict

__all__ = ["DECODERS"]

PLAIN = Convention("RT-DETR, D-FINE and DEIM are trained so", resize="stretch", color="rgb", scale=1 / 255)
MEAN_AND_STD = {name: input_conventions.IMAGENET_INPUT[name] for name in ("mean", "std")}
DINOV3 = Inference("the graph has a DINOv3 in it, and DEIMv2 on DINOv3 takes ImageNet's mean and std", **MEAN_AND_STD)
MEANS = (Alternative({"mean": 0.0}, "RT-DETR, D-FINE, DEIM"), Alternative(MEAN_AND_STD, "DEIMv2 on DINOv3"))
"""Only with a backbone of patches; DINOv3 cuts the image into patches of 16 pixels."""


def _roles(evidence: Evidence) -> Mapping[str, str]:
    """Name -> role, as the card gives them or as shapes and values tell."""
    shapes = {spec.name: [size for size in spec.shape if size != 1] for spec in evidence.outputs}
    flat = [spec for spec in evidence.outputs if len(shapes[spec.name]) == 1]
    boxes = [name for name, shape in shapes.items() if len(shape) == 2 and shape[1] == 4]
    shaped = (len(shapes), len(flat), len(boxes)) == (3, 2, 1)
    require(shaped, "it needs labels [1, N], boxes [1, N, 4] and scores [1, N]")
    flat_roles = finished_outputs.classes_and_scores(flat, evidence.probe("textured"))
    require(flat_roles, "which output holds labels and which scores cannot be told")
    return finished_outputs.given(evidence) or {**flat_roles, boxes[0]: "boxes"}


def _takes_patches(graph: Graph | None) -> bool:
    return graph is not None and output_kinds.patches(graph) > 0


def _has_dinov3(graph: Graph | None) -> bool:
    return graph is not None and any("dinov3" in node.name.lower() for node in graph.nodes)


@verdict
def _matches(evidence: Evidence) -> Match:
    roles = _roles(evidence)
    inputs = [spec.name for spec in evidence.inputs]
    require("orig_target_sizes" in inputs, "there is no input orig_target_sizes")
    reader = finished_outputs.OutputsReader.of(roles).stored(evidence)
    boxes, scores, classes = reader.rows(evidence.probe("textured"))
    meant = finished_rows.are_filled(boxes)
    boxes, scores, classes = boxes[meant], scores[meant], classes[meant]
    reject(finished_rows.misfit(boxes, scores, classes, reader.step))
    reject(finished_rows.inverted(boxes, scores))
    in_pixels = not value_checks.unit(boxes)
    require(in_pixels, "the boxes of a probe run are in 0..1, not in pixels of orig_target_sizes")
    bound = Inference("shapes, and values of a probe run", outputs=roles)
    units = finished_rows.units(boxes, evidence, "post-processing for orig_target_sizes")
    brings, unsettled = [PLAIN, bound, units], {}
    if _takes_patches(evidence.graph()):
        dinov3 = _has_dinov3(evidence.graph())
        brings += [DINOV3] * dinov3
        unsettled = {} if dinov3 else {"mean": MEANS}
    why = "labels, boxes and scores for orig_target_sizes"
    return Match.bringing(Sure.CERTAIN, why, *brings, unsettled=unsettled, decode=reader)


DECODERS = (Decoder("detr", _matches, suppress=False),)
