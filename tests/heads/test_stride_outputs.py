from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from edgerun.card import ModelCard
from edgerun.contract import Convention, Evidence, Frame, Sure, TensorSpec
from edgerun.heads.readings import Reading, decoder
from edgerun.heads.side_distances import SideDistances, in_pixels
from edgerun.heads.stride_outputs import Output, StrideOutputs

SIZE, CLASSES = 64, 3
OUTPUTS = StrideOutputs((8, 16), (Output("scores"), Output("distances", (4,))))
FAMILY = decoder("family", Reading(OUTPUTS, SideDistances(0.5, in_pixels), (Convention("made so", color="rgb"),)))


def network(classes=CLASSES, scores=(0.01, 0.1), seed=0):
    """Outputs a and b of stride 8, c and d of stride 16."""
    random, names, found = np.random.default_rng(seed), iter("abcd"), {}
    for stride in (8, 16):
        side = SIZE // stride
        found[next(names)] = random.uniform(*scores, (1, classes, side, side)).astype(np.float32)
        found[next(names)] = random.uniform(4, 20, (1, 4, side, side)).astype(np.float32)
    return found


def evidence(outputs, /, **said):
    card = ModelCard(height=SIZE, width=SIZE, **said)
    image = TensorSpec("images", (1, 3, SIZE, SIZE))
    specs = [TensorSpec(name, array.shape) for name, array in outputs.items()]
    return Evidence([image], specs, image, card, MappingProxyType({}), lambda kind: dict(outputs))


def test_channels_tell_what_outputs_hold():
    match = FAMILY.matches(evidence(network()))
    assert match.sure is Sure.LIKELY
    assert match.conventions["outputs"] == {"a": "scores", "b": "distances", "c": "scores", "d": "distances"}
    assert match.conventions["color"] == "rgb"
    assert match.basis["color"] == "convention: made so"


def test_scores_that_leave_0_to_1_are_logits():
    match = FAMILY.matches(evidence(network(scores=(-6, -2))))
    assert match.conventions["outputs"] == {"a": "logits", "b": "distances", "c": "logits", "d": "distances"}


def test_a_reader_keeps_what_was_found_out_and_is_compared_by_it():
    outputs = network()
    first, second = FAMILY.matches(evidence(outputs)).decode, FAMILY.matches(evidence(network(seed=1))).decode
    assert first == second
    assert first != FAMILY.matches(evidence(network(scores=(-6, -2)))).decode
    outputs["a"][0, 1, 2, 3] = 0.9
    found = first(outputs, Frame(SIZE, SIZE, 0.5, ModelCard()))  # whose card has no roles
    left, top, right, bottom = outputs["b"][0, :, 2, 3]
    np.testing.assert_allclose(found.boxes, [[28 - left, 20 - top, 28 + right, 20 + bottom]], rtol=1e-6)
    np.testing.assert_array_equal(found.classes, [1])


def test_what_channels_leave_open_is_refused_until_somebody_says_it():
    outputs = network(classes=4)
    match = FAMILY.matches(evidence(outputs))
    assert match.sure is Sure.NO
    assert "say it by `outputs`" in match.why
    roles = {"a": "scores", "b": "distances", "c": "scores", "d": "distances"}
    match = FAMILY.matches(evidence(outputs, outputs=roles))
    assert match.conventions["outputs"] == roles


def test_logits_that_happen_to_lie_in_0_to_1_are_what_somebody_calls_them():
    roles = {"a": "logits", "b": "distances", "c": "logits", "d": "distances"}
    match = FAMILY.matches(evidence(network(), outputs=roles))
    assert match.conventions["outputs"] == roles


@pytest.mark.parametrize(
    "roles",
    [
        {"a": "distances", "b": "scores", "c": "scores", "d": "distances"},
        {"a": "scores", "b": "distances in strides", "c": "scores", "d": "distances"},
    ],
)
def test_roles_that_outputs_contradict_are_refused(roles):
    match = FAMILY.matches(evidence(network(), outputs=roles))
    assert match.sure is Sure.NO
    assert "the `outputs` call" in match.why


def test_scores_that_somebody_calls_finished_must_lie_in_0_to_1():
    roles = {"a": "scores", "b": "distances", "c": "scores", "d": "distances"}
    match = FAMILY.matches(evidence(network(scores=(-6, -2)), outputs=roles))
    assert match.sure is Sure.NO
    assert "call a scores" in match.why


@pytest.mark.parametrize("other", ["a", "c"])
def test_all_strides_must_have_the_same_channels(other):
    outputs = network()
    outputs[other] = outputs[other][:, :2]
    match = FAMILY.matches(evidence(outputs))
    assert match.sure is Sure.NO
    assert match.why == "it needs outputs of C scores, 4 distances, 1 per cell of strides 8, 16"


def test_as_many_classes_as_labels_are_wanted():
    match = FAMILY.matches(evidence(network(), labels=("a", "b")))
    assert match.why == "3 classes are not 2 labels"
