"""Writes the trained network as one small ONNX file that carries its own card.

`train.py` does so at its end. As a command it writes the file anew, after a change of the card:

    python training/codes/export.py build/codes.pt --out edgerun/models/codes.onnx
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from card import CARD, SIDE
from network import Exported, Network
from onnx import TensorProto, helper, numpy_helper

SMALL = 256  # values; smaller arrays stay float32


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
    model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True, data_prop=True)
    _freeze_shapes(model)
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


def _freeze_shapes(model: onnx.ModelProto) -> None:
    """Replaces computed shapes by constants, and drops what computed them: not every converter can follow."""
    graph = model.graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*graph.value_info, *graph.output)}
    for node in graph.node:
        if node.op_type == "Reshape":
            constant = numpy_helper.from_array(np.array(shapes[node.output[0]], np.int64), f"{node.output[0]}.shape")
            graph.initializer.append(constant)
            node.input[1] = constant.name
    wanted = {v.name for v in graph.output}
    kept = []
    for node in reversed(graph.node):  # the nodes are in order of execution
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    nodes = kept[::-1]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="the state dict that train.py wrote at its end")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    options = parser.parse_args()
    network = Network()
    network.load_state_dict(torch.load(options.checkpoint, weights_only=True))
    network.eval().fuse()
    export(Exported(network).eval(), options.out)


if __name__ == "__main__":
    main()
