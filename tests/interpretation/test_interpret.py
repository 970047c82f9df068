from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.card import ModelCard
from edgerun.contract import TensorSpec
from edgerun.errors import CardInvalid
from edgerun.interpretation import card_fields, interpret
from edgerun.processing import model_inputs


def demand(dtype, **fields):
    card = ModelCard()
    for name, value in fields.items():
        card = card_fields.with_field(card, name, value, "argument")
    image = model_inputs.find([TensorSpec("images", (1, 3, 64, 64), dtype)], "model.onnx")
    interpret._demand_steps(card, image, Path("model.onnx"))


@pytest.mark.parametrize("mean", [(104.0, 117.0, 123.0), (2.0, 2.0, 2.0)])
def test_a_mean_that_takes_bytes_below_what_the_input_stores_is_refused(mean):
    with pytest.raises(
        CardInvalid, match=r"uint8, which begins at 0; with mean = .* \(argument\) pixels would go down"
    ):
        demand("uint8", scale=1.0, mean=mean)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_a_mean_is_taken_off_where_the_input_stores_what_is_below(dtype):
    demand(dtype, scale=1.0, mean=(128.0, 128.0, 128.0))
