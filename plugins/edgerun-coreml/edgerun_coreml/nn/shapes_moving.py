"""The shapes that ONNX operators give which rearrange, join or cut tensors; completes :mod:`shapes`."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun_coreml.nn.shapes import Attributes, Dim, Inputs, integers, normal, rule, shape_of, total, unknown
from edgerun_coreml.onnx.graph import Shape


@rule("Reshape")
def _reshape(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, target = shape_of(inputs[0]), integers(inputs[1])
    if target is None:
        return [unknown(inputs[1])]
    result: list[Dim] = []
    for axis, size in enumerate(target):
        if size == 0:
            if shape is not None and axis >= len(shape):
                raise ValueError(f"axis {axis} of a tensor with {len(shape)} axes")
            result.append(None if shape is None else shape[axis])
        else:
            result.append(None if size == -1 else size)
    if target.count(-1) > 1 or min(target, default=0) < -1:
        raise ValueError(f"a shape of {target}")
    count = None if shape is None else total(shape)
    if count is not None:
        rest = total([size for size, wanted in zip(result, target, strict=True) if wanted != -1])
        if rest is not None and -1 in target and rest and count % rest == 0:
            result[target.index(-1)] = count // rest
        elif rest is not None and (-1 in target or rest != count):
            raise ValueError(f"{count} elements in a shape of {target}")
    return [tuple(result)]


@rule("Flatten")
def _flatten(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [(None, None)]
    axis = attributes.get("axis", 1)
    return [(total(shape[:axis]), total(shape[axis:]))]


@rule("Transpose")
def _transpose(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, order = shape_of(inputs[0]), attributes["perm"]
    if sorted(order) != list(range(len(order))) or (shape is not None and len(shape) != len(order)):
        raise ValueError(f"an order of axes of {list(order)}")
    return [(None,) * len(order) if shape is None else tuple(shape[axis] for axis in order)]


@rule("Squeeze")
def _squeeze(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, axes = shape_of(inputs[0]), integers(inputs[1]) if len(inputs) > 1 else None
    if shape is None or axes is None:
        return [None]
    gone = {normal(axis, len(shape)) for axis in axes}
    for axis in gone:
        if isinstance(shape[axis], int) and shape[axis] != 1:
            raise ValueError(f"axis {axis} of size {shape[axis]} is to be squeezed")
    return [tuple(size for axis, size in enumerate(shape) if axis not in gone)]


@rule("Unsqueeze")
def _unsqueeze(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, axes = shape_of(inputs[0]), integers(inputs[1])
    if shape is None or axes is None:
        return [None]
    rank = len(shape) + len(axes)
    new, rest = {normal(axis, rank) for axis in axes}, iter(shape)
    if len(new) != len(axes):
        raise ValueError(f"an axis twice in {axes}")
    return [tuple(1 if axis in new else next(rest) for axis in range(rank))]


@rule("Concat")
def _concat(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shapes = [shape for shape in map(shape_of, inputs) if shape is not None]
    if not shapes:
        return [None]
    rank = len(shapes[0])
    axis = normal(attributes["axis"], rank)
    if any(len(shape) != rank for shape in shapes):
        raise ValueError(f"shapes {shapes} do not go together")
    result: list[Dim] = []
    for at in range(rank):
        sizes = [shape[at] for shape in shapes]
        if at == axis:
            numbers = [size for size in sizes if isinstance(size, int)]
            result.append(sum(numbers) if len(numbers) == len(inputs) else None)
            continue
        numbers = sorted({size for size in sizes if isinstance(size, int)})
        if len(numbers) > 1:
            raise ValueError(f"sizes {numbers} do not go together")
        result.append(numbers[0] if numbers else sizes[0])
    return [tuple(result)]


@rule("Split")
def _split(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None] * outputs
    axis = normal(attributes.get("axis", 0), len(shape))
    sizes: Sequence[Dim] | None = integers(inputs[1]) if len(inputs) > 1 else None
    whole = shape[axis]
    if sizes is None and len(inputs) > 1:
        sizes = [None] * outputs
    elif sizes is None:
        if isinstance(whole, int) and whole % outputs:
            raise ValueError(f"an axis of size {whole} in {outputs} parts")
        sizes = [whole // outputs if isinstance(whole, int) else None] * outputs
    elif len(sizes) != outputs or (isinstance(whole, int) and sum_of(sizes) != whole):
        raise ValueError(f"an axis of size {whole} in parts of {list(sizes)}")
    return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


def sum_of(sizes: Sequence[Dim]) -> int:
    """The sum of the sizes that are known."""
    return sum(size for size in sizes if isinstance(size, int))


@rule("Tile")
def _tile(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, times = shape_of(inputs[0]), integers(inputs[1])
    if shape is None or times is None:
        return [shape if shape is None else (None,) * len(shape)]
    if len(shape) != len(times):
        raise ValueError(f"{len(times)} repetitions of {len(shape)} axes")
    return [tuple(s * n if isinstance(s, int) else s if n == 1 else None for s, n in zip(shape, times, strict=True))]


@rule("Pad")
def _pad(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, pads = shape_of(inputs[0]), integers(inputs[1])
    if shape is None or pads is None:
        return [shape if shape is None else (None,) * len(shape)]
    rank = len(shape)
    if len(pads) != 2 * rank:
        raise ValueError(f"{len(pads)} amounts of padding for {rank} axes")
    added = [pads[axis] + pads[axis + rank] for axis in range(rank)]
    return [tuple(s + n if isinstance(s, int) else None if n else s for s, n in zip(shape, added, strict=True))]


@rule("Slice")
def _slice(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None]
    starts, ends = integers(inputs[1]), integers(inputs[2])
    axes = integers(inputs[3]) if len(inputs) > 3 else list(range(len(starts or ())))
    steps: list[int] | None = [1] * len(axes or ())
    if len(inputs) > 4:
        steps = integers(inputs[4])
    if axes is None:
        return [(None,) * len(shape)]
    sizes = list(shape)
    for place, axis in enumerate(axes):
        at = normal(axis, len(shape))
        size = sizes[at]
        if starts is None or ends is None or steps is None or not isinstance(size, int):
            sizes[at] = None
            continue
        start, end, step = starts[place], ends[place], steps[place]
        if step == 0:
            raise ValueError("a step of 0")
        stop = None if step < 0 and end < -size else end
        sizes[at] = len(range(*slice(max(start, -size - (step < 0)), stop, step).indices(size)))
    return [tuple(sizes)]
