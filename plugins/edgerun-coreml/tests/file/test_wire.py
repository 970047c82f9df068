"""The wire reader: what it reads, and that it refuses everything else quickly."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from wire_format import delimited, encode, varint

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.schema import model_schema
from edgerun_coreml.file.wire import MAX_DEPTH, MAX_PACKED_INTEGERS, parse


def read(name, content):
    return parse(encode(name, content), model_schema().messages[name])


def test_scalars_strings_and_nested_messages_come_back():
    content = {"specificationVersion": 6, "description": {"predictedFeatureName": "label é"}}
    model = read("Model", content)
    assert model.specificationVersion == 6
    assert model.description.predictedFeatureName == "label é"


def test_absent_fields_have_their_default():
    layer = read("NeuralNetworkLayer", {"name": "a"})
    assert layer.convolution.hasBias is False
    assert layer.convolution.kernelSize.shape == (0,)
    assert layer.pooling.type == "MAX"
    assert not layer.has("convolution")


def test_packed_integers_of_all_sizes_come_back():
    values = [0, 1, 127, 128, 300, -1, 2**62, -(2**63), 5]
    assert read("Mil.TensorValue.RepeatedLongInts", {"values": values}).values.tolist() == values


def test_unpacked_and_packed_chunks_of_one_field_are_joined():
    data = varint(1 << 3) + varint(7) + delimited(1, varint(8) + varint(900)) + varint(1 << 3) + varint(9)
    message = parse(data, model_schema().messages["Int64Vector"])
    assert message.vector.tolist() == [7, 8, 900, 9]


def test_floats_are_views_of_the_file_not_copies():
    data = np.frombuffer(encode("WeightParams", {"floatValue": np.arange(1000)}), np.uint8)
    values = parse(data, model_schema().messages["WeightParams"]).floatValue
    assert np.shares_memory(values, data)
    np.testing.assert_array_equal(values, np.arange(1000, dtype=np.float32))


def test_a_oneof_holds_the_last_member_set():
    data = encode("FeatureType", {"int64Type": {}}) + encode("FeatureType", {"stringType": {}})
    message = parse(data, model_schema().messages["FeatureType"])
    assert message.which("Type") == "stringType"
    assert not message.has("int64Type")


def test_maps_become_dicts_and_enums_names():
    program = read("Mil.Program", {"functions": {"main": {"opset": "CoreML7"}}})
    assert program.functions["main"].opset == "CoreML7"
    tensor = read("Mil.TensorType", {"dataType": "FLOAT16"})
    assert tensor.dataType == "FLOAT16"


def test_unknown_fields_are_skipped():
    data = delimited(9999, b"x" * 10) + varint(9998 << 3 | 5) + b"1234" + encode("Metadata", {"author": "a"})
    assert parse(data, model_schema().messages["Metadata"]).author == "a"


def test_nesting_deeper_than_the_limit_is_refused():
    data = b""
    for _ in range(MAX_DEPTH + 2):  # ListType.type.listType.type...
        data = delimited(1, delimited(2, data))
    with pytest.raises(ModelDamaged, match="deep"):
        parse(data, model_schema().messages["Mil.ListType"])


def test_a_flood_of_fields_is_refused():
    with pytest.raises(ModelDamaged, match="more fields"):
        parse(delimited(1, b"") * 2000, model_schema().messages["Pipeline"], max_fields=1000)


def test_a_flood_of_integers_is_refused():
    data = delimited(1, bytes(MAX_PACKED_INTEGERS + 1))
    with pytest.raises(ModelDamaged, match="integers"):
        parse(data, model_schema().messages["Int64Vector"])


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",  # a length is missing
        b"\x0a\x05ab",  # fewer bytes than announced
        b"\x0a\x02\xff\xfe",  # not UTF-8
        b"\x0b",  # a group
        b"\xff" * 11,  # an endless number
        b"\x08\x01",  # a number where a string belongs
        b"\xa2\x06\x04\x0a\x09aa",  # a map entry past its end
    ],
)
def test_malformed_metadata_is_refused(data):
    with pytest.raises(ModelDamaged):
        parse(data, model_schema().messages["Metadata"])


def test_random_damage_is_read_or_refused_but_never_anything_else():
    base = encode(
        "Model",
        {
            "specificationVersion": 6,
            "description": {"input": [{"name": "x", "type": {"multiArrayType": {"shape": [1, 300]}}}]},
            "neuralNetwork": {"layers": [{"name": "a", "input": ["x"], "activation": {"ELU": {"alpha": 1.0}}}]},
        },
    )
    chance = random.Random(3)
    refused = 0
    started = time.perf_counter()
    for _ in range(3000):
        data = bytearray(base)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            parse(bytes(data[: chance.randint(1, len(data))]), model_schema().messages["Model"])
        except ModelDamaged:
            refused += 1
    assert 500 < refused < 3000
    assert time.perf_counter() - started < 20
