#!/usr/bin/env bash
# onnxruntime 1.31.1, CPU: Resize, linear, on uint8.
#
# guess   it is computed in float and rounded, as OpenCV, Pillow and torchvision do
# seen    the fraction is cut off: half a step darker than the same Resize on float32, on average
#
# A graph that takes bytes and resizes them before it casts them to float is fed darker images than it was trained with.
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - > "$folder/seen" <<'CODE'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def resized(image, kind):
    """To half the size, by the same operator on this element type."""
    constants = [helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 3, 40, 40])]
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="linear")
    graph = helper.make_graph(
        [node],
        "resize",
        [helper.make_tensor_value_info("x", kind, [1, 3, 100, 100])],
        [helper.make_tensor_value_info("y", kind, [1, 3, 40, 40])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": image})[0]


image = np.random.default_rng(0).integers(0, 256, (1, 3, 100, 100), np.uint8)
right = resized(image.astype(np.float32), TensorProto.FLOAT)
found = resized(image, TensorProto.UINT8).astype(np.float32)
print(f"mean difference to float: {(found - right).mean():.2f}")
print("equal to float, rounded:", bool((found == np.rint(right)).all()))
print("equal to float, cut off:", bool((found == np.floor(right + 1e-3)).all()))
CODE
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
mean difference to float: -0.47
equal to float, rounded: False
equal to float, cut off: True
SEEN
echo "as found"
