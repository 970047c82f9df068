from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgerun.card import ModelCard, kinds, sidecar
from edgerun.card.fields import FIELDS, TABLE


def test_a_card_as_json_keeps_to_the_schema():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(sidecar.SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads(json.dumps(sidecar.as_fields(ModelCard(labels=("a",), height=64, width=96, conf=0.5))))
    jsonschema.validate(content, schema)
    for wrong in ({"edgerun": 2}, {"edgerun": 1, "colour": "rgb"}, {"edgerun": 1, "conf": 7}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def said_by(field):
    """Values that a field takes, by its kind."""
    kind = field.kind
    if isinstance(kind, kinds.Choice):
        return st.sampled_from(kind.schema["enum"])
    if isinstance(kind, kinds.Integer):
        bounds = kind.schema
        return st.integers(bounds["minimum"], bounds["maximum"])
    return OTHER_KINDS[type(kind)]


NUMBERS = st.floats(0.001, 1).map(float)
TEXTS = st.text(min_size=1, max_size=8).filter(lambda text: text.strip() == text and text.isprintable())
OTHER_KINDS = {
    kinds.Text: TEXTS,
    kinds.Flag: st.booleans(),
    kinds.Number: NUMBERS,
    kinds.Fraction: NUMBERS,
    kinds.PerChannel: st.integers(1, 255) | st.lists(st.integers(1, 255), min_size=3, max_size=3),
    kinds.Labels: st.lists(TEXTS, min_size=1, max_size=5),
    kinds.Table: st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=3),
}


SAYABLE = {field.name: said_by(field) for field in TABLE}
SIZE = {side: SAYABLE.pop(side) for side in ("height", "width")}
"""What the card of a loaded model always says."""


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries(SIZE, optional=SAYABLE))
def test_a_card_comes_back_from_its_sidecar_whatever_was_said(tmp_path, said):
    card = ModelCard()
    for name, value in said.items():
        card = card.with_field(name, value, "argument")
    model = tmp_path / "model.onnx"
    assert sidecar.write(model, card) == tmp_path / "model.onnx.edgerun.json"
    read = ModelCard()
    for name, value in sidecar.read(model).items():
        read = read.with_field(name, value, "sidecar")
    assert {name: getattr(read, name) for name in FIELDS} == {name: getattr(card, name) for name in FIELDS}
