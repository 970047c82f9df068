#!/usr/bin/env bash
# onnxruntime 1.31.1, CPU, x86-64: session.x64quantprecision=1, which is to avoid sums of 8-bit products being cut off.
#
# guess   with the switch a quantised model opens as without it, and computes the same or better
# seen    where two operators share a zero point, the model does not open ("Attempt to replace the existing tensor");
#         a QLinearConv of int8 with int8 beyond 64 does not open either (no kernel); a single one of uint8 does
#
# So it cannot be set for all models; what lies between DequantizeLinear and QuantizeLinear can be had whole by
# session.disable_quant_qdq=1 instead.
set -euo pipefail
[ "$(uname -m)" = x86_64 ] || { echo "needs x86-64"; exit 2; }
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/log" <<'CODE' || { cat "$folder/log"; exit 1; }
import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def number(name, value, kind):
    return helper.make_tensor(name, kind, [], [value])


def model(kind, zeros):
    """QLinearConvs in a row, one for each zero point that is named; weights of 127."""
    zero = 0 if kind == TensorProto.UINT8 else -128
    constants = [number(name, value, TensorProto.FLOAT) for name, value in (("scale", 1.0), ("large", 1300.0))]
    constants.append(number("z", zero, kind))
    constants += [number(name, 0, TensorProto.INT8) for name in sorted(set(zeros))]
    nodes, value = [], "x"
    for place, name in enumerate(zeros):
        constants.append(helper.make_tensor(f"w{place}", TensorProto.INT8, [8, 8, 1, 1], [127] * 64))
        result = "y" if place == len(zeros) - 1 else f"v{place}"
        inputs = [value, "scale", "z", f"w{place}", "scale", name, "large", "z"]
        nodes.append(helper.make_node("QLinearConv", inputs, [result]))
        value = result
    ends = [helper.make_tensor_value_info(name, kind, [1, 8, 4, 4]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


def opens(content, switch):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if switch:
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as cause:
        known = {"replace the existing tensor": "replace the existing tensor", "Failed to find kernel": "no kernel"}
        return next((short for words, short in known.items() if words in str(cause)), str(cause))
    return "opens"


for name, content in (
    ("uint8 with int8, one:                ", model(TensorProto.UINT8, ["a"])),
    ("uint8 with int8, two zero points:    ", model(TensorProto.UINT8, ["a", "b"])),
    ("uint8 with int8, a shared zero point:", model(TensorProto.UINT8, ["a", "a"])),
    ("int8 with int8:                      ", model(TensorProto.INT8, ["a"])),
):
    print(name, opens(content, False), "|", opens(content, True))
CODE
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
uint8 with int8, one:                 opens | opens
uint8 with int8, two zero points:     opens | opens
uint8 with int8, a shared zero point: opens | replace the existing tensor
int8 with int8:                       opens | no kernel
SEEN
echo "as found"
