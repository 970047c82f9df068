"""Products of eight bits whose sums ONNX Runtime cuts off on x86 processors without VNNI.

Its kernels there add two products of an unsigned and a signed byte in 16 bits, which hold at most 32,767, so a pair of
weights beyond 64 can be cut off. Source: onnxruntime_session_options_config_keys.h, "session.x64quantprecision", and
docs/performance/model-optimizations/quantization, of ONNX Runtime 1.31.

Seen with ONNX Runtime 1.31.1 on a processor whose VNNI was hidden from it, and on an emulated Haswell: QLinearConv,
QLinearMatMul and MatMulInteger of uint8 with int8 are cut off, and so are Conv, MatMul and Gemm between
DequantizeLinear and QuantizeLinear, int8 activations too, of which it makes uint8 ones. ConvInteger, int8 with int8 as
the file has it and convolutions of each channel by itself are exact. So are processors without AVX2.

What lies between DequantizeLinear and QuantizeLinear is exact in floats, as the file has it; our own detector of codes
then takes 1.25 times as long. For operators of whole numbers ONNX Runtime has a switch that makes unsigned weights of
signed ones; it does nothing to .ort files, and files fail to open with it where two operators share a zero point, or
where one multiplies int8 with int8.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgerun.contract import Graph, Node
from edgerun.errors import ModelUnreadable
from edgerun.tensors import AnyArray
from edgerun.wire.protobuf import Message
from edgerun_onnxruntime.graph import GraphReader, is_ort, mapped
from edgerun_onnxruntime.weights import DATA_TYPE, DIMS, INT32_DATA, MAX_AXES, NAME, RAW_DATA

__all__ = ["Found", "found", "processor_saturates"]

IN_FLOATS = ("session.disable_quant_qdq", "1")
"""Entry of a session's configuration: what was quantised and is dequantised is computed in floats."""

UNSIGNED = ("session.x64quantprecision", "1")
"""Likewise: weights of operators of whole numbers are made unsigned."""

SPECIMEN = Path(__file__).with_name("products.onnx")
"""Sums four products of 255, which it is fed, and 127."""

X86 = ("x86_64", "amd64", "i386", "i686", "x86")

MOST = 64
"""The largest weight of which two products with a byte, 2 x 64 x 255 = 32,640, are whole in 16 bits."""

INT8 = 3
"""TensorProto.DataType."""


class Factors(NamedTuple):
    """Where an operator has its factors.

    Attributes:
        weights: the input that holds them.
        zero: the input whose type is that of the activations; None where they are always uint8.
    """

    weights: int
    zero: int | None


OPERATORS: Mapping[str, Factors] = {
    "QLinearConv": Factors(3, 2),
    "QLinearMatMul": Factors(3, 2),
    "MatMulInteger": Factors(1, 0),
    "com.microsoft.QGemm": Factors(3, 2),
    "com.microsoft.MatMulIntegerToFloat": Factors(1, 0),
    "com.microsoft.DynamicQuantizeMatMul": Factors(1, None),
    "com.microsoft.QAttention": Factors(1, 0),
    "com.microsoft.DynamicQuantizeLSTM": Factors(1, None),
}
"""Operator of whole numbers -> its factors."""

REAL = ("Conv", "MatMul", "Gemm")
"""Operators that ONNX Runtime computes in whole numbers where their inputs were quantised."""


class Found(NamedTuple):
    """Operators of a file whose sums are cut off on such a processor.

    Attributes:
        real: those between DequantizeLinear and QuantizeLinear.
        whole: those of whole numbers.
        readable: False for .ort files, of which only the names of operators were looked for.
    """

    real: int = 0
    whole: int = 0
    readable: bool = True

    @property
    def operators(self) -> int:
        """All of them."""
        return self.real + self.whole

    @property
    def remedies(self) -> list[tuple[str, str]]:
        """Entries of a session's configuration with which these sums are whole."""
        return [IN_FLOATS] * (self.real > 0) + [UNSIGNED] * (self.whole > 0)


@cache
def processor_saturates() -> bool:
    """Whether ONNX Runtime cuts off sums of products on this processor: tried once, which takes half a millisecond."""
    if platform.machine().lower() not in X86:
        return False
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(SPECIMEN), options, providers=["CPUExecutionProvider"])
    (total,) = session.run(None, {"x": np.full((1, 4), 255, np.uint8)})
    return int(total.item()) != 4 * 255 * 127


def found(path: Path) -> Found:
    """What a file asks of products of eight bits; nothing where it cannot be read, which ONNX Runtime may do better."""
    try:
        with mapped(path) as data:
            if is_ort(data):
                names = (b"QLinearConv", b"QLinearMatMul", b"MatMulInteger", b"QGemm")
                return Found(whole=sum(data.find(name) >= 0 for name in names), readable=False)
            reader = GraphReader(data)
            graph = reader.read()
            narrow = set(_narrow(reader.model.message(7)))
    except ModelUnreadable:
        return Found()
    wide = {name for name, spec in graph.values.items() if spec.dtype == "int8"} - narrow
    return _counted(graph, wide)


def _narrow(graph: Message | None) -> Iterator[str]:
    """Names of the int8 weights none of which is beyond `MOST`; what another file holds is not looked at."""
    for tensor in () if graph is None else graph.messages(5):
        numbers = _bytes(tensor) if tensor.integer(DATA_TYPE) == INT8 else None
        if numbers is not None and int(np.abs(numbers.astype(np.int16)).max(initial=0)) <= MOST:
            yield tensor.text(NAME)


def _bytes(tensor: Message) -> AnyArray | None:
    """The numbers of an int8 tensor; None where they are not here."""
    count = int(np.prod(tensor.integers(DIMS, MAX_AXES) or (), dtype=np.int64))
    if RAW_DATA in tensor:
        return tensor.numbers(RAW_DATA, "i1", count)
    whole = tensor.integers(INT32_DATA, count) if INT32_DATA in tensor else None
    return None if whole is None else np.array(whole, np.int64).astype(np.int8)


def _counted(graph: Graph, wide: set[str]) -> Found:
    producers = {output: node for node in graph.nodes for output in node.outputs}
    cut_off = [node for node in graph.nodes if _is_cut_off(node, graph, wide, producers)]
    real = sum(node.op in REAL for node in cut_off)
    return Found(real, len(cut_off) - real)


def _is_cut_off(node: Node, graph: Graph, wide: set[str], producers: Mapping[str, Node]) -> bool:
    weights = _weights(node, producers)
    if weights not in wide or _by_channel(node, graph, weights):
        return False
    return _activations(node, graph) != "int8"


def _weights(node: Node, producers: Mapping[str, Node]) -> str:
    """The name of the weights that an operator multiplies with activations of eight bits; "" for other operators."""
    factors = OPERATORS.get(node.op)
    if factors is not None:
        return _input(node, factors.weights)
    if node.op not in REAL:
        return ""
    sources = [producers.get(_input(node, place)) for place in (0, 1)]
    both = [source for source in sources if source is not None and source.op == "DequantizeLinear"]
    return _input(both[1], 0) if len(both) == 2 else ""


def _activations(node: Node, graph: Graph) -> str:
    """The type of the activations of an operator of whole numbers; "" where the file does not say, or of others."""
    factors = OPERATORS.get(node.op)
    if factors is None or factors.zero is None:
        return ""
    spec = graph.values.get(_input(node, factors.zero))
    return "" if spec is None else spec.dtype


def _by_channel(node: Node, graph: Graph, weights: str) -> bool:
    """Whether a convolution looks at each channel by itself, and makes one of it."""
    shape = graph.values[weights].shape
    return node.op in ("Conv", "QLinearConv") and shape[1:2] == (1,) and shape[0] == node.attributes.get("group", 1)


def _input(node: Node, place: int) -> str:
    return node.inputs[place] if place < len(node.inputs) else ""
