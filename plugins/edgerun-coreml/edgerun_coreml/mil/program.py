"""Walking a program: its functions, and the operations of its blocks in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgerun_coreml.errors import ModelDamaged, ModelUnsupported
from edgerun_coreml.file.blob import BlobFile
from edgerun_coreml.file.wire import Message
from edgerun_coreml.mil.operation import Operation
from edgerun_coreml.mil.registry import OPSETS, find
from edgerun_coreml.mil.scope import NONSENSE, Context, Scope, Unknown
from edgerun_coreml.mil.values import Constants, Operand
from edgerun_coreml.onnx.translation import Precision
from edgerun_coreml.refusal import Refusal


def translate_block(scope: Scope, block: Message) -> list[Operand]:
    """Translate a block into the scope's graph and return its outputs.

    Unsupported operations are noted in the context, with their place. Raises :class:`ModelDamaged`, and
    :class:`Unknown` if an output depends on an unsupported operation.
    """
    for number, message in enumerate(block.operations):
        place = f"{scope.place}operation {number}, {message.type}"
        if message.outputs:
            place += f" {message.outputs[0].name!r}"
        try:
            _translate(scope, message)
        except Unknown:
            scope.forget(message)
        except Refusal as refusal:
            scope.forget(message)
            scope.report(f"{place}: {refusal}")
        except NONSENSE as error:
            raise ModelDamaged(f"{place}: makes no sense ({error})") from error
    return [scope.lookup(name) for name in block.outputs]


def _translate(scope: Scope, message: Message) -> None:
    if message.type == "const":
        scope.bind(message.outputs[0].name, _constant(scope, message))
        return
    translator = find(message.type, scope.context.opset)
    operation = Operation(scope, message)
    result = translator(operation)
    if result is None:
        return
    results = result if isinstance(result, Sequence) else [result]
    if len(results) < len(operation.outputs):
        raise ModelDamaged(f"{message.type} has {len(operation.outputs)} outputs, it makes {len(results)}")
    for (name, kind), item in zip(operation.outputs, results, strict=False):
        scope.bind(name, item if isinstance(item, Operand) else scope.made(item, kind))


def _constant(scope: Scope, message: Message) -> Operand:
    source = message.attributes.get("val")
    if source is not None:
        return scope.constants.read(source)
    return scope.resolve(message.inputs["val"].arguments[0])


def context_for(function: Message, name: str, weights: Callable[[str], BlobFile], precision: Precision) -> Context:
    """The context of a function. Raises :class:`ModelUnsupported` for an operation set of the future."""
    if function.opset not in OPSETS:
        raise ModelUnsupported(f"function {name}: the operation set {function.opset!r} is not known")
    return Context(Constants(weights), OPSETS[function.opset], precision, name)


def choose_function(spec: Message, function: str) -> tuple[str, Message]:
    """Name and message of a function, the default one unless named."""
    functions = spec.mlProgram.functions
    if not functions:
        raise ModelDamaged("the program has no function")
    name = (
        function or spec.description.defaultFunctionName or ("main" if "main" in functions else next(iter(functions)))
    )
    if name not in functions:
        raise ModelUnsupported(f"there is no function {name!r}; there are: {', '.join(sorted(functions))}")
    return name, functions[name]
