"""What a .tflite file must pass before native code of this process sees it.

LiteRT checks what it reads, and still ends the process on some whole files, as its own tests have them. A file is seen
to be safe where it is one graph of plain operators on plain numbers, each defined before it is used: that is what the
converters make of detectors, and it costs nothing, for the graph is read anyway. Any other is opened and run once on
zeros in a process that may die, which costs half a second the first time.

It is not a proof: a file may behave on zeros and not on an image.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from edgerun.contract import Graph
from edgerun.contract.guarded_trial import REFUSED, guarded_trial
from edgerun.errors import ModelUnreadable

__all__ = ["doubt", "tried"]

TRIAL = Path(__file__).with_name("guard_trial.py")

TIME_LIMIT = 120.0
"""Seconds for the import of LiteRT, the load and one run on the slowest board."""

_NAMES = """
ABS ADD ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL BROADCAST_TO CAST CEIL CONCATENATION CONV_2D COS
DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FULLY_CONNECTED
GATHER GATHER_ND GELU GREATER GREATER_EQUAL HARD_SWISH L2_NORMALIZATION LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND
LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD
PADV2 POW PRELU QUANTIZE RANGE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR
RESIZE_NEAREST_NEIGHBOR ROUND RSQRT SELECT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V SQRT
SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TILE TOPK_V2 TRANSPOSE TRANSPOSE_CONV UNPACK
TFLite_Detection_PostProcess
"""
PLAIN = frozenset(_NAMES.split())
"""Operators of detectors that take and give arrays and keep nothing between runs."""

PLAIN_TYPES = frozenset({"float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"})


def doubt(graph: Graph | None, held: Set[str], graphs: int) -> str:
    """What a file has that is not seen to be safe, in half a sentence; "" for plain ones.

    Args:
        graph: of the file; None where it cannot be read to the end.
        held: values whose numbers the file holds.
        graphs: how many there are in the file.
    """
    if graph is None:
        return "cannot be read to the end"
    if graphs != 1:
        return f"holds {graphs} graphs"
    odd = sorted({node.op for node in graph.nodes} - PLAIN)
    if odd:
        return f"asks for {odd[0]}"
    types = sorted({spec.dtype for spec in graph.values.values()} - PLAIN_TYPES)
    if types:
        return f"holds values of {types[0]}"
    return _undefined(graph, held)


def _undefined(graph: Graph, held: Set[str]) -> str:
    """Likewise of a value that is used before anything gives it; "" where there is none."""
    given = {*graph.inputs, *held, ""}
    for node in graph.nodes:
        if not given.issuperset(node.inputs):
            return "uses a value that nothing gives"
        given.update(node.outputs)
    return "" if graph.outputs and given.issuperset(graph.outputs) else "gives a value that nothing makes"


def tried(path: Path, module: str, version: str, delegate: str, doubted: str) -> None:
    """Make sure that a file does not bring its process down.

    What LiteRT refuses in an orderly way passes: it is opened next, and its words are told then.

    Args:
        path: the file.
        module: the interpreter's.
        version: of the interpreter.
        delegate: "xnnpack" or another, for which LiteRT's own kernels stand.
        doubted: what the file has that is not seen to be safe, in half a sentence.

    Raises:
        ModelUnreadable: it does.
    """
    words = version.split()[0]
    ending = guarded_trial(path, f"tflite/{words}-{delegate}", TRIAL, [module, delegate], TIME_LIMIT)
    if ending is None or ending.code == REFUSED:
        return
    how = f"brought it down (exit status {ending.code})" if ending.code is not None else "never ended"
    raise ModelUnreadable(
        f"{path} {doubted}, so it was tried in a process of its own, and {module.partition('.')[0]} {how}.",
        hint="export it for inference, as one graph of built-in operators, or update the runtime",
    )
