"""Why a runtime did not open a file: it is damaged, or it is whole and asks for an operator that the runtime lacks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from edgerun.contract import Backend, ReadsGraphs
from edgerun.errors import EdgerunError, ModelUnreadable

__all__ = ["refused"]

MAX_WORDS = 300
"""Characters of what the runtime says that are told."""

MAX_NAMED = 4
"""Operators that are named; more are counted."""


class Owner(NamedTuple):
    """Who has operators that a runtime alone lacks.

    Attributes:
        operators: pattern of whole names, as `edgerun.contract.Node.op` has them, with the domain in front.
        who: has them.
        hint: the next step.
    """

    operators: re.Pattern[str]
    who: str
    hint: str


WITHOUT_SUPPRESSION = "export it without suppression inside, which edgerun does itself"

OWNERS = (
    # NVIDIA/TensorRT, plugin/efficientNMSPlugin and others: names end in _TRT; exporters give them the domain TRT
    Owner(re.compile(r"TRT\..*|(.*\.)?\w+_TRT"), "TensorRT alone", WITHOUT_SUPPRESSION),
    # onnxruntime-extensions, onnxruntime_extensions/_ocos.py: default_opset_domain
    Owner(
        re.compile(r"(com\.microsoft\.extensions|ai\.onnx\.contrib)\..*"),
        "the library onnxruntime-extensions",
        "export it without preprocessing and postprocessing inside, which edgerun does itself",
    ),
    # open-mmlab/mmdeploy, csrc/mmdeploy/backend_ops: g.op("mmdeploy::NMSRotated", …)
    Owner(re.compile(r"mmdeploy\..*"), "MMDeploy's own build of the runtime", WITHOUT_SUPPRESSION),
    # ethos-u-vela 5.2.0, ethosu/vela/tflite_writer.py: the custom code of what it has compiled
    Owner(
        re.compile(r"ethos-u"),
        "Arm's Ethos-U alone, for which Vela has compiled it",
        "load the file that it was compiled from",
    ),
    # google-coral/libedgetpu: the custom code of what edgetpu_compiler has compiled
    Owner(
        re.compile(r"edgetpu-custom-op"),
        "Coral's Edge TPU alone",
        "load the file that it was compiled from",
    ),
    # mediapipe 1.2.3, names in tasks/c/libmediapipe.so
    Owner(
        re.compile(
            r"Convolution2DTransposeBias|Landmarks2TransformMatrix|MaxPoolingWithArgmax2D|TransformTensorBilinear"
        ),
        "MediaPipe's own build of the runtime",
        "run it with MediaPipe, or export it without these operators",
    ),
    Owner(
        re.compile(r"(.*\.)?torchvision(::|\.).*"),
        "the library torchvision",
        "export it without torchvision's operators, such as its suppression, which edgerun does itself",
    ),
    # tensorflow/lite/delegates/flex: operators of TensorFlow itself
    Owner(
        re.compile(r"Flex\w+"),
        "LiteRT's builds with TensorFlow's operators (Flex)",
        "convert it with TFLITE_BUILTINS alone: converter.target_spec.supported_ops",
    ),
)
"""Whose operators are found in files that people bring."""


def refused(backend: Backend, file: Path, cause: Exception) -> EdgerunError:
    """The sentence for what a runtime raised when it was to open a file.

    A file whose operators can be read to the end is not called damaged.
    """
    words = _first_line(cause)
    failed = f"{backend.name} cannot open {file}"
    operators = _operators(backend, file)
    if not operators:
        return ModelUnreadable(f"{failed}: {words}", hint="check that the file is whole; export it again")
    for owner in OWNERS:
        owned = [name for name in operators if owner.operators.fullmatch(name)]
        if owned:
            message = f"{failed}, which asks for {_listed(owned)}: {owner.who} has that."
            return ModelUnreadable(message, hint=owner.hint)
    lacking = [name for name in operators if _is_named(name, str(cause))]
    if lacking:
        return ModelUnreadable(
            f"{failed}, whose operator {_listed(lacking)} it does not have or does not take: {words}",
            hint=f"update {backend.name}, or export it with other operators or for an older version of them; "
            f"which file asks for what: edgerun ops {file}",
        )
    return ModelUnreadable(
        f"{failed}: {words}",
        hint=f"its operators can all be read, so it seems whole: update {backend.name}, or export it for an older "
        "version of it",
    )


def _first_line(cause: Exception) -> str:
    lines = str(cause).strip().splitlines()
    return lines[0][:MAX_WORDS] if lines else type(cause).__name__


def _operators(backend: Backend, file: Path) -> list[str]:
    """Kinds of operators in a file, each once; [] where they cannot be read."""
    if not isinstance(backend, ReadsGraphs):
        return []
    try:
        graph = backend.graph(file)
    except ModelUnreadable:
        return []
    return list(dict.fromkeys(node.op for node in graph.nodes))


def _is_named(operator: str, words: str) -> bool:
    """Whether a runtime's words name an operator, with its domain or without, in whichever spelling of it."""
    bare = re.split(r"::|\.", operator)[1 if "::" in operator else -1]
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(bare)}(?![A-Za-z0-9_])", words) is not None


def _listed(operators: list[str]) -> str:
    """Names with their domains: "EfficientNMS_TRT (domain TRT)"."""
    named = [_with_domain(operator) for operator in operators[:MAX_NAMED]]
    more = len(operators) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _with_domain(operator: str) -> str:
    domain, dot, name = operator.rpartition(".")
    return operator if not dot or "::" in operator else f"{name} (domain {domain})"
