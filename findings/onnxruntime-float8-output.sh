#!/usr/bin/env bash
# onnxruntime 1.31.1 (CPU): an output of the type float8e4m3fn.
#
# guess   it comes back as ml_dtypes' float8_e4m3fn, or is refused, since numpy has no such type
# seen    it comes back as uint8 without a word: the stored bytes, which look like numbers
#
# The caller must ask get_outputs() for the type, and view the bytes as what they are.
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    onnxruntime==1.31.1 onnx==1.23.2 ml_dtypes==0.5.4 numpy==2.4.6
"$folder/venv/bin/python" > "$folder/seen" 2> "$folder/log" <<'CODE' || { cat "$folder/log"; exit 1; }
import ml_dtypes
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT8E4M3FN, [3])
graph = helper.make_graph([helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)], "g", [x], [y])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
(found,) = session.run(None, {"x": np.array([1, 2, -0.5], np.float32)})
print("declared:     ", session.get_outputs()[0].type)
print("comes back:   ", found.dtype, found.tolist())
print("what it means:", found.view(ml_dtypes.float8_e4m3fn).astype(np.float32).tolist())
CODE
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
declared:      tensor(float8e4m3fn)
comes back:    uint8 [56, 64, 176]
what it means: [1.0, 2.0, -0.5]
SEEN
echo "as found"
