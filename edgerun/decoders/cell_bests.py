"""The best class of every cell or anchor, nothing suppressed: DeepStream-Yolo's exports and Qualcomm AI Hub's.

[1, N, 6]: x1 y1 x2 y2, score, class; or boxes [1, N, 4], scores and classes [1, N] or [1, N, 1].
With three anchors per cell it is a YOLOv5 or its like. One per cell may be any family, and they are fed differently.
Source: the layouts of github.com/marcoslucianops/DeepStream-Yolo (MIT), `utils`, and github.com/qualcomm/ai-hub-models
(BSD-3-Clause), `qai_hub_models/models/_shared/yolo`; what each is fed as in `yolov5` and `cell_boxes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.contract import (
    Alternative,
    Arrays,
    Candidates,
    Decoder,
    Evidence,
    Frame,
    Inference,
    Match,
    Sure,
    TensorSpec,
)
from edgerun.heads import finished_rows, grids, value_checks
from edgerun.heads.grid_facts import GridFacts
from edgerun.heads.grid_rows import units
from edgerun.heads.input_conventions import YOLO
from edgerun.heads.requirements import Unmet, reject, require, verdict
from edgerun.tensors import AnyArray

__all__ = ["DECODERS"]

HABITS = {
    "mean": (
        Alternative(
            {"resize": "letterbox", "color": "rgb", "scale": 1 / 255, "mean": 0.0}, "YOLOv6 to YOLOv12, YOLO-NAS"
        ),
        Alternative({"resize": "letterbox-topleft", "color": "bgr", "scale": 1.0, "mean": 0.0}, "YOLOX"),
        Alternative({"resize": "stretch", "color": "rgb", "scale": 1 / 255, "mean": 0.0}, "PP-YOLOE+"),
    )
}


@dataclass(frozen=True)
class JoinedReader:
    """Reads rows [1, N, 6] of x1 y1 x2 y2, score, class."""

    output: str

    def table(self, outputs: Arrays) -> AnyArray:
        """All rows, [N, 6]."""
        rows: AnyArray = outputs[self.output][0]
        return rows

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in the model's own units."""
        rows = self.table(outputs)
        rows = rows[rows[:, 4] >= frame.conf]
        classes = np.rint(rows[:, 5]).astype(np.int32)
        return Candidates(np.ascontiguousarray(rows[:, :4], np.float32), rows[:, 4].copy(), classes)


@dataclass(frozen=True)
class SplitReader:
    """Reads boxes [1, N, 4], scores and classes [1, N] or [1, N, 1], of outputs with these names."""

    boxes: str
    scores: str
    classes: str

    def table(self, outputs: Arrays) -> AnyArray:
        """All rows, [N, 6]."""
        parts = outputs[self.boxes][0], outputs[self.scores].reshape(-1), outputs[self.classes].reshape(-1)
        return np.column_stack(parts)

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Candidates of one image, boxes in the model's own units."""
        scores = outputs[self.scores].reshape(-1)
        kept = np.flatnonzero(scores >= frame.conf)
        classes = np.rint(outputs[self.classes].reshape(-1)[kept]).astype(np.int32)
        return Candidates(outputs[self.boxes][0][kept].astype(np.float32), scores[kept], classes)


def _reader(evidence: Evidence) -> JoinedReader | SplitReader:
    """How the outputs are read, by their shapes, and by the values of a trial run where they are three."""
    wanted = "it needs one output [1, N, 6], or boxes [1, N, 4], scores [1, N] and classes [1, N]"
    specs = evidence.outputs
    if len(specs) == 1:
        require(len(specs[0].shape) == 3 and specs[0].shape[0] == 1 and specs[0].shape[2] == 6, wanted)
        reject(value_checks.coarse(specs[0]))
        return JoinedReader(specs[0].name)
    boxes = [spec for spec in specs if len(spec.shape) == 3 and spec.shape[0] == 1 and spec.shape[2] == 4]
    require(len(specs) == 3 and len(boxes) == 1, wanted)
    flat = [spec for spec in specs if spec.shape in _flat_shapes(boxes[0].shape[1])]
    values = evidence.probe("textured")
    classes = _classes(flat, values)
    scores = [spec for spec in flat if spec not in classes and value_checks.shares(values[spec.name])]
    require(len(classes) == 1 and len(scores) == 1, wanted)
    return SplitReader(boxes[0].name, scores[0].name, classes[0].name)


def _flat_shapes(count: int | None) -> tuple[tuple[int | None, ...], ...]:
    """Shapes of one number for each of so many rows."""
    return ((1, count), (1, count, 1)) if count else ()


def _classes(flat: list[TensorSpec], values: Arrays) -> list[TensorSpec]:
    """Outputs of whole numbers: those stored so, else those whose values are."""
    stored = [spec for spec in flat if spec.quantization is None and np.dtype(spec.dtype).kind in "iu"]
    return stored or [spec for spec in flat if value_checks.integers(values[spec.name])]


@verdict
def _matches(evidence: Evidence) -> Match:
    card = evidence.card
    require(card.task == "detect", f"it reads detect models, not {card.task}")
    reader = _reader(evidence)
    rows = reader.table(evidence.probe("textured"))
    boxes, scores, classes = rows[:, :4], rows[:, 4], rows[:, 5]
    grid = grids.unordered_grid(scores, card.height, card.width)
    if grid is None or len(finished_rows.filled(rows)) != len(rows):
        raise Unmet(f"{len(rows)} rows are not those of all cells, in no order of score")
    facts = GridFacts(rows.T, grid)
    reject(finished_rows.misfit(boxes, scores, classes))
    reject(facts.misread("xyxy"))
    known = not card.labels or classes.max() < len(card.labels)
    require(known, f"a trial run gives class {classes.max():.0f} of {len(card.labels)} labels")
    brought = [YOLO, units(facts)]
    if isinstance(reader, SplitReader):
        roles = {reader.boxes: "boxes", reader.scores: "scores", reader.classes: "classes"}
        brought.append(Inference("shapes, and values of a probe run", outputs=roles))
    why = f"{len(rows)} rows of a box, a score and a class, {grid}, not suppressed"
    unsettled = HABITS if grid.per_cell == 1 else {}
    return Match.bringing(Sure.LIKELY, why, *brought, unsettled=unsettled, decode=reader)


DECODERS = (Decoder("cell-bests", _matches),)
