"""The contract of a family of decoders as tests that any plugin inherits.

    from edgerun.testing import DecoderConformance, Head
    from edgerun_mine import MINE

    def encode(objects, height, width, random):
        ...  # the outputs of a network that sees these objects: {"output0": float32 [1, N, C]}

    class TestConformance(DecoderConformance):
        decoders = (MINE,)
        heads = {"mine": Head(encode, classes=4)}

Needs pytest. The decoders under test compete with all that edgerun brings, as they will once they are installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from edgerun import decoders
from edgerun.contract import Decoder, Sure
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import decoder_choice
from edgerun.tensors import AnyArray
from edgerun.testing.class_counts import ClassCountConformance
from edgerun.testing.comparing_rows import assert_same, rows_of
from edgerun.testing.heads import LARGE, Head, Reading, Size, as_floats
from edgerun.testing.thresholds import ThresholdConformance

__all__ = ["DecoderConformance"]

ODD_SHAPES: tuple[tuple[int, ...], ...] = (
    (), (1,), (0, 7), (1, 1000), (1, 0, 6), (1, 3, 320, 320), (2, 3, 4, 5, 6),
)  # fmt: skip
"""Shapes of outputs that no family has."""

SOURCES = ("convention: ", "inferred: ", "argument", "sidecar")
"""What the source of a field that a verdict brings may begin with."""


def _nothing(objects: AnyArray, height: int, width: int, random: np.random.Generator) -> dict[str, AnyArray]:
    return {}


class DecoderConformance(ThresholdConformance, ClassCountConformance):
    """What every family must do. A subclass gives its decoders, and a head or several for each.

    Attributes:
        decoders: those under test.
        heads: name -> head. The name is the decoder's, or begins with it: "mine", "mine/without objectness".
    """

    decoders: ClassVar[Sequence[Decoder]] = ()
    heads: ClassVar[Mapping[str, Head]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Each test for each head that it is about, or for each decoder."""
        heads = self._named_heads()
        cases: dict[str, Callable[[], Mapping[str, object]]] = {
            "head": lambda: heads,
            "large_head": lambda: _those(heads, lambda head: head.large is not None),
            "pointed_head": lambda: _those(heads, lambda head: head.keypoints > 0),
            "sized_head": lambda: _those(heads, lambda head: head.of_classes is not None),
            "several_classes": lambda: _those(heads, lambda head: head.made_up(head.sizes[0])[:, 5].max() > 0),
            "stacked_head": lambda: _those(heads, self._takes_batches),
            "head_and_size": lambda: _sizes(heads),
            "decoder": lambda: {decoder.name: decoder for decoder in self.decoders},
        }
        for fixture, chosen in cases.items():
            if fixture in metafunc.fixturenames:
                values = chosen()
                metafunc.parametrize(fixture, list(values.values()), ids=list(values))

    def _named_heads(self) -> dict[str, Head]:
        """Name -> head, each with the name of its decoder."""
        return {name: replace(head, decoder=head.decoder or name.split("/")[0]) for name, head in self.heads.items()}

    def _takes_batches(self, head: Head) -> bool:
        """Whether the images of a batch can be told apart: by an axis, or by a number in each row."""
        if head.further_inputs:
            return False
        return head.is_stackable() or not self._reading().named(head.decoder).batched

    def _reading(self) -> Reading:
        """The decoders under test among all that edgerun brings."""
        own = {decoder.name for decoder in self.decoders}
        others = [decoder for decoder in decoders.BUILTIN if decoder.name not in own]
        return Reading([*others, *self.decoders])

    @pytest.fixture
    def reading(self) -> Reading:
        """Reads outputs as a detector does."""
        return self._reading()

    # ------------------------------------------------------------------------------------------- what is read

    def test_known_boxes_come_back_to_a_thousandth_of_a_pixel(
        self, head_and_size: tuple[Head, Size], reading: Reading
    ) -> None:
        """By the decoder that is meant, at every size of the input."""
        head, size = head_and_size
        objects = head.made_up(size, seed=size[1])
        name, candidates = reading.candidates(head, size, head.encoded(objects, size))
        assert name == head.decoder
        assert_same(candidates, objects, head)

    def test_nothing_gives_no_rows(self, head: Head, reading: Reading) -> None:
        """Of the right shapes and types."""
        size = head.sizes[0]
        objects = head.made_up(size)
        empty, probe = head.encoded(objects[:0], size), head.encoded(objects, size)
        _, candidates = reading.candidates(head, size, empty, probe=probe)
        assert len(candidates) == 0
        assert candidates.boxes.shape == (0, 4)
        assert candidates.boxes.dtype == candidates.scores.dtype == np.float32
        assert candidates.classes.dtype == np.int32

    def test_one_object_gives_one_row(self, head: Head, reading: Reading) -> None:
        """And nothing besides."""
        size = head.sizes[0]
        objects = head.made_up(size)
        outputs, probe = head.encoded(objects[:1], size), head.encoded(objects, size)
        _, candidates = reading.candidates(head, size, outputs, probe=probe)
        assert_same(candidates, objects[:1], head)
        assert candidates.boxes.dtype == candidates.scores.dtype == np.float32

    def test_ten_thousand_candidates_come_through_whole(self, large_head: Head, reading: Reading) -> None:
        """At a threshold of 0 every row of a large input is a candidate."""
        size = large_head.large or LARGE
        objects = large_head.made_up(size)
        _, candidates = reading.candidates(large_head, size, large_head.encoded(objects, size), conf=0.0)
        assert len(candidates) >= 10_000
        assert candidates.boxes.shape == (len(candidates), 4)
        assert candidates.scores.shape == candidates.classes.shape == (len(candidates),)
        assert np.isfinite(candidates.boxes).all()
        assert (candidates.scores >= 0).all()
        assert (candidates.scores <= 1).all()

    @pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
    def test_what_is_not_a_number_raises_nothing_and_hurts_no_other_row(
        self, head: Head, reading: Reading, poison: float
    ) -> None:
        """The objects are found all the same."""
        size = head.sizes[0]
        objects = head.made_up(size)
        clean, poisoned = head.encoded(objects, size), head.encoded(objects, size)
        _poison(poisoned, head.encoded(objects[:0], size), poison)
        _, candidates = reading.candidates(head, size, poisoned, probe=clean)
        assert candidates.boxes.shape == (len(candidates), 4)
        is_whole = np.isfinite(candidates.boxes).all(axis=1)
        rows = rows_of(candidates.take(is_whole & (candidates.scores >= 0.25)))
        for expected in objects:
            assert np.isclose(rows, expected, atol=1e-3).all(axis=1).any(), expected

    def test_outputs_are_left_alone(self, head: Head, reading: Reading) -> None:
        """Reading them again gives the same."""
        size = head.sizes[0]
        outputs = head.encoded(head.made_up(size), size)
        _, read = reading.reader(head, size, outputs)
        given = as_floats(outputs)
        first, again = read(given, 0.25), read(given, 0.25)
        for name, array in as_floats(outputs).items():
            np.testing.assert_array_equal(given[name], array)
        np.testing.assert_array_equal(rows_of(again), rows_of(first))

    def test_keypoints_come_back_with_their_boxes(self, pointed_head: Head, reading: Reading) -> None:
        """Each row has its own: the corners and the middle of its object."""
        head, size = pointed_head, pointed_head.sizes[0]
        objects = head.made_up(size)
        _, candidates = reading.candidates(head, size, head.encoded(objects, size))
        assert candidates.keypoints is not None
        assert candidates.keypoints.shape == (len(objects), head.keypoints, 3)
        by_score = candidates.keypoints[np.argsort(-candidates.scores)]
        for points, (x1, y1, x2, y2) in zip(by_score, objects[np.argsort(-objects[:, 4]), :4], strict=True):
            expected = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
            count = min(len(points), 5)
            np.testing.assert_allclose(points[:count, :2], expected[:count], atol=2e-3)
        assert (candidates.keypoints[..., 2] > 0).all(), "a keypoint that was found is visible"

    @pytest.mark.parametrize("batch", [1, 2, 8, None], ids=lambda batch: f"batch of {batch or 'any'}")
    def test_images_of_a_batch_keep_their_own_boxes(
        self, stacked_head: Head, reading: Reading, batch: int | None, tmp_path: Path
    ) -> None:
        """Through the whole `Detector`, five images, one of which is empty."""
        head, size = stacked_head, stacked_head.sizes[0]
        objects = [head.made_up(size, seed=seed) for seed in range(5)]
        objects[3] = objects[3][:0]
        answers = [head.encoded(each, size) for each in objects]
        found = reading.detections(head, size, answers, batch=batch, path=tmp_path / "model.kit")
        for detections, expected in zip(found, objects, strict=True):
            assert_same(detections, expected, head)

    # ------------------------------------------------------------------------------------------- who reads it

    def test_it_is_claimed_by_its_decoder_alone_or_refused_with_the_names_of_all(
        self, head: Head, reading: Reading
    ) -> None:
        """Where rivals read it as well, the refusal says how to name one."""
        size = head.sizes[0]
        objects = head.made_up(size)
        known = head.evidence(size, head.encoded(objects, size), blank=head.encoded(objects[:0], size))
        if not head.rivals:
            assert decoder_choice.choose(known, reading.decoders).decoder.name == head.decoder
            return
        with pytest.raises(DecoderAmbiguous) as refusal:
            decoder_choice.choose(known, reading.decoders)
        for name in (head.decoder, *head.rivals):
            assert f'decoder="{name}"' in refusal.value.hint

    def test_certainty_is_never_shared(self, head: Head, reading: Reading) -> None:
        """No two decoders are certain of one model."""
        size = head.sizes[0]
        objects = head.made_up(size)
        known = head.evidence(size, head.encoded(objects, size), blank=head.encoded(objects[:0], size))
        verdicts = {decoder.name: decoder.matches(known).sure for decoder in reading.decoders}
        certain = [name for name, sure in verdicts.items() if sure is Sure.CERTAIN]
        assert certain in ([], [head.decoder]), verdicts

    def test_a_verdict_says_why_and_gives_a_basis_for_each_convention(self, head: Head, reading: Reading) -> None:
        """Of every decoder, also of those that decline."""
        size = head.sizes[0]
        known = head.evidence(size, head.encoded(head.made_up(size), size))
        for decoder in reading.decoders:
            match = decoder.matches(known)
            assert match.why
            assert match.sure is Sure.NO or set(match.conventions) == set(match.basis)
            assert all(text.startswith(SOURCES) for text in match.basis.values())

    def test_one_size_of_several_is_not_square(self, head: Head) -> None:
        """Or height and width might change places unseen."""
        assert len(head.sizes) == 1 or any(height != width for height, width in head.sizes)

    def test_every_decoder_has_a_head(self) -> None:
        """And every head a decoder under test."""
        assert {decoder.name for decoder in self.decoders} == {head.decoder for head in self._named_heads().values()}

    def test_outputs_of_no_family_raise_nothing(self, decoder: Decoder) -> None:
        """Whatever their shapes, nothing is certain of them."""
        for shape in ODD_SHAPES:
            for count in (1, 2, 3, 4, 6, 12):
                outputs = {f"output_{index}": np.zeros(shape, np.float32) for index in range(count)}
                known = Head(_nothing).evidence((320, 320), outputs)
                assert decoder.matches(known).sure < Sure.CERTAIN, (shape, count)

    def test_a_model_without_outputs_is_claimed_by_none(self, decoder: Decoder) -> None:
        """There is nothing to read."""
        assert decoder.matches(Head(_nothing).evidence((320, 320), {})).sure is Sure.NO


def _those(heads: Mapping[str, Head], wanted: Callable[[Head], bool]) -> dict[str, Head]:
    return {name: head for name, head in heads.items() if wanted(head)}


def _sizes(heads: Mapping[str, Head]) -> dict[str, tuple[Head, Size]]:
    """Each head with each of its sizes."""
    return {
        f"{name}-{height}x{width}": (head, (height, width))
        for name, head in heads.items()
        for height, width in head.sizes
    }


def _poison(outputs: Mapping[str, AnyArray], nothing: Mapping[str, AnyArray], poison: float) -> None:
    """Writes into some of the values that are not an object's."""
    random = np.random.default_rng(5)
    for name, array in outputs.items():
        if array.dtype.kind == "f" and array.shape == nothing[name].shape:
            values = array.reshape(-1)
            free = np.flatnonzero(values == nothing[name].reshape(-1))
            values[random.choice(free, min(20, len(free) // 100))] = poison
