"""Walking a network: its layers in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.wire import Message
from edgerun_coreml.nn.branching import emit_branch
from edgerun_coreml.nn.inner_networks import BREAK, NETWORK_NAMES, SKIP, networks_in, place_of, read_in, written
from edgerun_coreml.nn.layer import Layer
from edgerun_coreml.nn.registry import Translator, View, find
from edgerun_coreml.nn.scope import NONSENSE, Scope, Unknown
from edgerun_coreml.nn.views import in_view
from edgerun_coreml.onnx.graph import Value
from edgerun_coreml.refusal import Refusal

MAY_SKIP: Final = ("branch", "loopBreak", "loopContinue")
"""Layers after which the rest of a loop's body may have to be left out."""


def translate_layers(scope: Scope, layers: Sequence[Message], *, start: int = 0, guarded: bool = True) -> None:
    """Translate layers into the scope's graph, from number ``start`` on.

    ``guarded``: what follows a loop's break or continue is left out, at run time if need be. Unsupported layers are
    noted in the context, with their place. Raises :class:`ModelDamaged`.
    """
    for number in range(start, len(layers)):
        message = layers[number]
        _translate(scope, message, place_of(scope.place, number, message))
        skip = scope.values.get(SKIP) if guarded else None
        if skip is None or message.which("layer") not in MAY_SKIP or number + 1 == len(layers):
            continue
        if skip.array is None:
            translate_branch(scope, skip, ([], layers), (scope.place, scope.place), start=number + 1)
            return
        if bool(skip.array):
            return


def _translate(scope: Scope, message: Message, place: str) -> None:
    try:
        translator, view = translator_of(message)
        layer = Layer(scope, message, [scope.lookup(name) for name in message.input], place)
        _bind_all(layer, in_view(layer, view, translator))
    except Unknown:
        _forget(scope, message, place)
    except Refusal as refusal:
        _forget(scope, message, place)
        scope.report(f"{place}: {refusal}")
    except ModelDamaged as error:
        raise ModelDamaged(str(error) if "layer " in str(error) else f"{place}: {error}") from error
    except NONSENSE as error:
        raise ModelDamaged(f"{place}: makes no sense ({error})") from error


def translate_branch(
    scope: Scope,
    condition: Value,
    layers: tuple[Sequence[Message], Sequence[Message]],
    places: tuple[str, str],
    *,
    start: int = 0,
) -> None:
    """Translate two lists of layers of which one is run, and bind what they write.

    ``layers`` are those to be run if the condition holds, and those, from number ``start`` on, if it does not.
    """
    then, otherwise = layers
    sides = [scope.inner(scope.graph.subgraph(), place) for place in places]
    translate_layers(sides[0], then)
    translate_layers(sides[1], otherwise, start=start)
    inside = read_in(then) + read_in(otherwise[start:])
    only = {name for side in sides for name in side.values if scope.context.reads[name] <= inside[name]}
    emit_branch(scope, condition, sides, only - {BREAK, SKIP})


def _bind_all(layer: Layer, values: list[Value]) -> None:
    if len(values) < len(layer.outputs):
        raise ModelDamaged(f"it has {len(layer.outputs)} outputs, it makes {len(values)}")
    for name, value in zip(layer.outputs, values, strict=False):
        layer.scope.bind(name, value)


def _forget(scope: Scope, message: Message, place: str) -> None:
    """Mark as unknown what a layer would have made, and note what else in it is not supported."""
    for inner, name in zip(networks_in(message), NETWORK_NAMES.get(message.which("layer"), ()), strict=False):
        _look_through(scope, inner, f"{place}, {name}: ")
    for name in (*message.output, *(name for inner in networks_in(message) for name in written(inner))):
        scope.bind(name, None)


def _look_through(scope: Scope, network: Message, place: str) -> None:
    for number, message in enumerate(network.layers):
        where = place_of(place, number, message)
        try:
            translator_of(message)
        except Refusal as refusal:
            scope.report(f"{where}: {refusal}")
        for inner, name in zip(networks_in(message), NETWORK_NAMES.get(message.which("layer"), ()), strict=False):
            _look_through(scope, inner, f"{where}, {name}: ")


def translator_of(message: Message) -> tuple[Translator, View]:
    """The translator of a layer. Raises :class:`Refusal` if there is none."""
    if message.which("layer") == "custom":
        raise Refusal(f"a custom layer: what {message.custom.className!r} computes is not in the file")
    return find(message.which("layer"))
