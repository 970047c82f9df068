from __future__ import annotations

from types import MappingProxyType

import pytest

from edgerun.card import ModelCard
from edgerun.contract import Evidence, Match, Quantization, Sure, TensorSpec
from edgerun.heads import input_conventions


def evidence(dtype="float32", stored=None, shape=(1, 320, 320, 3)):
    quantization = None if stored is None else Quantization((stored[0],), (stored[1],), 0)
    image = TensorSpec("images", shape, dtype, quantization)
    return Evidence([image], [], image, ModelCard(), MappingProxyType({}), lambda kind: {})


@pytest.mark.parametrize(
    ("dtype", "stored", "expected"),
    [
        ("float32", None, {"color": "rgb", "scale": 1 / 127.5, "mean": 1.0}),
        ("uint8", None, {"color": "rgb", "scale": 1.0, "mean": 0.0, "std": 1.0}),
        ("uint8", (0.5, 128), {"color": "rgb", "scale": 1.0, "mean": 128.0, "std": 2.0}),
    ],
)
def test_tensorflow_takes_bytes_as_they_are_and_all_else_in_minus_one_to_one(dtype, stored, expected):
    match = Match.bringing(Sure.LIKELY, "", *input_conventions.of_tensorflow(evidence(dtype, stored)))
    assert match.conventions == expected
    assert set(match.basis) == set(expected)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ((1 / 255, -128), {"color": "rgb", "scale": 1 / 255, "mean": 0.0}),
        ((1.0, -128), {"color": "rgb", "scale": 1.0, "mean": 0.0}),
        ((2 / 255, 0), {"color": "rgb", "scale": 1 / 127.5, "mean": 1.0}),
        ((4.6 / 255, 0), {}),
        (None, {}),
    ],
)
def test_the_range_of_a_quantised_input_is_its_normalisation(stored, expected):
    brought = input_conventions.of_stored_input(evidence("int8", stored))
    assert Match.bringing(Sure.LIKELY, "", *brought).conventions == expected


def test_the_habits_of_an_exporter_are_named_with_their_arguments():
    (_, last), (_, first) = (
        next(iter(input_conventions.habits(evidence(shape=shape)).items()))
        for shape in ((1, 320, 320, 3), (1, 3, 320, 320))
    )
    assert [entry.arguments for entry in last] == ["mean=0.5, std=0.5", "mean=0", "scale=1, mean=0"]
    assert first[0].arguments == "mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)"
