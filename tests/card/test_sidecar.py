from __future__ import annotations

import json

import pytest

from edgerun.card import ModelCard, sidecar


def test_a_card_as_json_keeps_to_the_schema():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(sidecar.SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads(json.dumps(sidecar.as_fields(ModelCard(labels=("a",), height=64, width=96, conf=0.5))))
    jsonschema.validate(content, schema)
    for wrong in ({"edgerun": 2}, {"edgerun": 1, "colour": "rgb"}, {"edgerun": 1, "conf": 7}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
