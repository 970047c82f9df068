"""Names that stand as numbers in a .tflite file: operators, types and options.

Source: LiteRT's schema.fbs as of ai-edge-litert 2.3 (Apache-2.0).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ACTIVATION", "BEYOND_NUMPY", "CUSTOM", "EDGETPU", "OPERATORS", "OPTIONS", "PADDING", "TYPES", "Option"]

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
_ACTIVATED = "fused_activation_function:activation"
_STRIDED = "padding:padding stride_w:i stride_h:i"
_FIELDS = {
    1: f"{_STRIDED} {_ACTIVATED} dilation_w_factor:i=1 dilation_h_factor:i=1",
    2: f"{_STRIDED} depth_multiplier:i {_ACTIVATED} dilation_w_factor:i=1 dilation_h_factor:i=1",
    5: f"{_STRIDED} filter_width:i filter_height:i {_ACTIVATED}",
    8: f"{_ACTIVATED} weights_format:b keep_num_dims:? asymmetric_quantize_inputs:?",
    9: "beta:f",
    10: f"axis:i {_ACTIVATED}",
    11: f"{_ACTIVATED}",
    12: f"{_ACTIVATED}",
    13: "radius:i bias:f alpha:f beta:f",
    15: "- - align_corners:? half_pixel_centers:?",
    16: "subgraph:graph",
    17: "new_shape:list",
    19: "block_size:i",
    21: f"{_ACTIVATED}",
    23: "axis:i batch_dims:i",
    27: "keep_dims:?",
    28: f"{_ACTIVATED}",
    29: f"{_ACTIVATED}",
    30: "squeeze_dims:list",
    32: "begin_mask:i end_mask:i ellipsis_mask:i new_axis_mask:i shrink_axis_mask:i offset:?",
    35: "num_splits:i",
    37: "in_data_type:type out_data_type:type",
    40: "output_type:type",
    49: f"{_STRIDED} {_ACTIVATED}",
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
"""BuiltinOptions -> its fields in the order of the slots, each with its kind and its default."""


class Option(NamedTuple):
    """A field of an operator's options.

    Attributes:
        name: as the graph shows it.
        kind: a letter of `struct`; "padding", "activation" or "type" for a number with a name, "graph" for that of a
            graph, "list" for a vector of numbers; "" for what is of no use here.
        default: of a number that is left out.
    """

    name: str
    kind: str
    default: int


def _option(text: str) -> Option:
    name, _, kind = text.partition(":")
    kind, _, default = kind.partition("=")
    return Option(name, kind, int(default or 0))


OPTIONS = {number: tuple(_option(field) for field in fields.split()) for number, fields in _FIELDS.items()}
"""BuiltinOptions -> its fields in the order of the slots."""
