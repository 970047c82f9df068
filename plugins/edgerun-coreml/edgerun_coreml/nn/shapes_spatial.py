"""The shapes that ONNX's operators on images give; completes :mod:`shapes`."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun_coreml.nn.shapes import Attributes, Dim, Inputs, channels_fit, integers, rule, shape_of
from edgerun_coreml.onnx.graph import Shape


def _spatial(attributes: Attributes, name: str, count: int, default: int) -> list[int]:
    values = attributes.get(name)
    return [default] * count if values is None else list(values)


def _windows(sizes: Sequence[Dim], kernel: Sequence[int], attributes: Attributes) -> tuple[Dim, ...]:
    """How often a window fits along each axis."""
    count = len(sizes)
    steps = _spatial(attributes, "strides", count, 1)
    dilations = _spatial(attributes, "dilations", count, 1)
    pads = _spatial(attributes, "pads", 2 * count, 0)
    same = str(attributes.get("auto_pad") or "").startswith("SAME")
    result: list[Dim] = []
    for axis, size in enumerate(sizes):
        if not isinstance(size, int):
            result.append(None)
            continue
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        free = size + pads[axis] + pads[axis + count] - reach
        if same:
            result.append(-(-size // steps[axis]))
        elif free < 0:
            raise ValueError(f"a window of {reach} over {size + pads[axis] + pads[axis + count]}")
        elif attributes.get("ceil_mode"):
            fits = -(-free // steps[axis]) + 1
            late = (fits - 1) * steps[axis] >= size + pads[axis]  # a window that starts in the padding is dropped
            result.append(fits - 1 if late else fits)
        else:
            result.append(free // steps[axis] + 1)
    return tuple(result)


@rule("Conv")
def _conv(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, weights = shape_of(inputs[0]), shape_of(inputs[1])
    if shape is None or weights is None:
        return [None]
    if len(shape) != len(weights):
        raise ValueError(f"weights with {len(weights)} axes for a tensor with {len(shape)}")
    if isinstance(weights[1], int):
        channels_fit(shape, weights[1] * attributes.get("group", 1))
    kernel = list(attributes.get("kernel_shape") or weights[2:])
    if not all(isinstance(size, int) for size in kernel):
        return [(shape[0], weights[0], *[None] * len(kernel))]
    return [(shape[0], weights[0], *_windows(shape[2:], kernel, attributes))]


@rule("ConvTranspose")
def _conv_transpose(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape, weights = shape_of(inputs[0]), shape_of(inputs[1])
    if shape is None or weights is None:
        return [None]
    count, kernel = len(shape) - 2, weights[2:]
    if isinstance(weights[0], int):
        channels_fit(shape, weights[0])
    steps, dilations = _spatial(attributes, "strides", count, 1), _spatial(attributes, "dilations", count, 1)
    pads, extra = _spatial(attributes, "pads", 2 * count, 0), _spatial(attributes, "output_padding", count, 0)
    sizes: list[Dim] = []
    for axis, size in enumerate(shape[2:]):
        width = kernel[axis]
        if not isinstance(size, int) or not isinstance(width, int):
            sizes.append(None)
            continue
        reach = (width - 1) * dilations[axis] + 1
        sizes.append((size - 1) * steps[axis] + extra[axis] + reach - pads[axis] - pads[axis + count])
    channels = weights[1] * attributes.get("group", 1) if isinstance(weights[1], int) else None
    return [(shape[0], channels, *sizes)]


@rule("MaxPool", "AveragePool", "LpPool")
def _pool(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None]
    return [(*shape[:2], *_windows(shape[2:], attributes["kernel_shape"], attributes))]


@rule("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool")
def _global_pool(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    return [None if shape is None else (*shape[:2], *[1] * (len(shape) - 2))]


@rule("Resize")
def _resize(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None]
    if len(inputs) > 3 and inputs[3] is not None:
        sizes = integers(inputs[3])
        return [(None,) * len(shape) if sizes is None else tuple(sizes)]
    scales = inputs[2].array if inputs[2] is not None else None
    if scales is None:
        return [(None,) * len(shape)]
    return [
        tuple(
            int(size * scale) if isinstance(size, int) else size if scale == 1 else None
            for size, scale in zip(shape, scales.reshape(-1).tolist(), strict=True)
        )
    ]


@rule("DepthToSpace", "SpaceToDepth")
def _blocks(inputs: Inputs, attributes: Attributes, outputs: int) -> Sequence[Shape | None]:
    shape = shape_of(inputs[0])
    if shape is None:
        return [None]
    block = attributes["blocksize"]
    forward = "mode" in attributes  # only DepthToSpace has modes
    batch, channels, *spatial = shape
    parts = [channels] if forward else spatial
    divisor = block * block if forward else block
    if any(isinstance(size, int) and size % divisor for size in parts):
        raise ValueError(f"a tensor of shape {list(shape)} in blocks of {block}")

    def times(size: Dim) -> Dim:
        return size * block if isinstance(size, int) else None

    def parted(size: Dim, by: int) -> Dim:
        return size // by if isinstance(size, int) else None

    if forward:
        return [(batch, parted(channels, divisor), *map(times, spatial))]
    return [(batch, times(times(channels)), *(parted(size, block) for size in spatial))]
