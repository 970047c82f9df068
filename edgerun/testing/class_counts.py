"""How many classes a head has: one alone is enough, and labels must be as many as there are classes.

A model of a single class is the commonest of all that people train themselves, and where labels are one too few or one
too many every name may be another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from edgerun.contract import Candidates
from edgerun.errors import CardInvalid, DecoderAmbiguous, DecoderUnknown
from edgerun.tensors import AnyArray
from edgerun.testing.comparing_rows import assert_same, is_same
from edgerun.testing.heads import Head, Reading, as_floats

__all__ = ["ClassCountConformance"]

REFUSALS = (CardInvalid, DecoderAmbiguous, DecoderUnknown)
"""How a model is refused whose labels are not those of its outputs."""


class ClassCountConformance:
    """Tests of heads that give `Head.of_classes`, and of all that have several classes."""

    def test_a_head_of_one_class_is_read(self, sized_head: Head, reading: Reading) -> None:
        """Without labels, where it needs none, and with the one that it has."""
        head = _of_classes(sized_head, 1)
        for labels in ((), ("thing",)):
            if labels or "labels" not in sized_head.card:
                _assert_read(head, reading, labels)

    def test_as_many_labels_as_classes_are_taken(self, sized_head: Head, reading: Reading) -> None:
        """They change nothing."""
        _assert_read(_of_classes(sized_head, sized_head.classes), reading, _names(sized_head.classes))

    @pytest.mark.parametrize("surplus", [-1, 1], ids=["one label fewer", "one label more"])
    def test_another_number_of_labels_than_of_classes_is_refused(
        self, sized_head: Head, reading: Reading, surplus: int
    ) -> None:
        """Where outputs have a column for each class, by its own family; elsewhere nothing changes."""
        head = _of_classes(sized_head, sized_head.classes)
        objects = head.made_up(head.sizes[0])
        objects[0, 5] = head.classes - 1
        found = _unless_refused(head, reading, objects, head.classes + surplus)
        if found is not None:
            assert not _shows_its_classes(head), "the outputs have a column for each class, and these are other labels"
            assert is_same(found, objects, head), "labels of another number change what is found"
            assert found.classes.max() < head.classes + surplus, "a row has a class that no label names"

    def test_a_class_that_no_label_names_is_never_given(self, several_classes: Head, reading: Reading) -> None:
        """Labels end just before the last class that is shown."""
        head = several_classes
        objects = head.made_up(head.sizes[0])
        labels = int(objects[:, 5].max())
        found = _unless_refused(head, reading, objects, labels)
        assert found is None or found.classes.max(initial=0) < labels, "a row has a class that no label names"


def _assert_read(head: Head, reading: Reading, labels: Sequence[str]) -> None:
    size = head.sizes[0]
    objects = head.made_up(size)
    outputs = head.encoded(objects, size)
    name, read = reading.reader(head, size, outputs, labels)
    assert name == head.decoder
    assert_same(read(as_floats(outputs), 0.25), objects, head)


def _unless_refused(head: Head, reading: Reading, objects: AnyArray, labels: int) -> Candidates | None:
    """What the head's own decoder reads with so many labels; None where they are refused, or are another family's."""
    size = head.sizes[0]
    outputs = head.encoded(objects, size)
    try:
        name, read = reading.reader(head, size, outputs, _names(labels))
        found = read(as_floats(outputs), 0.25)
    except REFUSALS:
        return None
    return found if name == head.decoder and labels else None


def _of_classes(head: Head, count: int) -> Head:
    """A head of so many classes, whose labels nobody says."""
    assert head.of_classes is not None
    card = {name: value for name, value in head.card.items() if name != "labels"}
    return replace(head, encode=head.of_classes(count), classes=count, card=card)


def _shows_its_classes(head: Head) -> bool:
    """Whether the shapes of outputs depend on how many classes there are."""
    if head.of_classes is None:
        return False
    size = head.sizes[0]
    shapes = [
        [array.shape for array in _of_classes(head, count).encoded(head.made_up(size)[:0], size).values()]
        for count in (head.classes, head.classes + 1)
    ]
    return shapes[0] != shapes[1]


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"thing {number}" for number in range(count))
