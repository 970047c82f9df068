"""A tiny writer of NeuralNetwork models for tests: layers as dicts, then run through the translator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from wire_format import encode

from edgerun_coreml.file.package import parse_model
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn import translate
from edgerun_coreml.onnx.translation import Translation
from edgerun_coreml.running.session import open_session


def floats(array: Any) -> dict[str, Any]:
    """A message ``WeightParams`` in fp32."""
    return {"floatValue": np.asarray(array, np.float32).reshape(-1)}


def layer(kind: str, inputs: Sequence[str], outputs: Sequence[str], **params: Any) -> dict[str, Any]:
    return {"name": f"the {kind}", "input": list(inputs), "output": list(outputs), kind: params}


def array_feature(name: str, shape: Sequence[int], dtype: str = "FLOAT32", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": {"multiArrayType": {"shape": list(shape), "dataType": dtype, **more}}}


def image_feature(name: str, height: int, width: int, color: str = "RGB") -> dict[str, Any]:
    return {"name": name, "type": {"imageType": {"height": height, "width": width, "colorSpace": color}}}


def model(
    layers: Sequence[dict[str, Any]],
    inputs: Sequence[dict[str, Any]],
    outputs: Sequence[dict[str, Any]],
    *,
    exact: bool = True,
    kind: str = "neuralNetwork",
    description: Mapping[str, Any] | None = None,
    **network: Any,
) -> Message:
    """A parsed message ``Model``; ``exact`` False gives the legacy mapping of arrays to five axes."""
    if exact:
        network = {
            "arrayInputShapeMapping": "EXACT_ARRAY_MAPPING",
            "imageInputShapeMapping": "RANK4_IMAGE_MAPPING",
            **network,
        }
    content = {
        "specificationVersion": 5 if exact else 3,
        "description": {"input": list(inputs), "output": list(outputs), **(description or {})},
        kind: {"layers": list(layers), **network},
    }
    return parse_model(encode("Model", content))


def run(translation: Translation, feeds: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The outputs of a translated model by their names."""
    session = open_session(translation.graph, threads=1)
    dtypes = {value.name: value.dtype for value in translation.graph.inputs}
    given = {port.tensor: np.asarray(feeds[port.name], dtypes[port.tensor]) for port in translation.inputs}
    names = [port.tensor for port in translation.outputs]
    tensors = names + ([translation.classifier.tensor] if translation.classifier else [])
    values = dict(zip(tensors, session.run(tensors, given), strict=True))
    results = {port.name: values[port.tensor] for port in translation.outputs}
    for port in translation.outputs:  # what was worked out while translating must be what comes out
        if port.shape is not None:
            sizes = zip(port.shape, values[port.tensor].shape, strict=True)
            assert all(have == size for size, have in sizes if isinstance(size, int)), (port, results[port.name].shape)
    if translation.classifier:
        results["probabilities"] = values[translation.classifier.tensor]
    return results


def run_layers(
    layers: Sequence[dict[str, Any]],
    feeds: Mapping[str, Any],
    outputs: Sequence[str],
    *,
    exact: bool = True,
    **more: Any,
) -> list[np.ndarray]:
    """Translate and run layers on arrays."""
    arrays = {name: np.asarray(value, np.float32) for name, value in feeds.items()}
    inputs = [array_feature(name, array.shape) for name, array in arrays.items()]
    spec = model(layers, inputs, [array_feature(name, []) for name in outputs], exact=exact, **more)
    found = run(translate(spec), arrays)
    return [found[name] for name in outputs]


def apply(kind: str, *values: Any, outputs: int = 1, **params: Any) -> Any:
    """The result of one layer on arrays; a list if it has several."""
    names = [f"x{place}" for place in range(len(values))]
    made = [f"y{place}" for place in range(outputs)]
    results = run_layers([layer(kind, names, made, **params)], dict(zip(names, values, strict=True)), made)
    return results[0] if outputs == 1 else results


def apply_flexible(kind: str, *values: Any, outputs: int = 1, **params: Any) -> Any:
    """Like :func:`apply`, but the sizes of all inputs are only known at run time."""
    arrays = {f"x{place}": np.asarray(value, np.float32) for place, value in enumerate(values)}
    made = [f"y{place}" for place in range(outputs)]
    inputs = [
        array_feature(name, array.shape, shapeRange={"sizeRanges": [{"lowerBound": 1, "upperBound": -1}] * array.ndim})
        for name, array in arrays.items()
    ]
    spec = model([layer(kind, list(arrays), made, **params)], inputs, [array_feature(name, []) for name in made])
    found = run(translate(spec), arrays)
    return found[made[0]] if outputs == 1 else [found[name] for name in made]
