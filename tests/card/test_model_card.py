from __future__ import annotations

import pytest

from edgerun.card import ModelCard, fields
from edgerun.errors import CardInvalid


def test_labels_fall_back_to_numbers():
    card = ModelCard(labels=("cat",))
    assert (card.label(0), card.label(1), card.label(-1)) == ("cat", "1", "-1")


def test_the_cards_own_defaults_are_values_of_their_fields():
    card = ModelCard()
    for field in fields.TABLE:
        if field.name not in ("decoder", "height", "width"):  # which have no value until they are settled
            assert field.kind.convert(getattr(card, field.name)) == getattr(card, field.name)


def test_one_more_field_is_a_card_of_its_own_with_its_source():
    before = ModelCard(labels=("a",))
    after = before.with_field("fill", 7, "sidecar")
    assert (after.fill, after.source("fill"), after.labels) == ((7, 7, 7), "sidecar", ("a",))
    assert before.source("fill") == "default"
    with pytest.raises(CardInvalid, match="The sidecar gives fill = 300"):
        before.with_field("fill", 300, "sidecar")


def test_a_notebook_shows_each_field_with_its_source():
    html = ModelCard(labels=("cat",), sources={"labels": "sidecar"})._repr_html_()
    assert '<td style="text-align: left">(&#x27;cat&#x27;,)</td><td style="text-align: left">sidecar</td>' in html
    assert "…" in ModelCard(labels=("cat",) * 99)._repr_html_()
