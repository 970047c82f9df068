#!/usr/bin/env bash
# ai-edge-litert 2.3.0: CompiledModel, and TensorBuffer.read with a type that is not the tensor's.
#
# guess   an int8 output that is read as float32 is dequantised, or refused
# seen    its bytes are reinterpreted without a word, four int8 as one float32, where there are enough of them
#
# The numbers look like floats, and are none: the caller must know the stored type, and dequantise.
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6
"$folder/venv/bin/python" - "$folder/model.tflite" > "$folder/seen" 2> "$folder/log" <<'CODE' || { cat "$folder/log"; exit 1; }
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.compiled_model import CompiledModel


def tensor(name, kind):
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name, [1, 8], kind, 0
    if kind == schema.TensorType.INT8:
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = [0.5], [-3]
    return made


code = schema.OperatorCodeT()
code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
code.version = 1
operator = schema.OperatorT()
operator.inputs, operator.outputs = [0], [1]
graph = schema.SubGraphT()
graph.tensors = [tensor("x", schema.TensorType.FLOAT32), tensor("q", schema.TensorType.INT8)]
graph.operators, graph.inputs, graph.outputs = [operator], [0], [1]
model = schema.ModelT()
model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
builder = flatbuffers.Builder(1024)
builder.Finish(model.Pack(builder), b"TFL3")
with open(sys.argv[1], "wb") as file:
    file.write(bytes(builder.Output()))

compiled = CompiledModel.from_file(sys.argv[1])
inputs, outputs = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
x = np.arange(8, dtype=np.float32)[None]
inputs[0].write(x)
compiled.run_by_index(0, inputs, outputs)
stored = outputs[0].read(8, np.int8)
print("stored:            ", stored.ravel().tolist())
print("dequantised:       ", ((stored.astype(np.float32) + 3) * 0.5).ravel().tolist())
asked = outputs[0].read(2, np.float32)
print("2 asked as float32 are the bytes of 8 int8:", asked.tobytes() == stored.tobytes())
CODE
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
stored:             [-3, -1, 1, 3, 5, 7, 9, 11]
dequantised:        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
2 asked as float32 are the bytes of 8 int8: True
SEEN
echo "as found"
