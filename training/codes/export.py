"""Writes the trained network as one small ONNX file that carries its own card."""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from network import SIDE, Exported
from symbols import LABELS

CONFIDENCE = 0.5  # default threshold, see edgerun/models/codes.md for how it was chosen
IOU = 0.5  # of non-maximum suppression
SMALL = 256  # values; smaller arrays stay float32

CARD = {
    "edgerun": 1,
    "task": "detect",
    "decoder": "yolov8",
    "labels": list(LABELS),
    "height": SIDE,
    "width": SIDE,
    "resize": "letterbox",
    "fill": [114, 114, 114],
    "color": "rgb",
    "scale": 1 / 255,
    "mean": [0, 0, 0],
    "std": [1, 1, 1],
    "box_units": "pixels",
    "suppressed": False,
    "conf": CONFIDENCE,
    "iou": IOU,
    "nms": "agnostic",
}


def export(module: Exported, path: Path) -> None:
    """`module` is fused and in eval mode; the parameters keep their names in the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        module,
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(path),
        input_names=["images"],
        output_names=["output0"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    _halve(model)
    helper.set_model_props(model, {"edgerun": json.dumps(CARD)})
    model.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _halve(model: onnx.ModelProto) -> None:
    """Stores large weights as float16 with a Cast to float32 behind each: half the file, the same arithmetic."""
    casts = []
    consumers: dict[str, str] = {}
    for stored in model.graph.initializer:
        values = numpy_helper.to_array(stored)
        if values.dtype == np.float32 and values.size > SMALL:
            stored.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored.name))
            consumers[stored.name] = f"{stored.name}.float"
            casts.append(helper.make_node("Cast", [stored.name], [consumers[stored.name]], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    for node in nodes:
        node.input[:] = [consumers.get(name, name) for name in node.input]
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)
