from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerun.wire import Damaged, protobuf
from edgerun.wire.protobuf import encode_bytes, encode_number, encode_text, encode_varint

NUMBERS = st.integers(0, 2**64 - 1)


def packed(*values):
    return b"".join(map(encode_varint, values))


SMALL = (
    encode_number(1, 300)
    + encode_text(2, "naïve")
    + encode_bytes(3, encode_number(1, 7) + encode_bytes(4, encode_text(1, "inner")))
    + bytes([5 << 3 | protobuf.FIXED32])
    + struct.pack("<f", 0.5)
    + bytes([6 << 3 | protobuf.FIXED64])
    + struct.pack("<d", 0.25)
    + encode_bytes(200, packed(1, 2**40, 0))
)
"""One field of each kind."""


# ------------------------------------------------------------------------------------------ values


@given(NUMBERS)
def test_a_number_comes_back(value):
    encoded = encode_varint(value)
    assert protobuf.read_varint(encoded, 0, len(encoded)) == (value, len(encoded))
    assert len(encoded) <= 10


@pytest.mark.parametrize(("value", "encoded"), [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02")])
def test_numbers_are_written_as_the_documentation_has_them(value, encoded):
    assert encode_varint(value).hex() == encoded


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_signed_number_comes_back(value):
    assert protobuf.parse(encode_number(1, value)).integer(1) == value


def test_every_kind_of_field_comes_back():
    message = protobuf.parse(SMALL)
    assert message.integer(1) == 300
    assert message.text(2) == "naïve"
    assert message.raw(2) == "naïve".encode()
    assert message.size(2) == 6
    inner = message.message(3)
    assert inner.integer(1) == 7
    assert [entry.text(1) for entry in inner.messages(4)] == ["inner"]
    assert message.numbers(5, "<f4", 10).tolist() == [0.5]
    assert message.numbers(6, "<f8", 10).tolist() == [0.25]
    assert message.integers(200, 10) == [1, 2**40, 0]
    assert 200 in message
    assert 7 not in message
    assert message.has_any([7, 200])
    assert not message.has_any([7, 8])


def test_what_is_absent_has_protobufs_default():
    message = protobuf.parse(b"")
    assert (message.integer(1), message.integer(1, -1), message.text(1), message.raw(1)) == (0, -1, "", b"")
    assert (message.texts(1), message.messages(1), message.message(1), message.integers(1, 3)) == ((), [], None, [])
    assert (message.count(1), message.size(1)) == (0, 0)
    assert message.numbers(1, "<f4", 3).size == 0


def test_of_a_field_that_is_repeated_the_last_one_counts_where_one_is_due():
    message = protobuf.parse(encode_number(1, 5) + encode_number(1, 6) + encode_text(2, "a") + encode_text(2, "b"))
    assert message.integer(1) == 6
    assert message.text(2) == "b"
    assert message.texts(2) == ("a", "b")
    assert message.integers(1, 2) == [5, 6]
    assert message.count(1) == 2


def test_numbers_may_be_packed_or_stand_one_by_one():
    mixed = encode_number(1, 5) + encode_bytes(1, packed(6, 7)) + encode_number(1, -1)
    assert protobuf.parse(mixed).integers(1, 4) == [5, 6, 7, -1]
    assert protobuf.parse(mixed).integers(1, 3) is None
    reals = encode_bytes(1, np.float32([1, 2]).tobytes()) + encode_bytes(1, np.float32([3]).tobytes())
    assert protobuf.parse(reals).numbers(1, "<f4", 3).tolist() == [1, 2, 3]
    assert protobuf.parse(reals).numbers(1, "<f4", 2) is None


def test_a_field_is_replaced_in_a_copy():
    message, other = protobuf.parse(encode_number(1, 5)), protobuf.parse(encode_number(1, 6))
    assert message.replaced(1, other).integer(1) == 6
    assert message.integer(1) == 5
    assert 1 not in message.replaced(1, protobuf.parse(b""))


def test_a_text_that_is_not_utf8_is_replaced():
    assert protobuf.parse(encode_bytes(1, b"a\xff")).text(1) == "a�"


# ------------------------------------------------------------------------------------------ fields and their places


@pytest.mark.parametrize("kind", [bytes, memoryview, bytearray])
def test_fields_cover_the_message_without_gaps(kind):
    found = list(protobuf.fields(kind(SMALL)))
    assert [field.number for field in found] == [1, 2, 3, 5, 6, 200]
    assert [field.begin for field in found] == [0, *(field.end for field in found[:-1])]
    assert found[-1].end == len(SMALL)
    assert bytes(SMALL[found[1].content : found[1].end]) == "naïve".encode()
    assert found[0].value == 300
    assert protobuf.parse(kind(SMALL)).text(2) == "naïve"


def test_fields_of_a_part_of_the_data():
    outer = list(protobuf.fields(SMALL))[2]
    assert [field.number for field in protobuf.fields(SMALL, outer.content, outer.end)] == [1, 4]


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), NUMBERS | st.binary(max_size=200))))
def test_fields_that_were_written_come_back(entries):
    encoded = b"".join(
        encode_number(number, value) if isinstance(value, int) else encode_bytes(number, value)
        for number, value in entries
    )
    found = [
        (field.number, field.value if field.wire_type == protobuf.VARINT else encoded[field.content : field.end])
        for field in protobuf.fields(encoded)
    ]
    assert found == entries


# ------------------------------------------------------------------------------------------ damage


def read_everything(data, depth=0):
    """Ask a message for each of its fields in each way."""
    message = protobuf.parse(data)
    for field in protobuf.fields(data):
        if field.wire_type == protobuf.VARINT:
            message.integer(field.number)
            continue
        message.text(field.number)
        for ask in (
            message.messages,
            lambda number: message.integers(number, 50),
            lambda number: _reals(message, number),
        ):
            try:
                ask(field.number)
            except Damaged:  # bytes that are not what they are asked for
                continue
        if depth < 3:
            try:
                read_everything(bytes(data[field.content : field.end]), depth + 1)
            except Damaged:
                continue


def _reals(message, number):
    return message.numbers(number, "<f4", 50)


def test_a_message_that_is_cut_anywhere_is_read_or_refused():
    for length in range(len(SMALL)):
        try:
            read_everything(SMALL[:length])
        except Damaged:
            continue


def test_a_message_that_is_cut_within_a_field_is_refused():
    ends = {field.end for field in protobuf.fields(SMALL)}
    for length in range(1, len(SMALL)):
        if length in ends:
            continue
        with pytest.raises(Damaged):
            protobuf.parse(SMALL[:length])
        with pytest.raises(Damaged):
            list(protobuf.fields(SMALL[:length]))


def test_the_last_field_may_be_cut_where_that_is_asked_for():
    found = list(protobuf.fields(encode_number(1, 2) + encode_bytes(7, bytes(100))[:50], cut=True))
    assert [(field.number, field.end) for field in found] == [(1, 2), (7, 52)]
    with pytest.raises(Damaged, match="does not end"):
        list(protobuf.fields(b"\x08", cut=True))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    try:
        read_everything(data)
    except Damaged:
        return
    assert list(protobuf.fields(data)) or not data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x0b", "unknown wire type 3"),  # a group begins
        (b"\x0c", "unknown wire type 4"),
        (b"\x0e", "unknown wire type 6"),
        (b"\x0f", "unknown wire type 7"),
        (b"\x00\x01", "the number 0"),
        (b"\x08" + b"\xff" * 10, "does not end"),
        (b"\x08" + b"\xff" * 11 + b"\x01", "does not end"),
        (b"\x08\x80", "does not end"),
        (b"\x0a\x05abcd", "past the end"),
        (b"\x0d\x00\x00\x00", "past the end"),
        (b"\x09" + bytes(7), "past the end"),
        (b"\x0a" + b"\xff" * 9 + b"\x01", "past the end"),
    ],
)
def test_a_damaged_field_is_refused_with_the_reason(data, reason):
    with pytest.raises(Damaged, match=reason):
        protobuf.parse(data)
    with pytest.raises(Damaged, match=reason):
        list(protobuf.fields(data))


def test_a_nested_message_does_not_reach_into_its_neighbour():
    inner = b"\x0a\x05ab"  # says five bytes, and has two
    with pytest.raises(Damaged, match="past the end of its message"):
        protobuf.parse(encode_bytes(1, inner) + encode_text(2, "neighbour")).message(1)
    with pytest.raises(Damaged, match="does not end"):
        protobuf.parse(encode_bytes(1, b"\x80") + encode_number(2, 1)).integers(1, 5)


def test_a_value_of_another_kind_is_refused():
    message = protobuf.parse(encode_number(1, 3) + encode_text(2, "text") + encode_bytes(3, b"abc"))
    for ask in (message.text, message.texts, message.raw, message.size, message.message, message.messages):
        with pytest.raises(Damaged, match="the number 3 where a text or a table is due"):
            ask(1)
    with pytest.raises(Damaged, match="not a number"):
        message.integer(2)
    with pytest.raises(Damaged, match="not a whole number of values"):
        message.numbers(3, "<f4", 5)


# ------------------------------------------------------------------------------------------ limits


def test_a_number_has_64_bits():
    assert protobuf.read_varint(b"\xff" * 9 + b"\x7f", 0, 10) == (2**64 - 1, 10)


def test_fields_are_limited_over_all_messages_of_a_buffer():
    inner = encode_number(1, 1) * 5
    data = encode_bytes(1, inner) * 4
    assert len(protobuf.parse(data, max_fields=24).messages(1)) == 4
    with pytest.raises(Damaged, match="more fields"):
        protobuf.parse(data, max_fields=23).messages(1)
    with pytest.raises(Damaged, match="more fields"):
        protobuf.parse(data, max_fields=3)


def test_messages_within_each_other_are_limited():
    data = b""
    for _ in range(protobuf.MAX_DEPTH + 1):
        data = encode_bytes(1, data)
    message = protobuf.parse(data)
    for _ in range(protobuf.MAX_DEPTH):
        message = message.message(1)
    with pytest.raises(Damaged, match="nested more than"):
        message.message(1)
    with pytest.raises(Damaged, match="nested more than"):
        message.messages(1)
