from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.contract import Candidates, Decoder, Graph, Match, Node, Sure
from edgerun.errors import DecoderAmbiguous
from edgerun.interpretation import decoder_choice

OPEN = {"mean": {"mean=0": "the Plain", "mean=0.5": "the Centred"}, "resize": {'resize="stretch"': "all"}}


def decoder(name, sure=Sure.CERTAIN, unsettled=OPEN):
    return Decoder(name, lambda evidence: Match(sure, "seen", unsettled=unsettled), lambda *a: Candidates.empty())


def known(evidence, **said):
    return evidence({}, (320, 320), {"output": np.zeros((1, 3), np.float32)}, **said)


def test_habits_that_nobody_settles_are_refused_with_every_argument(evidence):
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(known(evidence), [decoder("family")])
    assert "mean=0 (the Plain) or mean=0.5 (the Centred)" in refusal.value.message
    assert refusal.value.hint == 'pass mean=0 or mean=0.5, and resize="stretch"'  # no photo tells more than one habit
    assert [name for name, _ in refusal.value.verdicts] == ["family"]


def test_where_photos_may_tell_the_command_is_named(evidence):
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(known(evidence, resize="stretch"), [decoder("family")])
    assert refusal.value.hint == "pass mean=0 or mean=0.5; photos may tell: edgerun card MODEL --images DIR"


def test_what_somebody_says_is_settled(evidence):
    with pytest.raises(DecoderAmbiguous) as refusal:
        decoder_choice.choose(known(evidence, mean=0.0), [decoder("family")])
    assert refusal.value.hint == 'pass resize="stretch"'
    choice = decoder_choice.choose(known(evidence, mean=0.0, resize="stretch"), [decoder("family")])
    assert choice.decoder.name == "family"


def test_a_named_decoder_is_asked_for_its_habits_too(evidence):
    with pytest.raises(DecoderAmbiguous):
        decoder_choice.choose(known(evidence, decoder="family"), [decoder("family")])


def test_habits_of_a_decoder_that_is_not_chosen_are_of_no_matter(evidence):
    others = [decoder("family", Sure.LIKELY), decoder("other", unsettled={})]
    assert decoder_choice.choose(known(evidence), others).decoder.name == "other"


def test_a_graph_that_normalises_in_a_way_of_its_own_leaves_open_what_goes_in(evidence):
    nodes = [Node("Mul", inputs=("images", "k"), outputs=("v",)), Node("Conv", inputs=("v", "w"), outputs=("o",))]
    graph = Graph(nodes, ("images",), ("o",), constants={"k": np.array([0.229, 0.224, 0.225])})
    plain = decoder("family", unsettled={})
    with pytest.raises(DecoderAmbiguous, match=r"0\.229 x \+0, 0\.224 x \+0, 0\.225 x \+0") as refusal:
        decoder_choice.choose(replace(known(evidence), graph=lambda: graph), [plain])
    assert "scale=1, mean=0 (0..255)" in refusal.value.message
    assert decoder_choice.choose(replace(known(evidence, mean=0.0), graph=lambda: graph), [plain]).decoder is plain
