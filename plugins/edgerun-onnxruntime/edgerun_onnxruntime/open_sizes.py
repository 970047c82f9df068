"""An ONNX file whose header leaves the sizes of one input open; all else stays as it is.

Inputs and outputs of a graph carry their types, and so may values in between. A size that is a name, or absent, is
open: the input's axes get names, outputs lose their shapes, and what is said of values in between is left out.
Source: onnx.proto3 (Apache-2.0) for the numbers of fields.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgerun.wire import Damaged, protobuf
from edgerun.wire.protobuf import LENGTH_DELIMITED, Field, Message, encode_bytes, encode_number, encode_text

__all__ = ["with_open_sizes"]

GRAPH, INPUT, OUTPUT, VALUE_INFO = 7, 11, 12, 13
"""ModelProto.graph; GraphProto.input, .output and .value_info."""
NAME, TYPE, TENSOR, ELEMENT, SHAPE, DIM, SIZE, SIZE_NAME = 1, 2, 1, 1, 2, 1, 1, 2
"""Fields of a ValueInfoProto, its TypeProto, its Tensor, its TensorShapeProto and its Dimension."""
CHANNELS = (1, 3)


def with_open_sizes(data: bytes, name: str) -> bytes:
    """The file with the axes of one input open, but for those of 1 or 3 channels behind the first.

    Raises:
        Damaged: it is no ONNX file, or has no such input of known axes.
    """
    parts = [_part(data, field, name) for field in protobuf.fields(data)]
    return b"".join(parts)


def _part(data: bytes, field: Field, name: str) -> bytes:
    if field.number != GRAPH or field.wire_type != LENGTH_DELIMITED:
        return data[field.begin : field.end]
    return encode_bytes(GRAPH, b"".join(_graph(data, field, name)))


def _graph(data: bytes, graph: Field, name: str) -> Iterator[bytes]:
    for field in protobuf.fields(data, graph.content, graph.end):
        if field.number == VALUE_INFO:
            continue
        value = data[field.content : field.end]
        if field.number == OUTPUT or (field.number == INPUT and protobuf.parse(value).text(NAME) == name):
            yield encode_bytes(field.number, _typed(protobuf.parse(value), is_input=field.number == INPUT))
        else:
            yield data[field.begin : field.end]


def _typed(entry: Message, *, is_input: bool) -> bytes:
    """A ValueInfoProto with open axes; of an output without any word on axes."""
    kind = entry.message(TYPE)
    tensor = None if kind is None else kind.message(TENSOR)
    if tensor is None:
        raise Damaged("an input or output is no tensor")
    content = encode_number(ELEMENT, tensor.integer(ELEMENT))
    if is_input:
        shape = tensor.message(SHAPE)
        sizes = [] if shape is None else [dim.integer(SIZE) for dim in shape.messages(DIM)]
        axes = b"".join(encode_bytes(DIM, _axis(place, size)) for place, size in enumerate(sizes))
        content += encode_bytes(SHAPE, axes)
    return encode_text(NAME, entry.text(NAME)) + encode_bytes(TYPE, encode_bytes(TENSOR, content))


def _axis(place: int, size: int) -> bytes:
    if place and size in CHANNELS:
        return encode_number(SIZE, size)
    return encode_text(SIZE_NAME, f"axis_{place}")
