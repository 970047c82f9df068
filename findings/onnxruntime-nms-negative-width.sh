#!/usr/bin/env bash
# onnxruntime 1.31.1, CPU: NonMaxSuppression and boxes whose corners are exchanged, in its two forms.
#
# guess   a box is the same box however it is written, so both forms agree
# seen    corner form (center_point_box=0): exchanged corners are sorted, and the box is suppressed as usual
#         centre form (center_point_box=1): a box of negative width is never suppressed and suppresses no other
#
# A head whose sizes may come out negative keeps all its duplicates in one form, and none in the other.
set -euo pipefail
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - > "$folder/seen" <<'CODE'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper


def kept(boxes, centre):
    """Indices that are kept of two boxes, at an IoU threshold of 0.5."""
    constants = [
        helper.make_tensor("scores", TensorProto.FLOAT, [1, 1, 2], [0.9, 0.8]),
        helper.make_tensor("most", TensorProto.INT64, [1], [10]),
        helper.make_tensor("iou", TensorProto.FLOAT, [1], [0.5]),
    ]
    node = helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "iou"], ["kept"], center_point_box=centre)
    graph = helper.make_graph(
        [node],
        "nms",
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 2, 4])],
        [helper.make_tensor_value_info("kept", TensorProto.INT64, [None, 3])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (rows,) = session.run(None, {"boxes": np.array([boxes], np.float32)})
    return rows[:, 2].tolist()


print("corners, both in order:   ", kept([[0, 0, 10, 10], [0, 0, 10, 10]], 0))
print("corners, second exchanged:", kept([[0, 0, 10, 10], [10, 10, 0, 0]], 0))
print("centre, both positive:    ", kept([[5, 5, 10, 10], [5, 5, 10, 10]], 1))
print("centre, second negative:  ", kept([[5, 5, 10, 10], [5, 5, -10, 10]], 1))
print("centre, first negative:   ", kept([[5, 5, -10, 10], [5, 5, 10, 10]], 1))
CODE
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
corners, both in order:    [0]
corners, second exchanged: [0]
centre, both positive:     [0]
centre, second negative:   [0, 1]
centre, first negative:    [0, 1]
SEEN
echo "as found"
