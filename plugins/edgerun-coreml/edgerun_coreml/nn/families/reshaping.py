"""The same elements in another shape or order."""

from __future__ import annotations

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import View, layer
from edgerun_coreml.nn.views import in_view
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal


@layer("flatten", view=View.SPATIAL)
def flatten(op: Layer) -> Value:
    x = op.transpose(op.x, [0, 2, 3, 1]) if op.params.mode == "CHANNEL_LAST" else op.x
    return op.unsqueeze(op.emit("Flatten", [x], axis=1), [2, 3])


@layer("reshape")
def reshape(op: Layer) -> Value:
    """To [channels, height, width] for each image, or to [sequence, channels, height, width]."""
    target = op.indices("targetShape")
    last = op.params.mode == "CHANNEL_LAST"
    if len(target) not in (3, 4):
        raise ModelDamaged(f"a target shape of {target}")
    if len(target) == 3:

        def images(op: Layer) -> Value:
            channels, height, width = target
            if not last:
                return op.reshape(op.x, [0, *target])
            rows = op.reshape(op.transpose(op.x, [0, 2, 3, 1]), [0, height, width, channels])
            return op.transpose(rows, [0, 3, 1, 2])

        made = in_view(op, View.SPATIAL, images)
        return made[0]
    steps, channels, height, width = target
    lead = [1] if op.rank() == 5 else []
    if op.rank() not in (4, 5) or (lead and op.shape()[1] not in (1, None)):
        raise Refusal(f"a sequence made of a tensor of shape {list(op.shape())}")
    front = list(range(op.rank() - 3))
    if not last:
        return op.reshape(op.x, [steps, *lead, channels, height, width])
    n = len(front)
    rows = op.reshape(op.transpose(op.x, [*front, n + 1, n + 2, n]), [steps, *lead, height, width, channels])
    return op.transpose(rows, [*front, n + 2, n, n + 1])


@layer("permute")
def permute(op: Layer) -> Value:
    """An order of [sequence, channels, height, width]; the batch stays where it is."""
    order = op.sizes("axis", [0, 1, 2, 3], 4)
    if sorted(order) != [0, 1, 2, 3]:
        raise ModelDamaged(f"an order of axes of {order}")
    if order[0] == 0:
        made = in_view(op, View.SPATIAL, lambda op: op.transpose(op.x, order))
        return made[0]
    if op.rank() == 4:
        return op.transpose(op.x, order)
    if op.rank() != 5:
        raise Refusal(f"the sequence of a tensor with {op.rank()} axes")
    places = (0, 2, 3, 4)
    first, *rest = (places[axis] for axis in order)
    return op.transpose(op.x, [first, 1, *rest])


@layer("reorganizeData", view=View.SPATIAL)
def reorganize_data(op: Layer) -> Value:
    block = op.size("blockSize")
    if not 2 <= block <= 1 << 15:
        raise ModelDamaged(f"blockSize is {block}")
    if op.params.mode == "SPACE_TO_DEPTH":
        return op.emit("SpaceToDepth", [op.x], blocksize=block)
    return op.emit("DepthToSpace", [op.x], blocksize=block, mode="CRD" if op.params.mode == "PIXEL_SHUFFLE" else "DCR")


@layer("transpose")
def transpose(op: Layer) -> Value:
    order = [op.normal(axis, op.rank()) for axis in op.indices("axes")]
    if sorted(order) != list(range(op.rank())):
        raise ModelDamaged(f"an order of axes of {order} for a tensor with {op.rank()}")
    return op.transpose(op.x, order)


@layer("reshapeStatic", "rankPreservingReshape")
def reshape_static(op: Layer) -> Value:
    return op.reshape(op.x, op.indices("targetShape"))


@layer("reshapeDynamic")
def reshape_dynamic(op: Layer) -> Value:
    return op.reshape(op.x, op.vector(op.input(1)))


@layer("reshapeLike")
def reshape_like(op: Layer) -> Value:
    return op.reshape(op.x, op.shape_of(op.input(1)))


@layer("flattenTo2D")
def flatten_to_2d(op: Layer) -> Value:
    rank, axis = op.rank(), int(op.params.axis)
    return op.emit("Flatten", [op.x], axis=axis if axis == rank else op.normal(axis, rank))


@layer("squeeze")
def squeeze(op: Layer) -> Value:
    """A tensor with one axis keeps it."""
    if op.params.squeezeAll:
        if not all(isinstance(size, int) for size in op.shape()):
            return op.emit("Squeeze", [op.x])  # to a rank that is only known at run time
        axes = [axis for axis, size in enumerate(op.shape()) if size == 1]
    else:
        axes = sorted({op.normal(axis, op.rank()) for axis in op.indices("axes")})
    return op.squeeze(op.x, axes)


@layer("expandDims")
def expand_dims(op: Layer) -> Value:
    axes = op.indices("axes")
    rank = op.rank() + len(axes)
    return op.unsqueeze(op.x, sorted(op.normal(axis, rank) for axis in axes))
