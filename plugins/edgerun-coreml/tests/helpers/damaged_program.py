"""A small program with most families of operations, of which damaged copies are made."""

from __future__ import annotations

import struct

import numpy as np
from mil_program import Program, tensor_type
from wire_format import encode


def weight_file(arrays: list[np.ndarray]) -> tuple[bytes, list[int]]:
    """A weight file of float32 arrays and where their records lie."""
    body, offsets = bytearray(struct.pack("<II", len(arrays), 2).ljust(64, b"\0")), []
    for array in arrays:
        offsets.append(len(body))
        body += struct.pack("<IIQQQ", 0xDEADBEEF, 2, array.nbytes, len(body) + 64, 0).ljust(64, b"\0")
        body += array.astype("<f4").tobytes() + bytes(-array.nbytes % 64)
    return bytes(body), offsets


def detector() -> tuple[bytes, bytes]:
    """A small program with most families of operations, and its weights."""
    rng, program = np.random.default_rng(7), Program(17)
    arrays = [rng.normal(size=(8, 3, 3, 3)), rng.normal(size=(8,)), rng.normal(size=(8, 8, 1, 1))]
    content, offsets = weight_file([array.astype(np.float32) for array in arrays])
    names = []
    for array, offset in zip(arrays, offsets, strict=True):
        place = {"fileName": "@model_path/weights/weight.bin", "offset": offset}
        name = program.const(np.float32(0))
        message = {"type": tensor_type("fp32", array.shape), "blobFileValue": place}
        program.operations[-1] |= {
            "outputs": [{"name": name.text, "type": message["type"]}],
            "attributes": {"val": message},
        }
        names.append(name)
    x = program.input("image", "fp32", (1, 3, 16, 16))
    y = program.op(
        "conv", ("fp32", (1, 8, 8, 8)), x=x, weight=names[0], bias=names[1], strides=np.int32([2, 2]),
        pad_type="custom",
        pad=np.int32([1, 1, 1, 1]), dilations=np.int32([1, 1]), groups=np.int32(1),
    )  # fmt: skip
    y = program.op("silu", ("fp32", (1, 8, 8, 8)), x=y)
    z = program.op("conv", ("fp32", (1, 8, 8, 8)), x=y, weight=names[2])
    pooled = program.op(
        "max_pool", ("fp32", (1, 8, 4, 4)), x=z, kernel_sizes=np.int32([2, 2]), strides=np.int32([2, 2])
    )
    back = program.op(
        "upsample_nearest_neighbor", ("fp32", (1, 8, 8, 8)), x=pooled, scale_factor_height=np.float32(2),
        scale_factor_width=np.float32(2),
    )  # fmt: skip
    joined = program.op("concat", ("fp32", (1, 16, 8, 8)), values=[y, back], axis=np.int32(1))
    flat = program.op("reshape", ("fp32", (1, 16, 64)), x=joined, shape=np.int32([1, 16, -1]))
    turned = program.op("transpose", ("fp32", (1, 64, 16)), x=flat, perm=np.int32([0, 2, 1]))
    first, second = program.op(
        "split",
        [("fp32", (1, 64, 4)), ("fp32", (1, 64, 12))],
        x=turned,
        split_sizes=np.int32([4, 12]),
        axis=np.int32(-1),
    )
    scores = program.op("softmax", ("fp32", (1, 64, 12)), x=second, axis=np.int32(-1))
    best, index = program.op(
        "topk", [("fp32", (1, 5, 12)), ("int32", (1, 5, 12))], x=scores, k=np.int32(5), axis=np.int32(1)
    )
    tiled = program.op("tile", ("fp32", (1, 64, 8)), x=first, reps=np.int32([1, 1, 2]))
    filled = program.op("fill", ("fp32", (4, 4)), shape=np.int32([4, 4]), value=np.float32(1))
    program.outputs = [item.text for item in (best, index, tiled, filled)]
    features = [{"name": "image", "type": {"multiArrayType": {"shape": [1, 3, 16, 16], "dataType": "FLOAT32"}}}]
    model = {"version": 1, "functions": {"main": program.function()}}
    spec = encode("Model", {"specificationVersion": 8, "description": {"input": features}, "mlProgram": model})
    return spec, content
