"""Which columns of a head of queries are classes: all, all but the first or the last, or those of COCO's category ids.

Source: rfdetr 1.11.2, export/_onnx/inference.py and assets/coco_classes.py (Apache-2.0); transformers 5.23,
models/deformable_detr and models/conditional_detr, whose `num_labels` is 91, of which column 1 is person; at 09cb93d
convert_conditional_detr_original_pytorch_checkpoint_to_pytorch.py sets it, with coco-detection-id2label.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgerun.card import ModelCard
from edgerun.card.labels import COCO, COCO91, COCO_IDS
from edgerun.contract import Alternative, Convention

__all__ = ["FROM_ONE", "ClassLayout", "of", "of_coco"]

FROM_ONE = {"logits": "logits from 1", "scores": "scores from 1"}
"""Role of a class output -> its role where column 1 is the first class."""

IDS = 91
"""Columns of a head that numbers them by COCO's category ids, 0..90; one more where "no object" is behind them."""


@dataclass(frozen=True)
class ClassLayout:
    """What is known of the class columns.

    Attributes:
        columns: which are classes, in their order; () for all of them.
        brings: what is said of the labels.
        unsettled: the readings, where nothing tells them apart.
    """

    columns: tuple[int, ...] = ()
    brings: tuple[Convention, ...] = ()
    unsettled: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)


def of(roles: Mapping[str, str], name: str, columns: int, card: ModelCard) -> ClassLayout:
    """The layout of an output of so many columns beside the card's labels.

    Args:
        roles: name -> role of all outputs.
        name: of the class output.
        columns: how many there are, without "no object".
        card: what is said; its `outputs` settle at which end the column without a class is.
    """
    labels = card.labels
    if not labels:
        return ClassLayout(brings=_names_of_coco(columns))
    if of_coco(labels, columns):
        return ClassLayout(COCO_IDS)
    behind_first = tuple(range(1, columns))
    if roles[name] in FROM_ONE.values() or (columns == IDS and _same(labels, COCO91)):
        return ClassLayout(behind_first)
    if len(labels) >= columns or card.source("outputs") in SETTLED:
        return ClassLayout(tuple(range(len(labels))) if len(labels) < columns else ())
    first = labels[0]
    from_one = {**roles, name: FROM_ONE[roles[name]]}
    readings = (
        Alternative({"outputs": dict(roles)}, f"column 0 is {first}, and the last is none"),
        Alternative({"outputs": from_one}, f"column 0 is none, column 1 is {first}"),
    )
    return ClassLayout(tuple(range(len(labels))), unsettled={"outputs": readings})


SETTLED = ("argument", "sidecar", "edgerun metadata")
"""Sources of `outputs` that speak of this very file."""


def of_coco(labels: Sequence[str], columns: int) -> bool:
    """Whether these are COCO's 80 names beside columns that its category ids number."""
    return columns in (IDS, IDS + 1) and _same(labels, COCO)


def _same(labels: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two lists name the same classes; a few have several names, and are not compared."""
    ends = [[name.lower() for name in (names[0], names[-1])] for names in (labels, others)]
    return len(labels) == len(others) and ends[0] == ends[1]


def _names_of_coco(columns: int) -> tuple[Convention, ...]:
    if columns != IDS:
        return ()
    names = ("N/A", *COCO91)
    return (Convention(f"{IDS} columns are numbered by COCO's category ids", labels=names),)
