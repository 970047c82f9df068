"""Writing a :class:`Graph` as an ONNX ModelProto, without the onnx package.

Field numbers are those of onnx.proto (the ONNX project, Apache-2.0). Large constants can be left outside the
message: then they are declared as external data, and handed to the session as arrays (:mod:`session`), so
that the 2 GB limit of protobuf does not bind and no weight is copied into the message.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgerun_coreml.onnx.graph import ONNX_TYPES, OPSET, Attribute, Graph, Node, Shape, Value

Array = npt.NDArray[Any]

IR_VERSION: Final = 10
PRODUCER: Final = "edgerun-coreml"
MAX_MESSAGE: Final = 1 << 30
"""Bytes of constants up to which a saved model is one file."""

_FLOAT, _INT, _STRING, _TENSOR, _GRAPH, _FLOATS, _INTS, _STRINGS = 1, 2, 3, 4, 5, 6, 7, 8


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _packed(field: int, values: Iterable[int]) -> bytes:
    return _bytes(field, b"".join(map(_varint, values)))


def encode(
    graph: Graph,
    *,
    metadata: Mapping[str, str] | None = None,
    external: Mapping[str, tuple[str, int]] | None = None,
) -> bytes:
    """The graph as a serialised ModelProto.

    ``external`` names the constants that are not written into the message: for each the file and the offset
    in bytes at which its contents lie.
    """
    parts = [_number(1, IR_VERSION), _text(2, PRODUCER), _bytes(7, _graph(graph, "main", external or {}))]
    parts.append(_bytes(8, _text(1, "") + _number(2, OPSET)))
    if _uses_contrib(graph):
        parts.append(_bytes(8, _text(1, "com.microsoft") + _number(2, 1)))
    for key, value in (metadata or {}).items():
        parts.append(_bytes(14, _text(1, key) + _text(2, value)))
    return b"".join(parts)


def save(graph: Graph, path: str | Path, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a model file that ``onnx.checker`` accepts.

    Constants of more than 1 GiB in all go into ``<name>.data`` beside it, as protobuf ends at 2 GB.
    """
    path = Path(path)
    total = sum(array.nbytes for array in graph.constants.values())
    if total <= MAX_MESSAGE:
        _write(path, encode(graph, metadata=metadata))
        return
    external: dict[str, tuple[str, int]] = {}
    data = path.with_name(path.name + ".data")
    with data.open("wb") as stream:
        for name, array in graph.constants.items():
            if array.nbytes >= 1024:
                stream.seek(-stream.tell() % 4096, os.SEEK_CUR)
                external[name] = (data.name, stream.tell())
                stream.write(_contents(array))
    _write(path, encode(graph, metadata=metadata, external=external))


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: what was there stays until all is written."""
    made = path.with_name(f".edgerun-{os.getpid()}-{path.name}")
    try:
        made.write_bytes(content)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def _uses_contrib(graph: Graph) -> bool:
    return any(node.domain or any(map(_uses_contrib, node.subgraphs)) for node in graph.nodes)


def _graph(graph: Graph, name: str, external: Mapping[str, tuple[str, int]]) -> bytes:
    parts = [_bytes(1, _node(node, external)) for node in graph.nodes]
    parts.append(_text(2, name))
    parts += [_bytes(5, tensor(key, array, external.get(key))) for key, array in graph.constants.items()]
    parts += [_bytes(11, _value_info(value)) for value in graph.inputs]
    parts += [_bytes(12, _value_info(value)) for value in graph.outputs]
    return b"".join(parts)


def _node(node: Node, external: Mapping[str, tuple[str, int]]) -> bytes:
    parts = [_text(1, name) for name in node.inputs]
    parts += [_text(2, name) for name in node.outputs]
    parts += [_text(3, "node_" + node.outputs[0]), _text(4, node.op_type)]
    parts += [_bytes(5, _attribute(key, value, external)) for key, value in node.attributes.items()]
    if node.domain:
        parts.append(_text(7, node.domain))
    return b"".join(parts)


def _attribute(name: str, value: Attribute, external: Mapping[str, tuple[str, int]]) -> bytes:
    head = _text(1, name)
    if isinstance(value, (bool, int, np.integer)):
        return head + _number(3, int(value)) + _number(20, _INT)
    if isinstance(value, (float, np.floating)):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, _FLOAT)
    if isinstance(value, str):
        return head + _text(4, value) + _number(20, _STRING)
    if isinstance(value, Graph):
        return head + _bytes(6, _graph(value, name, external)) + _number(20, _GRAPH)
    if isinstance(value, np.ndarray):
        return head + _bytes(5, tensor("", value)) + _number(20, _TENSOR)
    items: list[int | float | str] = list(value)
    if items and isinstance(items[0], str):
        return head + b"".join(_text(9, str(item)) for item in items) + _number(20, _STRINGS)
    if items and isinstance(items[0], float):
        packed = _bytes(7, struct.pack(f"<{len(items)}f", *items))
        return head + packed + _number(20, _FLOATS)
    return head + _packed(8, [int(item) for item in items if not isinstance(item, str)]) + _number(20, _INTS)


def tensor(name: str, array: Array, place: tuple[str, int] | None = None) -> bytes:
    """A TensorProto; with ``place`` (file, offset) its contents are declared to lie there."""
    parts = [_packed(1, array.shape)] if array.ndim else []
    parts += [_number(2, ONNX_TYPES[array.dtype]), _text(8, name)]
    if place is None:
        parts.append(_bytes(9, _contents(array)))
        return b"".join(parts)
    for key, value in (("location", place[0]), ("offset", str(place[1])), ("length", str(array.nbytes))):
        parts.append(_bytes(13, _text(1, key) + _text(2, value)))
    parts.append(_number(14, 1))
    return b"".join(parts)


def _contents(array: Array) -> bytes:
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _value_info(value: Value) -> bytes:
    element = _number(1, ONNX_TYPES[value.dtype])
    shape = b"" if value.shape is None else _bytes(2, _shape(value.shape))
    return _text(1, value.name) + _bytes(2, _bytes(1, element + shape))


def _shape(shape: Shape) -> bytes:
    parts = []
    for size in shape:
        dimension = b"" if size is None else _text(2, size) if isinstance(size, str) else _number(1, size)
        parts.append(_bytes(1, dimension))
    return b"".join(parts)
