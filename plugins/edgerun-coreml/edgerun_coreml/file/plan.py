"""Core ML's plan of a model: which unit it means to compute each operation on.

Core ML makes the plan before anything runs (macOS 14.4 and later), and keeps to itself what happened in a run, so
this is its assignment and no measurement. Source of the calls: coremltools 9.0, models/compute_plan.py and
compute_device.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from edgerun.contract import Coverage, Placed

__all__ = ["UNITS", "lacking", "read"]

UNITS: Final = {"ane": "Neural Engine", "gpu": "GPU", "cpu": "CPU"}
"""Compute unit -> what it is called; coremltools' classes are named alike, without the space."""

WITHOUT_WORK: Final = ("const", "constexpr_")
"""How operations begin that compute nothing in a run, so that the plan leaves them out."""


def lacking() -> tuple[str, ...]:
    """Compute units that this Mac does not have; () where Core ML does not tell."""
    try:
        found = import_module("coremltools.models.compute_device").MLComputeDevice.get_all_compute_devices()
    except Exception:  # before macOS 14; Core ML then does not tell
        return ()
    there = {_unit(device) for device in found}
    return tuple(unit for unit in UNITS if unit not in there) if there else ()


def read(model: Any, units: str, delegate: str, wanted: str) -> Coverage:
    """The plan of a loaded model.

    Args:
        model: coremltools' MLModel.
        units: name of coremltools' ComputeUnit.
        delegate: what operations on a wanted unit count for.
        wanted: "ane", "gpu" or "cpu"; "all" where any unit will do.
    """
    try:
        compute_unit = import_module("coremltools").ComputeUnit[units]
        module = import_module("coremltools.models.compute_plan")
        plan = module.MLComputePlan.load_from_path(model.get_compiled_model_path(), compute_units=compute_unit)
        seen = list(_structure(plan, plan.model_structure))
    except Exception as cause:  # coremltools raises whatever it raises, and nothing else depends on the plan
        return Coverage("none", f"Core ML gives no plan of it: {(str(cause).splitlines() or ['no reason'])[0][:200]}")
    if not seen:
        return Coverage("none", "Core ML's plan of it is empty")
    placed, counts = [], Counter[str]()
    for operator, name, usage in seen:
        unit = _unit(usage.preferred_compute_device) if usage is not None else ""
        counts[UNITS.get(unit, "no unit that it names")] += 1
        if unit and wanted in ("all", unit):
            placed.append(Placed(operator, delegate, name))
            continue
        why = "Core ML names no unit for it"
        if usage is not None:
            able = {_unit(device) for device in usage.supported_compute_devices}
            why = f"Core ML prefers it there, though the {UNITS[wanted]} could" if wanted in able else ""
            why = why or f"the {UNITS.get(wanted, wanted)} cannot"
        placed.append(Placed(operator, unit or "an unknown unit", name, why=why))
    listed = ", ".join(f"{count} on the {unit}" for unit, count in counts.most_common())
    return Coverage("assigned", f"Core ML's plan: {listed}", tuple(placed))


def _structure(plan: Any, structure: Any) -> Iterator[tuple[str, str, Any]]:
    """(kind, name, usage) of each operation or layer, in the models of a pipeline too."""
    if structure.program is not None:
        for function in structure.program.functions.values():
            yield from _block(plan, function.block)
    elif structure.neuralnetwork is not None:
        for layer in structure.neuralnetwork.layers:
            yield layer.type, layer.name, plan.get_compute_device_usage_for_neuralnetwork_layer(layer)
    elif structure.pipeline is not None:
        for _, part in structure.pipeline.sub_models:
            yield from _structure(plan, part)


def _block(plan: Any, block: Any) -> Iterator[tuple[str, str, Any]]:
    for operation in block.operations:
        kind = operation.operator_name
        if not kind.rpartition(".")[2].startswith(WITHOUT_WORK):
            name = operation.outputs[0].name if operation.outputs else ""
            yield kind, name, plan.get_compute_device_usage_for_mlprogram_operation(operation)
        for inner in operation.blocks:
            yield from _block(plan, inner)


def _unit(device: Any) -> str:
    """The unit that a device is, one of `UNITS`; "" for one of a later age."""
    kind = type(device).__name__
    return next((unit for unit, name in UNITS.items() if name.replace(" ", "") in kind), "")
