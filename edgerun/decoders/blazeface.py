"""MediaPipe's BlazeFace and its kin for hands and bodies: boxes and keypoints counted from points, not from sizes.

Regressors [1, N, 4 + 2·K]: cx cy w h, then x y of K keypoints, in pixels of the input, from the centre of a cell;
scores [1, N, 1] or [1, N] before the sigmoid. Both may be split into one output per stride. The cells of a stride fill
the input: their centres are (column + 1/2) / columns of its width.
Source: Bazarevsky et al., BlazeFace, arXiv 1907.05047; MediaPipe's `ssd_anchors_calculator.cc`,
`tensors_to_detections_calculator.cc` and `face_detection.pbtxt`; its Tasks 1.2.3, `face_detector_graph.cc`,
`hand_detector_graph.cc` and `pose_detector_graph.cc` (Apache-2.0).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement, pairwise
from typing import NamedTuple

import numpy as np

from edgerun.boxes import cxcywh_to_xyxy
from edgerun.contract import Arrays, Candidates, Convention, Decoder, Evidence, Frame, Inference, Match, Sure
from edgerun.heads import landmarks, prior_boxes, scores, value_checks
from edgerun.heads.requirements import reject, require, verdict
from edgerun.tensors import AnyArray, FloatArray, TensorSpec

__all__ = ["DECODERS"]

Ladder = tuple[tuple[int, int], ...]
"""Strides, and anchors per cell."""

PUBLISHED: tuple[Ladder, ...] = (
    ((8, 2), (16, 6)),  # short range, 128; hands, 192
    ((16, 2), (32, 6)),  # back camera, 256
    ((4, 1),),  # full range, 192
    ((8, 2), (16, 2), (32, 6)),  # hands, 256; bodies, 224
)

STRIDES = (4, 8, 16, 32)
MOST_LAYERS = 5
"""Of the published graphs, `num_layers`; layers of one stride share their cells."""

CONVENTIONS = Convention(
    "MediaPipe feeds and suppresses so",
    resize="letterbox",
    fill=0,
    color="rgb",
    conf=0.5,
    iou=0.3,
    nms="weighted",
    keypoint_dims=2,
)
MINUS_1_TO_1 = Convention("MediaPipe's face and pose detectors take -1..1", scale=1 / 127.5, mean=1.0)
FROM_0_TO_1 = Convention("MediaPipe's hand detector takes 0..1", scale=1 / 255)

BY_KEYPOINTS = {
    6: (MINUS_1_TO_1, Convention("MediaPipe's face detector has 6 keypoints", labels=("face",))),
    7: (FROM_0_TO_1, Convention("MediaPipe's hand detector has 7 keypoints", labels=("hand",))),
    4: (MINUS_1_TO_1, Convention("MediaPipe's pose detector has 4 keypoints", labels=("person",))),
}


def _ladders() -> Iterable[Ladder]:
    """All that MediaPipe's options can say: strides that grow without a gap, one anchor a layer or two."""
    for layers in range(1, MOST_LAYERS + 1):
        for strides in combinations_with_replacement(STRIDES, layers):
            if all(coarse <= 2 * fine for fine, coarse in pairwise(strides)):
                yield tuple(Counter(strides).items())
                yield tuple(Counter(strides * 2).items())


POSSIBLE = tuple(dict.fromkeys(_ladders()))


@lru_cache(maxsize=8)
def _points(ladder: Ladder, height: int, width: int) -> FloatArray:
    """The centres that rows count from, [N, 2], model pixels."""
    found = []
    for stride, each in ladder:
        lines, columns = prior_boxes.rounded_up(height, stride), prior_boxes.rounded_up(width, stride)
        found.append(prior_boxes.laid(lines, columns, np.ones((each, 2)))[:, :2])
    return np.concatenate(found) * np.array((width, height), np.float32)


class Table(NamedTuple):
    """An output without its axes of 1.

    Attributes:
        name: of the output.
        rows, columns: of one axis the rows, with one column.
    """

    name: str
    rows: int
    columns: int

    @classmethod
    def of(cls, spec: TensorSpec) -> Table:
        """Raises `Unmet` where an output has more than two axes."""
        sizes = [size or 0 for size in spec.shape if size != 1]
        require(len(sizes) in (1, 2), "it needs scores [1, N, 1] and regressors [1, N, 4 + 2 · K]")
        return cls(spec.name, sizes[0], sizes[1] if len(sizes) == 2 else 1)


@dataclass(frozen=True, slots=True)
class Regressors:
    """Reads outputs by their names, the finer grid first.

    Attributes:
        ladder: of the anchors.
        scores, regressors: names of the outputs.
        columns: of the regressors.
    """

    ladder: Ladder
    scores: tuple[str, ...]
    regressors: tuple[str, ...]
    columns: int

    def logits(self, outputs: Arrays) -> AnyArray:
        """Scores before the sigmoid, [N]."""
        return _joined(outputs, self.scores, 1)[:, 0]

    def __call__(self, outputs: Arrays, frame: Frame) -> Candidates:
        """Boxes and keypoints of the rows that score at least `frame.conf`."""
        logits = self.logits(outputs)
        kept = np.flatnonzero(logits >= scores.least_logit(frame.conf))
        points = _points(self.ladder, frame.height, frame.width)[kept]
        rows = _joined(outputs, self.regressors, self.columns)[kept].astype(np.float32)
        rows[:, :2] += points
        keypoints = landmarks.around(rows[:, 4:], points, np.ones(1, np.float32))
        classes = np.zeros(len(kept), np.int32)
        found = Candidates(cxcywh_to_xyxy(rows), scores.sigmoid(logits[kept]), classes, keypoints)
        return found.take(found.scores >= frame.conf)


def _joined(outputs: Arrays, names: Sequence[str], columns: int) -> AnyArray:
    parts = [outputs[name].reshape(-1, columns) for name in names]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _ladder(count: int, height: int, width: int) -> tuple[Ladder, Sure]:
    """The ladder whose anchors are so many: a published one, else the only one that MediaPipe's options can say."""
    published = _of_count(PUBLISHED, count, height, width)
    if published:
        return published[0], Sure.CERTAIN
    possible = _of_count(POSSIBLE, count, height, width)
    require(possible, f"{count} rows are not the anchors of a {width} x {height} input")
    require(len(possible) == 1, f"{count} rows can be the anchors of {len(possible)} grids")
    return possible[0], Sure.LIKELY


def _of_count(ladders: Iterable[Ladder], count: int, height: int, width: int) -> list[Ladder]:
    return [ladder for ladder in ladders if _anchors(ladder, height, width) == count]


def _anchors(ladder: Ladder, height: int, width: int) -> int:
    return sum(-(-height // stride) * -(-width // stride) * each for stride, each in ladder)


def _split(evidence: Evidence) -> tuple[list[Table], list[Table]]:
    """Scores and regressors, the finer grid first; raises `Unmet` where outputs are not such of the same rows."""
    tables = sorted(map(Table.of, evidence.outputs), key=lambda table: -table.rows)
    narrow = [table for table in tables if table.columns == 1]
    wide = [table for table in tables if table.columns != 1]
    widths = {table.columns for table in wide}
    even = len(widths) == 1 and min(widths) >= 6 and min(widths) % 2 == 0
    require(narrow and even, "it needs scores [1, N, 1] and regressors [1, N, 4 + 2 · K]")
    same = [table.rows for table in narrow] == [table.rows for table in wide]
    require(same, "scores and regressors are not of the same rows")
    return narrow, wide


def _not_logits(reader: Regressors, evidence: Evidence) -> str:
    logits = reader.logits(evidence.probe("textured"))
    if value_checks.integers(logits):
        return "what should be logits are whole numbers in a probe run, as those of classes are"
    if value_checks.shares(logits):
        return "the scores of a probe run lie in 0..1: they went through a sigmoid already"
    return ""


@verdict
def _matches(evidence: Evidence) -> Match:
    narrow, wide = _split(evidence)
    count, columns = sum(table.rows for table in narrow), wide[0].columns
    ladder, sure = _ladder(count, evidence.card.height, evidence.card.width)
    names = tuple(table.name for table in narrow), tuple(table.name for table in wide)
    reader = Regressors(ladder, *names, columns)
    reject(_not_logits(reader, evidence))
    keypoints = (columns - 4) // 2
    counted = Inference(f"{columns} columns are a box and {keypoints} points", keypoints=keypoints)
    further = BY_KEYPOINTS.get(keypoints, (MINUS_1_TO_1,))
    why = f"{count} scores, boxes and {keypoints} keypoints"
    return Match.bringing(sure, why, CONVENTIONS, counted, *further, decode=reader)


DECODERS = (Decoder("blazeface", _matches),)
