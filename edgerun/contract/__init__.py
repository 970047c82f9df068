"""What a plugin promises and what it may rely on: a runtime, a family of outputs, an exporter's habits.

A runtime's plugin imports this package, `edgerun.tensors`, `edgerun.errors`, `edgerun.wire` and `edgerun.hookimpl`; a
family's also `edgerun.boxes`, `edgerun.heads` and `edgerun.graphs`. Nothing else of edgerun is meant for plugins.
"""

from __future__ import annotations

from edgerun.card import ModelCard
from edgerun.contract.candidates import Candidates
from edgerun.contract.capabilities import (
    ConvertsToOnnx,
    FreesSizes,
    HandsOverGraph,
    KnowsMachine,
    Need,
    Profiles,
    ReadsGraphs,
    SaysInexact,
    SaysWhy,
    TellsNeeds,
    TellsSupport,
    WritesMetadata,
)
from edgerun.contract.convention import Alternative, Alternatives, Convention, Inference
from edgerun.contract.coverage import Coverage, Placed
from edgerun.contract.decoder import Decoder, Evidence, Frame, Match, Sure
from edgerun.contract.dialect import Dialect, Unsettled
from edgerun.contract.graph import Graph, Node
from edgerun.contract.runtime import ANY, Backend, Delegate, Health, Session
from edgerun.tensors import Arrays, Quantization, TensorSpec

__all__ = [
    "ANY",
    "Alternative",
    "Alternatives",
    "Arrays",
    "Backend",
    "Candidates",
    "Convention",
    "ConvertsToOnnx",
    "Coverage",
    "Decoder",
    "Delegate",
    "Dialect",
    "Evidence",
    "Frame",
    "FreesSizes",
    "Graph",
    "HandsOverGraph",
    "Health",
    "Inference",
    "KnowsMachine",
    "Match",
    "ModelCard",
    "Need",
    "Node",
    "Placed",
    "Profiles",
    "Quantization",
    "ReadsGraphs",
    "SaysInexact",
    "SaysWhy",
    "Session",
    "Sure",
    "TellsNeeds",
    "TellsSupport",
    "TensorSpec",
    "Unsettled",
    "WritesMetadata",
]
