"""Small Core ML models for tests: descriptions, programs, pipelines, packages on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mil_program import Name, Program
from wire_format import encode

from edgerun_coreml.file.package import open_model
from edgerun_coreml.running.predict import CoreMLModel


def array(
    name: str,
    *shape: int,
    dtype: str = "FLOAT32",
    ranges: Sequence[tuple[int, int]] = (),
    shapes: Sequence[tuple[int, ...]] = (),
    optional: bool = False,
    default: float | None = None,
) -> dict[str, Any]:
    """A multi-array feature; -1 in a range means no bound."""
    kind: dict[str, Any] = {"shape": shape, "dataType": dtype}
    if ranges:
        kind["shapeRange"] = {"sizeRanges": [{"lowerBound": low, "upperBound": high} for low, high in ranges]}
    if shapes:
        kind["enumeratedShapes"] = {"shapes": [{"shape": entry} for entry in shapes]}
    if default is not None:
        kind["floatDefaultValue"] = default
    return {"name": name, "type": {"multiArrayType": kind, "isOptional": optional}}


def image(
    name: str,
    width: int,
    height: int,
    color: str = "RGB",
    *,
    sizes: Sequence[tuple[int, int]] = (),
    ranges: tuple[tuple[int, int], tuple[int, int]] | None = None,
) -> dict[str, Any]:
    """An image feature; sizes and ranges are width first."""
    kind: dict[str, Any] = {"width": width, "height": height, "colorSpace": color}
    if sizes:
        kind["enumeratedSizes"] = {"sizes": [{"width": w, "height": h} for w, h in sizes]}
    if ranges:
        (w_low, w_high), (h_low, h_high) = ranges
        kind["imageSizeRange"] = {
            "widthRange": {"lowerBound": w_low, "upperBound": w_high},
            "heightRange": {"lowerBound": h_low, "upperBound": h_high},
        }
    return {"name": name, "type": {"imageType": kind}}


def number(name: str, kind: str = "doubleType", *, optional: bool = False) -> dict[str, Any]:
    return {"name": name, "type": {kind: {}, "isOptional": optional}}


def table(name: str, key: str = "stringKeyType") -> dict[str, Any]:
    return {"name": name, "type": {"dictionaryType": {key: {}}}}


def model(program: Program, inputs: list[Any], outputs: list[Any], **description: Any) -> dict[str, Any]:
    """A message ``Model`` with a program; its outputs are renamed to those of the description."""
    return {
        "specificationVersion": 8,
        "description": {"input": inputs, "output": outputs, **description},
        "mlProgram": {"version": 1, "functions": {"main": program.function()}},
    }


def named(program: Program, *results: tuple[Name, str, str, Sequence[int | None]]) -> Program:
    """The program with outputs (value, name, kind, shape) called as a description calls them."""
    program.outputs = []
    for value, name, kind, shape in results:
        copy = program.op("identity", (kind, shape), x=value)
        program.operations[-1]["outputs"][0]["name"] = name
        assert copy is not None
        program.outputs.append(name)
    return program


def doubling(shape: Sequence[int | None] = (1, 4), kind: str = "fp32") -> Program:
    """y = x + x."""
    program = Program()
    x = program.input("x", kind, shape)
    return named(program, (program.op("add", (kind, shape), x=x, y=x), "y", kind, shape))


def passing(name: str, out: str, shape: Sequence[int | None], factor: float = 1.0) -> Program:
    """out = name * factor, for pictures and arrays."""
    program = Program()
    x = program.input(name, "fp32", shape)
    return named(program, (program.op("mul", ("fp32", shape), x=x, y=np.float32(factor)), out, "fp32", shape))


def classifier(labels: list[str]) -> dict[str, Any]:
    """Probabilities of as many classes pass through."""
    program = Program()
    x = program.input("x", "fp32", (1, len(labels)))
    makes = [("str", ()), ("dict", None)]
    label, probabilities = program.op("classify", makes, probabilities=x, classes=labels)
    program.outputs = [label.text, probabilities.text]
    return model(
        program,
        [array("x", 1, len(labels))],
        [{"name": label.text, "type": {"stringType": {}}}, table(probabilities.text)],
        predictedFeatureName=label.text,
        predictedProbabilitiesName=probabilities.text,
    )


def suppression(
    classes: int = 3, *, confidence: str = "scores", coordinates: str = "boxes", per_class: bool = True, **changed: Any
) -> dict[str, Any]:
    """An NMS model over [N, classes] and [N, 4]."""
    rows = ((0, -1), (classes, classes))
    return {
        "specificationVersion": 5,
        "description": {
            "input": [array(confidence, 8, classes), array(coordinates, 8, 4)],
            "output": changed.pop(
                "output", [array("confidence", ranges=rows), array("coordinates", ranges=((0, -1), (4, 4)))]
            ),
        },
        "nonMaximumSuppression": {
            "pickTop": {"perClass": per_class},
            "stringClassLabels": {"vector": [f"class {index}" for index in range(classes)]},
            "iouThreshold": 0.5,
            "confidenceThreshold": 0.25,
            "confidenceInputFeatureName": confidence,
            "coordinatesInputFeatureName": coordinates,
            "iouThresholdInputFeatureName": "iouThreshold",
            "confidenceThresholdInputFeatureName": "confidenceThreshold",
            "confidenceOutputFeatureName": "confidence",
            "coordinatesOutputFeatureName": "coordinates",
            **changed,
        },
    }


def pipeline(models: list[dict[str, Any]], inputs: list[Any], outputs: list[Any], **description: Any) -> dict[str, Any]:
    return {
        "specificationVersion": 8,
        "description": {"input": inputs, "output": outputs, **description},
        "pipeline": {"models": models, "names": [str(index) for index in range(len(models))]},
    }


def colours(color: str = "RGB", **metadata: str) -> dict[str, Any]:
    """A detector that needs no training: a picture of 96 x 64 in cells of 8 pixels, one box for each, whose scores are
    the means of its channels in 0..1; then suppression. Labels are "first", "second", "third" channel.
    """
    program = Program()
    p = program.input("picture", "fp32", (1, 3, 64, 96))
    pooled = program.op(
        "avg_pool",
        ("fp32", (1, 3, 8, 12)),
        x=p,
        kernel_sizes=np.int32([8, 8]),
        strides=np.int32([8, 8]),
        pad_type="valid",
        pad=np.int32([0, 0, 0, 0]),
        exclude_padding_from_average=False,
        ceil_mode=False,
    )
    flat = program.op("reshape", ("fp32", (3, 96)), x=pooled, shape=np.int32([3, 96]))
    rows = program.op("transpose", ("fp32", (96, 3)), x=flat, perm=np.int32([1, 0]))
    scores = program.op("mul", ("fp32", (96, 3)), x=rows, y=np.float32(1 / 255))
    y, x = np.mgrid[:8, :12]
    cells = np.stack(((x + 0.5) / 12, (y + 0.5) / 8, np.full_like(x, 1, float) / 12, np.full_like(x, 1, float) / 8), -1)
    boxes = program.op("identity", ("fp32", (96, 4)), x=cells.reshape(96, 4).astype(np.float32))
    named(program, (scores, "scores", "fp32", (96, 3)), (boxes, "boxes", "fp32", (96, 4)))
    picture = image("picture", 96, 64, color)
    net = model(program, [picture], [array("scores", 96, 3), array("boxes", 96, 4)])
    nms = suppression(3, stringClassLabels={"vector": ["first", "second", "third"]})
    thresholds = [number("iouThreshold"), number("confidenceThreshold")]
    outputs = [array("confidence"), array("coordinates")]
    return pipeline([net, nms], [picture, *thresholds], outputs, metadata={"userDefined": metadata})


def write(path: Path, content: dict[str, Any]) -> Path:
    """A lone ``.mlmodel`` file."""
    path.write_bytes(encode("Model", content))
    return path


def package(folder: Path, content: dict[str, Any] | bytes, weights: bytes | None = None) -> Path:
    """A ``.mlpackage`` folder."""
    inner = folder / "Data" / "com.apple.CoreML"
    inner.mkdir(parents=True)
    author, name = "com.apple.CoreML", "model.mlmodel"
    entry = {"path": f"{author}/{name}", "author": author, "name": name, "description": "Specification"}
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": {"root": entry}, "rootModelIdentifier": "root"}
    (folder / "Manifest.json").write_text(json.dumps(manifest))
    (inner / "model.mlmodel").write_bytes(content if isinstance(content, bytes) else encode("Model", content))
    if weights is not None:
        (inner / "weights").mkdir()
        (inner / "weights" / "weight.bin").write_bytes(weights)
    return folder


def opened(folder: Path, content: dict[str, Any], **options: Any) -> CoreMLModel:
    """A model written and opened."""
    return CoreMLModel(open_model(write(folder / "model.mlmodel", content)), threads=1, **options)
