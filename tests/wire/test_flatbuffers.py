from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgerun.wire import Damaged, flatbuffers
from edgerun.wire.flatbuffers import Writer

SHAPE = {1: "B", 2: "i", 3: {0: "B"}, 4: ({0: "B"},)}


def written(name="naïve", numbers=(3, -1, 7), inner=("a", "b")):
    """A table {0: int; 1: text; 2: vector of int; 3: table {0: text}; 4: vector of such tables; 6: int}."""
    writer = Writer()
    start = writer.offset()
    places = writer.table({0: struct.pack("<i", 42), **dict.fromkeys((1, 2, 3, 4), bytes(4)), 6: struct.pack("<i", -5)})
    writer.patch(start, places[-1])
    writer.patch(places[1], writer.content(name.encode()))
    writer.patch(places[2], writer.vector(len(numbers)))
    for number in numbers:
        writer.append(struct.pack("<i", number))
    single = writer.table({0: bytes(4)})
    writer.patch(places[3], single[-1])
    writer.patch(single[0], writer.content(b"single"))
    writer.patch(places[4], writer.vector(len(inner)))
    leads = [writer.offset() for _ in inner]
    for lead, text in zip(leads, inner, strict=True):
        entry = writer.table({0: bytes(4)})
        writer.patch(lead, entry[-1])
        writer.patch(entry[0], writer.content(text.encode()))
    return bytes(writer.data)


def everything(data):
    """Ask the table of `written` for all that it has."""
    table = flatbuffers.root(data)
    flatbuffers.verify(table, SHAPE)
    single = table.table(3)
    return (
        table.number(0),
        table.text(1),
        table.numbers(2),
        "" if single is None else single.text(0),
        [entry.text(0) for entry in table.tables(4)],
        table.number(6),
    )


def test_what_was_written_comes_back():
    assert everything(written()) == (42, "naïve", (3, -1, 7), "single", ["a", "b"], -5)


@given(st.text(max_size=40), st.lists(st.integers(-(2**31), 2**31 - 1)), st.lists(st.text(max_size=9), max_size=9))
def test_anything_that_was_written_comes_back(name, numbers, inner):
    found = everything(written(name, numbers, inner))
    assert found == (42, name, tuple(numbers), "single", inner, -5)


def test_what_is_absent_has_a_default():
    table = flatbuffers.root(written())
    for slot in (5, 7, 100):
        assert (table.number(slot), table.number(slot, "q", 9), table.text(slot), table.raw(slot)) == (0, 9, "", b"")
        assert (table.numbers(slot), table.tables(slot), table.table(slot), table.count(slot)) == ((), [], None, 0)
        assert (table.place(slot), table.target(slot)) == (0, 0)


def test_raw_bytes_are_where_they_should_be():
    writer = Writer()
    start = writer.offset()
    places = writer.table({0: bytes(4)})
    writer.patch(start, places[-1])
    place = writer.content(b"0123456789", alignment=16)
    writer.patch(places[0], place)
    table = flatbuffers.root(bytes(writer.data))
    assert (place + 4) % 16 == 0
    assert table.target(0) == place
    assert (table.raw(0), table.count(0), table.numbers(0, "B")) == (b"0123456789", 10, tuple(b"0123456789"))


def test_a_text_that_is_not_utf8_is_replaced_or_refused():
    data = written("ab").replace(b"ab\0", b"a\xff\0")
    assert flatbuffers.root(data).text(1) == "a�"
    with pytest.raises(Damaged, match="not UTF-8"):
        flatbuffers.root(data).text(1, errors="strict")


# ------------------------------------------------------------------------------------------ damage


def test_a_buffer_that_is_cut_anywhere_is_read_or_refused():
    whole = written()
    for length in range(len(whole)):
        try:
            found = everything(whole[:length])
        except Damaged:
            continue
        assert length == len(whole) - 1  # but for the zero behind the last text
        assert found == everything(whole)


def test_a_buffer_with_any_byte_changed_is_read_or_refused():
    whole = written()
    for place in range(len(whole)):
        for value in (0, 1, 127, 128, 255, whole[place] ^ 4):
            data = bytearray(whole)
            data[place] = value
            try:
                everything(bytes(data))
            except Damaged:
                continue


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        everything(data)
    except Damaged:
        return


def table_of(vtable, content=b"", *, back=None):
    """A buffer of a vtable and a table."""
    at = 4 + len(vtable)
    return struct.pack("<I", at) + vtable + struct.pack("<i", len(vtable) if back is None else back) + content


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "outside"),
        (struct.pack("<I", 100), "outside"),
        (table_of(struct.pack("<HH", 4, 4), back=1000), "outside"),  # a vtable before the buffer
        (table_of(struct.pack("<HH", 4, 4), back=-1000), "outside"),  # and behind it
        (table_of(struct.pack("<HH", 2, 4)), "no valid list of fields"),
        (table_of(struct.pack("<HHH", 5, 4, 0)), "no valid list of fields"),
        (table_of(struct.pack("<HH", 4, 0)), "no valid list of fields"),
        (table_of(struct.pack("<HH", 400, 4)), "outside"),
        (table_of(struct.pack("<HH", 4, 400)), "outside"),
    ],
)
def test_a_damaged_table_is_refused_with_the_reason(data, reason):
    with pytest.raises(Damaged, match=reason):
        flatbuffers.root(data)


@pytest.mark.parametrize("offset", [1, 3, 6, 8, 4000])
def test_a_field_outside_of_its_table_is_refused(offset):
    table = flatbuffers.root(table_of(struct.pack("<HHHxx", 6, 8, offset), bytes(4)))
    for ask in (table.number, table.text, table.table, table.tables, table.numbers, table.count):
        with pytest.raises(Damaged, match="lies outside of it"):
            ask(0)


def test_a_vector_that_leads_out_of_the_buffer_is_refused():
    table = flatbuffers.root(table_of(struct.pack("<HHHxx", 6, 8, 4), struct.pack("<III", 4, 1000, 0)))
    assert table.count(0) == 1000
    for ask in (table.numbers, table.raw, table.text, table.tables):
        with pytest.raises(Damaged, match="outside"):
            ask(0)


# ------------------------------------------------------------------------------------------ limits


def test_tables_of_one_vector_are_limited(monkeypatch):
    monkeypatch.setattr(flatbuffers, "MAX_TABLES", 2)
    table = flatbuffers.root(written(inner=("a", "b", "c")))
    with pytest.raises(Damaged, match="holds 3 tables"):
        table.tables(4)


def test_tables_that_are_followed_are_limited(monkeypatch):
    monkeypatch.setattr(flatbuffers, "MAX_TABLES", 3)
    with pytest.raises(Damaged, match="more than 3 tables"):
        flatbuffers.verify(flatbuffers.root(written()), SHAPE)


def test_tables_within_each_other_are_limited():
    """A table cannot hold itself, as offsets lead forward, but a chain of them may be long."""
    writer = Writer()
    lead = writer.offset()
    for _ in range(flatbuffers.MAX_DEPTH + 2):
        places = writer.table({0: bytes(4)})
        writer.patch(lead, places[-1])
        lead = places[0]
    writer.patch(lead, writer.table({0: struct.pack("<I", 0)})[-1])
    shape: dict = {}
    shape[0] = shape
    with pytest.raises(Damaged, match="within each other"):
        flatbuffers.verify(flatbuffers.root(bytes(writer.data)), shape)
