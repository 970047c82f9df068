"""The graph of a .tflite file, read without a runtime.

Source of the numbers of fields, operators, types and options: LiteRT's schema.fbs as of ai-edge-litert 2.3
(Apache-2.0).
"""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.contract import Graph, Need, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import AnyArray, Quantization, TensorSpec
from edgerun_tflite.flatbuffer import Damaged, Table, verify
from edgerun_tflite.metadata import POST_PROCESS, post_process

__all__ = ["EDGETPU", "needs", "read", "signature_names"]

EDGETPU = "edgetpu-custom-op"
"""The one operator of a file that was compiled for the Edge TPU."""

TYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4",
    "float8_e4m3fn", "float8_e5m2",
)  # fmt: skip
"""TensorType."""
BEYOND_NUMPY = {5, 13, 14, *range(17, 23)}
"""Types whose arrays are left out."""

_NAMES = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION
LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH
CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE
EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR
ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE
RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND
COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE
HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE
BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1
UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR
RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE
STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE
STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL
STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER
STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE
STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE
DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
STABLEHLO_CASE
"""
OPERATORS = tuple(_NAMES.split())
"""BuiltinOperator."""
CUSTOM = 32

PADDING = ("SAME", "VALID")
ACTIVATION = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
_STRIDED = "padding stride_w:i stride_h:i"
_OPTIONS = {
    1: f"{_STRIDED} activation dilation_w_factor:i=1 dilation_h_factor:i=1",
    2: f"{_STRIDED} depth_multiplier:i activation dilation_w_factor:i=1 dilation_h_factor:i=1",
    5: f"{_STRIDED} filter_width:i filter_height:i activation",
    8: "activation weights_format:b keep_num_dims:? asymmetric_quantize_inputs:?",
    9: "beta:f",
    10: "axis:i activation",
    11: "activation",
    12: "activation",
    13: "radius:i bias:f alpha:f beta:f",
    15: "- - align_corners:? half_pixel_centers:?",
    16: "subgraph:graph",
    17: "new_shape:list",
    19: "block_size:i",
    21: "activation",
    23: "axis:i batch_dims:i",
    27: "keep_dims:?",
    28: "activation",
    29: "activation",
    30: "squeeze_dims:list",
    32: "begin_mask:i end_mask:i ellipsis_mask:i new_axis_mask:i shrink_axis_mask:i offset:?",
    35: "num_splits:i",
    37: "in_data_type:type out_data_type:type",
    40: "output_type:type",
    49: f"{_STRIDED} activation",
    55: "out_type:type",
    57: "output_type:type",
    59: "values_count:i axis:i",
    61: "axis:i",
    64: "num:i axis:i",
    74: "align_corners:? half_pixel_centers:?",
    75: "alpha:f",
    77: "mode:b",
    79: "num_splits:i",
    92: "then_subgraph_index:graph else_subgraph_index:graph",
    93: "cond_subgraph_index:graph body_subgraph_index:graph",
    94: "block_size:i",
    101: "adj_x:? adj_y:? asymmetric_quantize_inputs:?",
    102: "exclusive:? reverse:?",
    103: "init_subgraph_index:graph",
    116: "approximate:?",
}
"""BuiltinOptions -> its fields in the order of the slots, each with a letter of `struct` and its default."""


def read(path: Path) -> Graph:
    """The graph that runs, with those that it calls after the operator that calls them.

    A graph that is called is shown in the attributes as {"inputs": names, "outputs": names}.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            model = Table.root(data)
            verify(model)
            if model.number(0, "I") != 3 or not model.tables(2):
                raise Damaged("it is no TFLite model of version 3")
            return _Reader(data, model).graph()
    except (ValueError, IndexError, struct.error, OverflowError) as cause:  # an empty file cannot be mapped: ValueError
        raise ModelUnreadable(f"{path} is damaged: {cause}.", hint="copy or export it again") from cause


def needs(path: Path) -> list[Need]:
    """The version that the converter noted, and operators that LiteRT does not bring.

    Raises:
        ModelUnreadable: the file is damaged.
    """
    found = read(path)
    version = found.opset.removeprefix("TFLite ")
    told = [Need(f"TensorFlow Lite {version}", "min_runtime_version in the file")] if version else []
    custom = Counter(node.op for node in found.nodes if node.op not in {*OPERATORS, POST_PROCESS})
    flex = {op: count for op, count in custom.items() if op.startswith("Flex")}
    if flex:
        told.append(Need("LiteRT with the operators of TensorFlow (Flex)", _counted(flex)))
    if EDGETPU in custom:
        told.append(Need("an Edge TPU", "it was compiled for one"))
    others = {op: count for op, count in custom.items() if op not in flex and op != EDGETPU}
    if others:
        told.append(Need("LiteRT with custom operators", _counted(others)))
    return told


def _counted(counts: Mapping[str, int], most: int = 4) -> str:
    shown = ", ".join(f"{count} × {op}" for op, count in sorted(counts.items())[:most])
    return shown if len(counts) <= most else f"{shown} and {len(counts) - most} more"


def signature_names(model: Table, side: int) -> dict[int, str]:
    """Tensor -> the name that a signature gives to an input (0) or output (1), where it names all of them.

    Not of outputs of TFLite_Detection_PostProcess: exporters mix up the names of those.
    """
    graph = model.tables(2)[0]
    places = graph.numbers(1 + side)
    if side == 1 and post_process(graph, [code.text(1) for code in model.tables(1)]) is not None:
        return {}
    for signature in model.tables(7):
        named = {int(entry.number(1, "I")): entry.text(0) for entry in signature.tables(side)}
        if signature.number(4, "I") == 0 and set(named) == set(places) and len(set(named.values())) == len(places):
            return named
    return {}


class _Reader:
    def __init__(self, data: Any, model: Table) -> None:
        self.data, self.model = data, model
        self.left = 4 * len(data) + 4096  # tables may share what they point to; a model reads each byte about once
        self.codes = [self.code(entry) for entry in model.tables(1)]
        self.buffers, self.graphs = model.tables(4), model.tables(2)
        self.names: dict[int, list[str]] = {}
        self.nodes: list[Node] = []
        self.values: dict[str, TensorSpec] = {}
        self.constants: dict[str, AnyArray] = {}

    def graph(self) -> Graph:
        inputs, outputs = self.subgraph(0)
        said = {entry.text(0): entry.number(1, "I") for entry in self.model.tables(6)}
        version = self.content(said["min_runtime_version"])[:64] if "min_runtime_version" in said else b""
        opset = version.rstrip(b"\0").decode("utf-8", "replace")
        producer = self.model.text(3) if self.spend(self.model, 3) else ""
        return Graph(
            tuple(self.nodes), inputs, outputs, self.values, self.constants, producer, opset and f"TFLite {opset}"
        )

    def spend(self, table: Table, slot: int, width: int = 1) -> int:
        """Entries of a vector that is about to be read."""
        count = table.count(slot)
        self.left -= count * width
        if self.left < 0:
            raise Damaged("its tables share so much that it has no end")
        return count

    def text(self, table: Table, slot: int) -> str:
        return table.text(slot) if self.spend(table, slot) else ""

    def numbers(self, table: Table, slot: int) -> tuple[int, ...]:
        return table.numbers(slot) if self.spend(table, slot, 4) else ()

    def code(self, entry: Table) -> str:
        number = max(entry.number(0, "b"), entry.number(3, "i"))
        if number == CUSTOM:
            return self.text(entry, 1) or "CUSTOM"
        return OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}"

    def content(self, place: int) -> bytes:
        """Bytes of a buffer; those of large files lie behind the FlatBuffer."""
        if place >= len(self.buffers):
            raise Damaged(f"there is no buffer {place}")
        buffer = self.buffers[place]
        start, size = buffer.number(1, "Q"), buffer.number(2, "Q")
        if start > 1:
            if start + size > len(self.data):
                raise Damaged(f"buffer {place} leads out of the file")
            self.left -= size
            return bytes(self.data[start : start + size]) if self.left >= 0 else b""
        return buffer.raw(0) if self.spend(buffer, 0) else b""

    def subgraph(self, place: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of inputs and outputs; the rest goes to nodes, values and constants, once."""
        if not 0 <= place < len(self.graphs):
            raise Damaged(f"there is no graph {place}")
        graph = self.graphs[place]
        new = place not in self.names
        if new:
            self.names[place] = names = self.named(place, graph)
            for tensor, name in zip(graph.tables(0), names, strict=True):
                self.tensor(name, tensor)
        sides = self.looked_up(place, graph, 1), self.looked_up(place, graph, 2)
        for operator in graph.tables(3) if new else ():
            self.operator(place, operator)
        return sides

    def named(self, place: int, graph: Table) -> list[str]:
        """Each tensor's name, made unique; inputs and outputs are called as the session calls them."""
        tensors = graph.tables(0)
        chosen = {**signature_names(self.model, 1), **signature_names(self.model, 0)} if place == 0 else {}
        taken = {*chosen.values(), *self.values}
        names = []
        for index, tensor in enumerate(tensors):
            name = chosen.get(index, "")
            if not name:
                name = self.text(tensor, 3) or "tensor"
                if name in taken:
                    name = f"{name}#{index}" if f"{name}#{index}" not in taken else f"{name}#{place}:{index}"
            taken.add(name)
            names.append(name)
        return names

    def looked_up(self, place: int, table: Table, slot: int) -> tuple[str, ...]:
        names = self.names[place]
        indices = self.numbers(table, slot)
        if any(not -1 <= index < len(names) for index in indices):
            raise Damaged("an operator names a tensor that there is not")
        return tuple(names[index] if index >= 0 else "" for index in indices)

    def tensor(self, name: str, tensor: Table) -> None:
        signature, stored = self.numbers(tensor, 7), self.numbers(tensor, 0)
        sizes = signature if len(signature) == len(stored) else stored
        kind = tensor.number(1, "b")
        dtype = TYPES[kind] if 0 <= kind < len(TYPES) else f"type {kind}"
        shape = tuple(None if size < 0 else size for size in sizes)
        if sizes or tensor.number(8, "B") or self.held(tensor):  # else the number of axes is not known
            self.values[name] = TensorSpec(name, shape, dtype, self.quantization(tensor, dtype))
        count = 1
        for size in stored:
            count *= size
        sparse = tensor.table(6) is not None
        if sparse or kind in BEYOND_NUMPY or not 0 <= kind < len(TYPES) or not 0 < count <= Graph.LARGEST_CONSTANT:
            return
        content = self.content(tensor.number(2, "I"))
        if content:
            if len(content) != count * np.dtype(dtype).itemsize:
                raise Damaged(f"the tensor {name!r} of {count} numbers does not hold as many")
            numbers = np.frombuffer(content, np.dtype(dtype).newbyteorder("<"))
            self.constants[name] = np.array(numbers, np.dtype(dtype)).reshape(stored)

    def held(self, tensor: Table) -> bool:
        """Whether a buffer holds the numbers of a tensor."""
        place = tensor.number(2, "I")
        return bool(0 < place < len(self.buffers) and self.buffers[place].count(0))

    def quantization(self, tensor: Table, dtype: str) -> Quantization | None:
        found = tensor.table(4)
        count = self.spend(found, 2, 12) if found is not None else 0
        if found is None or not count or "int" not in dtype or found.count(3) != count:
            return None
        scales, zeros = found.numbers(2, "f"), found.numbers(3, "q")
        return Quantization(scales, zeros, found.number(6, "i")) if min(scales) > 0 else None

    def operator(self, place: int, operator: Table) -> None:
        code = operator.number(0, "I")
        if code >= len(self.codes):
            raise Damaged(f"there is no kind of operator {code}")
        inputs, outputs = self.looked_up(place, operator, 1), self.looked_up(place, operator, 2)
        at = len(self.nodes)
        attributes = dict(self.attributes(operator))
        # before the graphs that it calls, which were read with the attributes
        self.nodes.insert(at, Node(self.codes[code], "", inputs, outputs, attributes))

    def attributes(self, operator: Table) -> Iterator[tuple[str, Any]]:
        fields, options = _OPTIONS.get(operator.number(3, "B")), operator.table(4)
        if fields is None or options is None:
            return
        for slot, entry in enumerate(fields.split()):
            name, _, kind = entry.partition(":")
            kind, _, default = kind.partition("=")
            if name == "padding" or name == "activation":
                words, word = PADDING if name == "padding" else ACTIVATION, options.number(slot, "b")
                key = name if name == "padding" else "fused_activation_function"
                yield key, words[word] if 0 <= word < len(words) else word
            elif kind == "graph":
                inputs, outputs = self.subgraph(options.number(slot, "i"))
                yield name, {"inputs": inputs, "outputs": outputs}
            elif kind == "list":
                yield name, self.numbers(options, slot)
            elif kind == "type":
                number = options.number(slot, "b")
                yield name, TYPES[number] if 0 <= number < len(TYPES) else number
            elif kind:
                yield name, options.number(slot, kind, int(default or 0))
