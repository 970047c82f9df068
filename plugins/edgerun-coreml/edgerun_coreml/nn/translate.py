"""From a NeuralNetwork model to an ONNX graph, with the names to feed and to fetch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.description import class_labels, describe
from edgerun_coreml.file.feature_types import ArrayType, ImageType, Interface
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn import families, shapes_choosing, shapes_moving, shapes_spatial  # noqa: F401  (they register themselves)
from edgerun_coreml.nn.inner_networks import count_reads
from edgerun_coreml.nn.interface import array_shape, declare_inputs, declare_output, find_probabilities
from edgerun_coreml.nn.network import translate_layers
from edgerun_coreml.nn.scope import NONSENSE, Context, Scope, Unknown
from edgerun_coreml.onnx.graph import Graph, Shape
from edgerun_coreml.onnx.peephole import polish
from edgerun_coreml.onnx.translation import PROBABILITIES, Classifier, Port, Precision, Translation

KINDS = ("neuralNetwork", "neuralNetworkClassifier", "neuralNetworkRegressor")


def translate(spec: Message, *, precision: Precision = "fp32") -> Translation:
    """Translate a message ``Model`` that holds a NeuralNetwork, a classifier or a regressor of that kind.

    ``precision="fp16"`` rounds weights and every intermediate result as a device that computes in fp16 would store
    them. Raises :class:`ModelUnsupported` with all unsupported layers, or :class:`ModelDamaged`.

    An image is [1, C, H, W] to a network. One that was made for an array of three axes, and was told later that it
    is given an image, has layers and outputs for [C, H, W]: it is read so where it does not make what it describes
    otherwise. Source: coremltools 9.0, models/neural_network/builder.py, set_pre_processing_parameters, which takes
    three axes and adds a transpose of three; make_image_input calls it.
    """
    kind = spec.which("Type")
    if kind not in KINDS:
        raise ModelUnsupported(f"a model of type {kind} is not a NeuralNetwork")
    network: Message = getattr(spec, kind)
    interface = describe(spec).interface
    images = any(isinstance(feature.type, ImageType) for feature in interface.inputs)
    with_batch = partial(_translate, spec, network, interface, precision)
    if not images or network.imageInputShapeMapping == "RANK5_IMAGE_MAPPING":
        return with_batch()
    try:
        read = with_batch()
    except (ModelDamaged, ModelUnsupported):
        return _for_three_axes(with_batch, interface) or with_batch()
    return read if _is_as_described(read, interface) else _for_three_axes(with_batch, interface) or read


def _for_three_axes(read: Callable[..., Translation], interface: Interface) -> Translation | None:
    """The network with images of three axes; None where it cannot be meant so."""
    try:
        translation = read(batch_axis=False)
    except (ModelDamaged, ModelUnsupported):
        return None
    return translation if _is_as_described(translation, interface) else None


def _is_as_described(translation: Translation, interface: Interface) -> bool:
    """Whether every array that comes out has the axes that the description gives it, if it gives any."""
    shapes = {port.name: port.shape for port in translation.outputs}
    return all(
        _agree(shapes.get(feature.name), array_shape(feature.type))
        for feature in interface.outputs
        if isinstance(feature.type, ArrayType)
    )


def _agree(found: Shape | None, described: tuple[int | None, ...]) -> bool:
    if found is None or not described:
        return True
    fits = (
        have == size for have, size in zip(found, described, strict=False) if size is not None and isinstance(have, int)
    )
    return len(found) == len(described) and all(fits)


def _translate(
    spec: Message, network: Message, interface: Interface, precision: Precision, *, batch_axis: bool = True
) -> Translation:
    """``batch_axis`` False gives the network its images as [C, H, W]."""
    wanted = [feature.name for feature in interface.outputs]
    scope = Scope(Context(precision, count_reads(network) + Counter(wanted)), Graph())
    try:
        inputs = declare_inputs(scope, interface, network, batch_axis=batch_axis)
    except NONSENSE as error:
        raise ModelDamaged(f"the inputs make no sense ({error})") from error
    translate_layers(scope, network.layers)
    if scope.context.problems:
        raise ModelUnsupported(scope.context.problems)
    try:
        outputs, classifier = _declare_outputs(scope, spec, network, interface)
    except Unknown as error:
        raise ModelDamaged(f"nothing makes the output {error}") from error
    polish(scope.graph)
    scope.graph.prune()
    return Translation(scope.graph, tuple(inputs), tuple(outputs), (), classifier)


def _declare_outputs(
    scope: Scope, spec: Message, network: Message, interface: Interface
) -> tuple[list[Port], Classifier | None]:
    legacy = network.arrayInputShapeMapping == "RANK5_ARRAY_MAPPING"
    classifies = spec.which("Type") == "neuralNetworkClassifier"
    predicted = (interface.predicted_feature, interface.predicted_probabilities) if classifies else ()
    outputs = [declare_output(scope, feature, legacy) for feature in interface.outputs if feature.name not in predicted]
    if not classifies:
        return outputs, None
    labels = class_labels(spec)
    value = find_probabilities(scope, network, interface)
    count = None if value.dims is None else _product(value.dims)
    if count is not None and count != len(labels):
        raise ModelDamaged(f"{len(labels)} class labels for {count} probabilities")
    return outputs, Classifier(labels, scope.graph.output(value, PROBABILITIES).name)


def _product(sizes: tuple[int, ...]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result
