"""torchvision's detectors with everything inside: Faster, Mask and Keypoint R-CNN, RetinaNet, FCOS, SSD; and their kin.

boxes [N, 4] x1 y1 x2 y2 in pixels of the input, labels [N], scores [N], perhaps masks [N, 1, h, w] in 0..1 over the
input or the box, or keypoints [N, K, 3] x y visibility and their logits [N, K], which are left aside; N differs from
image to image and may be 0. The first axis of a batch may be there or not.
Labels count as the file counts them. Where names are given whose first is not a background, it must be said whether the
first of them is label 0 (role "classes") or label 1 (role "classes from 1").
Source: torchvision.models.detection (BSD-3-Clause), `generalized_rcnn.py`, `transform.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from edgerun.card.labels import BACKGROUNDS
from edgerun.contract import Alternative, Arrays, Convention, Decoder, Evidence, Inference, Match, Sure
from edgerun.heads import class_columns, finished_outputs, finished_rows, output_roles, value_checks
from edgerun.heads.finished_outputs import FROM_ONE, OutputsReader
from edgerun.heads.requirements import reject, require, verdict
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

LOGITS, FLAT = "keypoint logits", "flat"
KEYS = {"boxes", "labels", "scores", "masks", "keypoints", "keypoints_scores"}
"""The names that torchvision gives to its results."""

PLAIN_FORM = {"boxes": 1, FLAT: 2}
FORMS = (
    PLAIN_FORM,
    {**PLAIN_FORM, "masks": 1},
    {**PLAIN_FORM, "keypoints": 1},
    {**PLAIN_FORM, "keypoints": 1, LOGITS: 1},
)
"""Kind of output -> how many there may be."""

TASKS = {"masks": "segment", "keypoints": "pose"}

INSIDE = Convention(
    "torchvision normalises and suppresses inside", color="rgb", scale=1 / 255, resize="letterbox-topleft",
    fill=(124, 116, 104), suppressed=True, box_units="pixels",
)  # fmt: skip
BENCHMARK = {"color": "bgr", "scale": 1.0, "mean": (102.98, 115.95, 122.77)}
MEANS = (
    Alternative({"mean": 0.0}, "torchvision, which normalises inside"),
    Alternative(BENCHMARK, "maskrcnn-benchmark and the ONNX model zoo"),
)
FITS = (
    Alternative({"resize": "letterbox-topleft"}, "torchvision"),
    Alternative({"resize": "stretch"}, "RT-DETR and its kin"),
)
"""With the axis of a batch it may as well be a DETR with its post-processing inside."""

WANTED = "its outputs are not boxes [N, 4], labels [N], scores [N] and perhaps masks or keypoints"


def _has_batch(outputs: Arrays) -> bool:
    return any(array.ndim == 3 and array.shape[2] == 4 for array in outputs.values())


def _bare(outputs: Arrays) -> Arrays:
    """Without the axis of a batch of one; [N, 1, h, w] as [N, h, w]."""
    if _has_batch(outputs):
        outputs = {name: np.atleast_1d(array)[0] for name, array in outputs.items()}
    return {name: array[:, 0] if array.ndim == 4 else array for name, array in outputs.items()}


def _are_keypoints(array: AnyArray) -> bool:
    return array.ndim == 3 and array.shape[2] == 3


NO_KEYPOINTS = np.empty((0, 0, 3))


def _kind(array: AnyArray, keypoints: AnyArray) -> str:
    """The role that an output has by its shape, beside these keypoints [N, K, 3]; "" for one that has none."""
    if array.ndim == 3:
        return "keypoints" if array is keypoints else "masks"
    if array.shape == keypoints.shape[:2]:
        return LOGITS
    return {(1,): FLAT, (2, 4): "boxes"}.get((array.ndim, *array.shape[1:]), "")


def _roles(evidence: Evidence, values: Arrays) -> dict[str, str]:
    """Name -> role, by the shapes of a run: files give them wrongly or not at all."""
    keypoints = next(filter(_are_keypoints, values.values()), NO_KEYPOINTS)
    kinds = {name: _kind(array, keypoints) for name, array in values.items()}
    require(Counter(kinds.values()) in FORMS, WANTED)
    lengths = set(map(len, values.values()))
    require(len(lengths) == 1, WANTED)
    flat = [spec for spec in evidence.outputs if kinds.get(spec.name) == FLAT]
    flat_roles = finished_outputs.classes_and_scores(flat, values)
    require(flat_roles, WANTED)
    return kinds | flat_roles


def _counting(names: tuple[str, ...], labels: AnyArray) -> tuple[str, ...]:
    """The roles that an output of these labels may have beside class names: one where it is known how they count."""
    if not names or names[0].lower() in (*BACKGROUNDS, "n/a") or (labels == 0).any():
        return ("classes",)
    if (labels == len(names)).any():
        return (FROM_ONE,)
    return ("classes", FROM_ONE)


@verdict
def _matches(evidence: Evidence) -> Match:
    card, inputs = evidence.card, [spec.name for spec in evidence.inputs]
    counted = len(evidence.outputs) in (3, 4, 5) and "orig_target_sizes" not in inputs
    require(counted, "it needs boxes [N, 4], labels [N] and scores [N], and no input orig_target_sizes")
    outputs = evidence.probe("textured")
    values, batched = _bare(outputs), _has_batch(outputs)
    said = finished_outputs.given(evidence)
    roles = said or _roles(evidence, values)
    require(set(roles) == set(values), WANTED)
    boxes, scores, labels = OutputsReader.of(roles).rows(outputs)
    crossed = (boxes[:, 2:] < boxes[:, :2]).any()
    require(not crossed, "the boxes of a probe run are not x1 y1 x2 y2")
    reject(class_columns.unfinished(scores, len(scores), card))
    unit = value_checks.unit(boxes)
    require(batched or not unit, "the boxes of a probe run are in 0..1, where torchvision gives pixels")
    largest, names = labels.max(initial=0), card.labels
    require(not names or largest <= len(names), f"a probe run gives label {largest:.0f} of {len(names)} labels")
    counting = () if said else _counting(names, labels)
    roles = output_roles.renamed(roles, "classes", counting[0]) if counting else roles
    brings = [INSIDE, Inference("shapes, types, and values of a probe run", outputs=roles), *_further(roles, values)]
    filled = boxes[finished_rows.are_filled(boxes)]
    brings.append(finished_rows.units(filled, evidence, "torchvision"))
    further = [role for role in TASKS if role in roles.values()]
    why = f"{', '.join(('boxes', 'labels', *further))} and scores of {labels.size} finished detections"
    unsettled = _unsettled(roles, counting, names, batched=batched)
    return Match.bringing(
        Sure.LIKELY, why, *brings, unsettled=unsettled, decode=OutputsReader.of(roles).stored(evidence)
    )


def _further(roles: Mapping[str, str], values: Arrays) -> list[Convention]:
    """The task, and how many keypoints there are."""
    by_role = {role: values[name] for name, role in roles.items()}
    task = next((TASKS[role] for role in TASKS if role in by_role), "detect")
    found: list[Convention] = [Inference("the outputs", task=task)]
    if "keypoints" in by_role:
        found.append(Inference("the outputs", keypoints=by_role["keypoints"].shape[1], keypoint_dims=3))
    return found


def _unsettled(
    roles: Mapping[str, str], counting: tuple[str, ...], names: tuple[str, ...], *, batched: bool
) -> dict[str, tuple[Alternative, ...]]:
    """What is left open: how labels count, how the image is normalised, how it is fitted."""
    found: dict[str, tuple[Alternative, ...]] = {}
    if len(counting) > 1:
        found["outputs"] = (
            Alternative({"outputs": dict(roles)}, f"label 0 is {names[0]}"),
            Alternative(
                {"outputs": output_roles.renamed(roles, "classes", FROM_ONE)},
                f"label 0 is a background, label 1 is {names[0]}",
            ),
        )
    if batched or not set(roles) <= KEYS:
        found["mean"] = MEANS
    return found | {"resize": FITS} if batched else found


DECODERS = (Decoder("torchvision", _matches, suppress=False),)
