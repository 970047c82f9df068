"""Which system a file needs and what in it asks for that; what keeps it off the Neural Engine.

Sources, of coremltools at commit e0e2f42 (BSD-3): ``mlmodel/format/Model.proto`` for the versions and systems,
``mlmodel/src/Utils.cpp`` for what came with which version, ``converters/mil/mil/ops/defs`` for the operations by opset;
and its guides ``flexible-inputs``, ``typed-execution``, ``mlmodel-utilities`` for the Neural Engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from edgerun.contract import Graph, Need, Node
from edgerun_coreml.file.description import MINIMUM_OS, pipeline_models
from edgerun_coreml.file.feature_types import ArrayType, Feature, ImageType
from edgerun_coreml.file.package import ModelFile
from edgerun_coreml.file.wire import Message
from edgerun_coreml.running.pipeline import NETWORKS, interface_of

_FIRST_LAYERS: Final = """
convolution innerProduct batchnorm activation pooling padding concat lrn softmax split add multiply unary upsample bias
l2normalize reshape flatten permute reduce loadConstant scale simpleRecurrent gru uniDirectionalLSTM biDirectionalLSTM
crop average max min dot mvn embedding sequenceRepeat reorganizeData slice
"""

ENUMERATED_AT_MOST: Final = 128
"""Shapes that Core ML takes for one input."""

OPERATIONS: Final = {
    7: "constexpr_affine_dequantize constexpr_cast constexpr_lut_to_dense constexpr_sparse_to_dense fill_like "
    "pixel_unshuffle reshape_like",
    8: "quantize dequantize resize",
    9: "constexpr_blockwise_shift_scale constexpr_lut_to_sparse constexpr_sparse_blockwise_shift_scale read_state "
    "write_state coreml_update_state scaled_dot_product_attention slice_update",
}
"""Specification version -> operations of ML Programs that came with it."""
OPSETS: Final = {"CoreML5": 6, "CoreML6": 7, "CoreML7": 8, "CoreML8": 9}
LAYERS: Final = {
    2: "custom",
    3: "resizeBilinear cropResize",
    5: "cumSum oneHot clampedReLU argSort pooling3d globalPooling3d sliceBySize convolution3d",
}
"""Specification version -> layers of neural networks that came with it."""
FIRST_LAYERS: Final = frozenset(_FIRST_LAYERS.split())
"""Layers that came with version 1; all that are listed nowhere came with 4."""
KINDS: Final = {
    "nonMaximumSuppression": 3,
    "customModel": 3,
    "bayesianProbitRegressor": 3,
    "textClassifier": 3,
    "wordTagger": 3,
    "visionFeaturePrint": 3,
    "kNearestNeighborsClassifier": 4,
    "linkedModel": 4,
    "itemSimilarityRecommender": 4,
    "soundAnalysisPreprocessing": 4,
    "gazetteer": 4,
    "wordEmbedding": 4,
    "serializedModel": 5,
    "mlProgram": 6,
    "audioFeaturePrint": 6,
    "classConfidenceThresholding": 8,
}
"""Kind of model -> specification version that it came with."""


def needs(file: ModelFile, graph: Graph) -> list[Need]:
    """The system, classes that the app must bring, then what speaks against the Neural Engine."""
    declared = file.spec.specificationVersion
    found: dict[int, list[str]] = {}
    for version, what in (*_of_models(file.spec), *_of_nodes(graph.nodes)):
        reasons = found.setdefault(version, [])
        if what not in reasons:
            reasons.append(what)
    highest = max(found, default=1)
    told = [Need(_system(declared), f"specification version {declared}: {_because(declared, found, highest)}")]
    if highest > declared:
        why = f"{_listed(found[highest])}, which came with specification version {highest}; the file says {declared}"
        told.append(Need(_system(highest), why))
    custom = Counter(str(node.attributes.get("className", "")) for node in graph.nodes if node.op == "custom")
    told += [
        Need(f"the app's class {name}", f"{count} custom layer{'s' * (count > 1)}") for name, count in custom.items()
    ]
    return [*told, *(Need("the Neural Engine", why, must=False) for why in _against_the_engine(file, graph))]


def _listed(reasons: Sequence[str], most: int = 4) -> str:
    shown = "; ".join(reasons[:most])
    return shown if len(reasons) <= most else f"{shown}; and {len(reasons) - most} more"


def _system(version: int) -> str:
    return MINIMUM_OS.get(version, "a system that came after iOS 26 and macOS 26")


def _because(declared: int, found: dict[int, list[str]], highest: int) -> str:
    if highest >= declared:
        return _listed(found[declared]) if declared in found else "nothing in it is newer"
    above = f"{_system(highest)} ({_listed(found[highest])})" if highest in found else _system(highest)
    return f"as chosen by its exporter; what is in it came with {above}"


# ------------------------------------------------------------------------------------------ what raises the version


def _of_models(spec: Message) -> Iterator[tuple[int, str]]:
    description = spec.description
    if description.functions or description.defaultFunctionName:
        yield 9, "several functions"
    for model in (spec, *pipeline_models(spec)):
        kind = model.which("Type")
        if kind in KINDS:
            yield KINDS[kind], "an ML Program" if kind == "mlProgram" else kind
        if kind == "mlProgram":
            for function in model.mlProgram.functions.values():
                if OPSETS.get(function.opset, 0) > 6:
                    yield OPSETS[function.opset], f"operations of the opset {function.opset}"
        interface = interface_of(model, "")
        for feature in (*interface.inputs, *interface.outputs):
            yield from _of_feature(feature, kind)
        if kind in NETWORKS:
            yield from _of_network(getattr(model, kind))


def _of_feature(feature: Feature, kind: str) -> Iterator[tuple[int, str]]:
    if _ranges(feature) or _enumerated(feature):
        yield 3, f"{feature.name} of several sizes"
    if isinstance(feature.type, ArrayType):
        versions = {"float16": 7, "int8": 10} | ({"float32": 5} if kind == "nonMaximumSuppression" else {})
        if feature.type.dtype in versions:
            yield versions[feature.type.dtype], f"{feature.name} of type {feature.type.dtype}"
    elif isinstance(feature.type, ImageType) and feature.type.color == "grayscale_float16":
        yield 7, f"{feature.name}, an image of type float16"


def _of_network(network: Message) -> Iterator[tuple[int, str]]:
    if (
        network.arrayInputShapeMapping != "RANK5_ARRAY_MAPPING"
        or network.imageInputShapeMapping != "RANK5_IMAGE_MAPPING"
    ):
        yield 4, "values of any number of axes"
    newer = {layer: version for version, names in LAYERS.items() for layer in names.split()}
    counts: dict[tuple[int, str], int] = {}
    for layer in network.layers:
        kind = layer.which("layer")
        version, what = newer.get(kind, 1 if kind in FIRST_LAYERS else 4), kind
        for condition, since, said in _CONDITIONS.get(kind, ()):
            if condition(layer):
                version, what = max(version, since), f"{kind} {said}"
        counts[version, what] = counts.get((version, what), 0) + 1
    yield from ((version, f"{count} × {what}") for (version, what), count in counts.items() if version > 1)


_CONDITIONS: Final[dict[str, list[tuple[Callable[[Message], bool], int, str]]]] = {
    "convolution": [(lambda layer: len(layer.input) > 1, 4, "with weights that are computed")],
    "innerProduct": [(lambda layer: layer.innerProduct.int8DynamicQuantize, 5, "in int8")],
    "batchedMatmul": [(lambda layer: layer.batchedMatmul.int8DynamicQuantize, 5, "in int8")],
    "concatND": [(lambda layer: layer.concatND.interleave, 5, "interleaved")],
    "reorganizeData": [(lambda layer: layer.reorganizeData.mode == "PIXEL_SHUFFLE", 5, "as PIXEL_SHUFFLE")],
    "upsample": [
        (lambda layer: layer.upsample.linearUpsampleMode != "DEFAULT", 5, "with aligned corners"),
        (lambda layer: len(layer.upsample.fractionalScalingFactor) > 0, 5, "by a fraction"),
    ],
}


def _of_nodes(nodes: Sequence[Node]) -> Iterator[tuple[int, str]]:
    """Of ML Programs; layers of neural networks are called otherwise."""
    newer = {op: version for version, names in OPERATIONS.items() for op in names.split()}
    counts: dict[str, int] = {}
    for node in nodes:
        counts[node.op] = counts.get(node.op, 0) + 1
    yield from ((newer[op], f"{count} × {op}") for op, count in counts.items() if op in newer)


# ------------------------------------------------------------------------------------------ the Neural Engine


def _against_the_engine(file: ModelFile, graph: Graph) -> Iterator[str]:
    interface = interface_of(file.spec, "")
    for feature in interface.inputs:
        shapes = _enumerated(feature)
        if _ranges(feature):
            yield (
                f"the input {feature.name} takes a range of sizes, which keeps a model off it unless the app loads it"
                " with the reshape frequency Infrequent (iOS 17.4); enumerate the sizes, or fix one"
            )
        elif shapes > ENUMERATED_AT_MOST:
            yield f"the input {feature.name} lists {shapes} sizes, more than the {ENUMERATED_AT_MOST} that are taken"
    custom = sum(node.op == "custom" for node in graph.nodes)
    if custom:
        yield f"{custom} custom layer{'s' * (custom > 1)}, which the app computes on the CPU or the GPU"
    heavy = [node for node in graph.nodes if node.op in ("conv", "linear", "matmul", "conv_transpose")]
    specs = [graph.values.get(node.outputs[0]) for node in heavy if node.outputs]
    single = sum(spec is not None and spec.dtype == "float32" for spec in specs)
    if single:
        yield f"{single} of {len(heavy)} convolutions and products are float32, and it computes in float16"


def _ranges(feature: Feature) -> bool:
    kind = feature.type
    if isinstance(kind, ImageType):
        bounds = [bound for bound in (kind.width_range, kind.height_range) if bound is not None]
    else:
        bounds = list(kind.ranges) if isinstance(kind, ArrayType) else []
    return any(bound.lower != bound.upper for bound in bounds)


def _enumerated(feature: Feature) -> int:
    kind = feature.type
    several = kind.sizes if isinstance(kind, ImageType) else kind.shapes if isinstance(kind, ArrayType) else ()
    return len(several)
