"""The network of the codes detector as a TFLite file, written operator by operator: no TensorFlow, no converter.

The layers are those of training/codes/network.py, with channels last and padding as an operator of its own where the
stride is not 1: TFLite's SAME pads an even side at its end, torch at both.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

__all__ = ["SIGNATURE", "write"]

SIGNATURE = "serving_default"

CODES = schema.BuiltinOperator
RELU = schema.ActivationFunctionType.RELU


class Graph:
    """A subgraph that grows; tensors are their numbers. Shapes are without open sizes."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, "edgerun"
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes, self.model.metadata = [], []
        self.graph = schema.SubGraphT()
        self.graph.name, self.graph.tensors, self.graph.operators = "main", [], []
        self.model.subgraphs = [self.graph]
        self._codes: dict[int, int] = {}

    def tensor(self, name: str, shape: tuple[int, ...], values: NDArray[Any] | None = None) -> int:
        """A new tensor; float32 where it holds no values."""
        tensor = schema.TensorT()
        place = len(self.graph.tensors)
        tensor.name, tensor.shape = name if values is None else f"{name}_{place}", list(shape)
        tensor.type = schema.TensorType.FLOAT32
        tensor.buffer = 0
        if values is not None:
            tensor.type = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
            tensor.buffer = self.buffer(values.tobytes())
        self.graph.tensors.append(tensor)
        return place

    def buffer(self, content: bytes) -> int:
        """A new buffer."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(content, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def constant(self, name: str, values: Any) -> int:
        """Integers become int32, anything else float32."""
        array = np.asarray(values)
        array = np.ascontiguousarray(array, np.int32 if array.dtype.kind == "i" else np.float32)
        return self.tensor(name, array.shape, array)

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The sizes of a tensor."""
        return tuple(self.graph.tensors[tensor].shape)

    def add(
        self, code: int, inputs: list[int], shape: tuple[int, ...], kind: str = "", name: str = "", **options: Any
    ) -> int:
        """An operator with one output; gives the output."""
        if code not in self._codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode, entry.version = code, 1
            entry.deprecatedBuiltinCode = min(code, 127)
            self.model.operatorCodes.append(entry)
            self._codes[code] = len(self._codes)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs = self._codes[code], inputs
        output = self.tensor(name or f"t{len(self.graph.tensors)}", shape)
        operator.outputs = [output]
        if kind:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = getattr(schema, kind + "T")()
            for key, value in options.items():
                setattr(operator.builtinOptions, key, value)
        self.graph.operators.append(operator)
        return output

    def convolution(self, x: int, layer: Any, relu: bool) -> int:
        """A torch.nn.Conv2d, depthwise or with one group."""
        (kernel, _), (stride, _), (pad, _) = layer.kernel_size, layer.stride, layer.padding
        batch, height, width, channels = self.shape(x)
        same = stride == 1 and pad == kernel // 2
        if not same and pad:
            pads = self.constant("pads", [[0, 0], [pad, pad], [pad, pad], [0, 0]])
            x = self.add(CODES.PAD, [x, pads], (batch, height + 2 * pad, width + 2 * pad, channels), "PadOptions")
        weight = layer.weight.detach().numpy()
        depthwise = layer.groups > 1
        weight = weight.transpose(1, 2, 3, 0) if depthwise else weight.transpose(0, 2, 3, 1)
        inputs = [x, self.constant("weight", weight), self.constant("bias", layer.bias.detach().numpy())]
        sides = tuple((side + 2 * pad - kernel) // stride + 1 for side in (height, width))
        options = {
            "strideH": stride,
            "strideW": stride,
            "padding": schema.Padding.SAME if same else schema.Padding.VALID,
            "fusedActivationFunction": RELU if relu else 0,
            "dilationHFactor": 1,
            "dilationWFactor": 1,
        }
        shape = (batch, *sides, layer.out_channels)
        if depthwise:
            options["depthMultiplier"] = 1
            return self.add(CODES.DEPTHWISE_CONV_2D, inputs, shape, "DepthwiseConv2DOptions", **options)
        return self.add(CODES.CONV_2D, inputs, shape, "Conv2DOptions", **options)

    def binary(self, code: int, kind: str, x: int, y: int) -> int:
        """An operator of two tensors that broadcasts the second."""
        return self.add(code, [x, y], self.shape(x), kind)

    def slice(self, x: int, start: int, count: int) -> int:
        """Columns of the last axis."""
        *rest, _ = self.shape(x)
        begin = self.constant("begin", [0] * len(rest) + [start])
        size = self.constant("size", [*rest, count])
        return self.add(CODES.SLICE, [x, begin, size], (*rest, count), "SliceOptions")

    def concat(self, parts: list[int], axis: int) -> int:
        """Tensors one after the other."""
        shape = list(self.shape(parts[0]))
        shape[axis] = sum(self.shape(part)[axis] for part in parts)
        return self.add(CODES.CONCATENATION, parts, tuple(shape), "ConcatenationOptions", axis=axis)

    def finish(self, x: int, output: int, metadata: dict[str, str]) -> bytes:
        """The file."""
        self.graph.inputs, self.graph.outputs = [x], [output]
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
        signature.inputs, signature.outputs = [self._named(x)], [self._named(output)]
        self.model.signatureDefs = [signature]
        for name, text in metadata.items():
            entry = schema.MetadataT()
            entry.name, entry.buffer = name, self.buffer(text.encode())
            self.model.metadata.append(entry)
        builder = flatbuffers.Builder(1 << 21)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _named(self, tensor: int) -> Any:
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = self.graph.tensors[tensor].name, tensor
        return entry


def write(module: Any, side: int, box_scale: float, metadata: dict[str, str]) -> bytes:
    """The exported network as a TFLite file: images float32 [1, side, side, 3] in 0..1 to float32 [1, 8, A].

    Args:
        module: `Exported` of training/codes/network.py.
        side: pixels of the square input.
        box_scale: what boxes are multiplied with; 1 / side gives them in 0..1 of the input.
        metadata: entries of the file, by name.
    """
    g, network = Graph(), module.network
    images = g.tensor("images", (1, side, side, 3))
    axis = g.constant("axis", [3])
    gray = g.add(CODES.MEAN, [images, axis], (1, side, side, 1), "ReducerOptions", keepDims=True)
    x = g.binary(CODES.SUB, "SubOptions", gray, g.constant("half", [[[[0.5]]]]))

    def norm(x: int, layer: Any, level: int = 0) -> int:
        return g.convolution(x, layer.fused[level], layer.relu)

    def separable(x: int, layer: Any, level: int = 0) -> int:
        y = norm(norm(x, layer.depthwise, level), layer.pointwise, level)
        return g.binary(CODES.ADD, "AddOptions", x, y) if layer.shortcut else y

    def chain(x: int, layers: Any, level: int = 0) -> int:
        for layer in layers:
            x = separable(x, layer, level)
        return x

    def doubled(x: int) -> int:
        batch, height, width, channels = g.shape(x)
        size = g.constant("size", [2 * height, 2 * width])
        shape = (batch, 2 * height, 2 * width, channels)
        return g.add(CODES.RESIZE_NEAREST_NEIGHBOR, [x, size], shape, "ResizeNearestNeighborOptions")

    def rows(x: int) -> int:
        batch, height, width, channels = g.shape(x)
        shape = (batch, height * width, channels)
        return g.add(
            CODES.RESHAPE, [x, g.constant("shape", list(shape))], shape, "ReshapeOptions", newShape=list(shape)
        )

    fine = chain(chain(norm(x, network.stem[0]), network.stem[1:]), network.stage8)
    middle = chain(fine, network.stage16)
    coarse = norm(chain(middle, network.stage32), network.lateral32)
    middle = g.binary(CODES.ADD, "AddOptions", norm(middle, network.lateral16), doubled(coarse))
    middle = separable(middle, network.merge16)
    fine = g.binary(CODES.ADD, "AddOptions", norm(fine, network.lateral8), doubled(middle))
    fine = separable(fine, network.merge8)
    middle = g.binary(CODES.ADD, "AddOptions", middle, separable(fine, network.down16))
    coarse = g.binary(CODES.ADD, "AddOptions", coarse, separable(middle, network.down32))

    head = network.head
    labels, boxes = [], []
    for level, x in enumerate((fine, middle, coarse)):
        labels.append(rows(g.convolution(chain(x, head.label_tower, level), head.label, relu=False)))
        boxes.append(rows(g.convolution(chain(x, head.box_tower, level), head.box, relu=False)))
    label, box = g.concat(labels, 1), g.concat(boxes, 1)

    limit = 4.0  # EXTENT_LIMIT
    extents = g.binary(CODES.MINIMUM, "MaximumMinimumOptions", g.slice(box, 0, 4), g.constant("most", [[[limit]]]))
    extents = g.binary(CODES.MAXIMUM, "MaximumMinimumOptions", extents, g.constant("least", [[[-limit]]]))
    extents = g.add(CODES.EXP, [extents], g.shape(extents), "ExpOptions")
    strides = g.constant("half_strides", module.half_strides.numpy()[None] * box_scale)
    distances = g.binary(CODES.MUL, "MulOptions", extents, strides)
    before, after = g.slice(distances, 0, 2), g.slice(distances, 2, 2)
    sizes = g.binary(CODES.ADD, "AddOptions", before, after)
    shift = g.binary(
        CODES.MUL, "MulOptions", g.binary(CODES.SUB, "SubOptions", after, before), g.constant("half", [[[0.5]]])
    )
    centres = g.binary(CODES.ADD, "AddOptions", shift, g.constant("centres", module.centres.numpy()[None] * box_scale))
    objectness = g.slice(box, 4, 1)
    objectness = g.add(CODES.LOGISTIC, [objectness], g.shape(objectness))
    scores = g.add(CODES.SOFTMAX, [label], g.shape(label), "SoftmaxOptions", beta=1.0)
    scores = g.binary(CODES.MUL, "MulOptions", scores, objectness)
    table = g.concat([centres, sizes, scores], 2)
    batch, count, columns = g.shape(table)
    permutation = g.constant("permutation", [0, 2, 1])
    output = g.add(CODES.TRANSPOSE, [table, permutation], (batch, columns, count), "TransposeOptions", name="output0")
    return g.finish(images, output, metadata)
