"""ONNX Runtime's profile as a coverage."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgerun.contract import Delegate
from edgerun_onnxruntime import OnnxRuntimeBackend, profiles

pytest.importorskip("onnxruntime")


def test_a_profile_names_every_node_with_its_shape_and_time(odd):
    session = OnnxRuntimeBackend().open(odd, Delegate("cpu"), 1)
    seen = session.profile({"x": np.ones((1, 2, 4, 4), np.float32)})
    assert seen.evidence == "measured"
    assert seen.source == "ONNX Runtime's profile of 3 runs"
    assert list(seen.nodes) == list(session.coverage().nodes) == ["cpu"]
    placed = {entry.name: entry for entry in seen.placed}  # the CPU's provider renames what it fuses
    assert {"odd", "last"} < set(placed)
    assert (placed["odd"].operator, placed["odd"].shape) == ("Hardmax", (1, 2, 4, 4))
    assert all(entry.milliseconds >= 0 for entry in seen.placed)
    assert seen.time == {"cpu": 1.0}
    session.run({"x": np.ones((1, 2, 4, 4), np.float32)})  # the session itself is left as it was


NAMES = {"GpuEP": "gpu", "CPUExecutionProvider": "cpu"}


def event(name, start, took, provider="CPUExecutionProvider", kind="Conv", index="0", shape=(1, 2)):
    arguments = {"op_name": kind, "provider": provider, "node_index": index, "output_type_shape": [{"float": shape}]}
    return {"cat": "Node", "name": name, "ts": start, "dur": took, "args": arguments}


def test_the_first_run_is_left_out_and_the_others_are_averaged(tmp_path):
    runs = [{"cat": "Session", "name": "model_run", "ts": start, "dur": 9} for start in (0, 100, 200)]
    nodes = [event("a_kernel_time", start + 1, took) for start, took in ((0, 9000), (100, 1000), (200, 3000))]
    nodes += [event("GpuEP_fused_7_kernel_time", 150, 4000, "GpuEP", "fused_7", "1")]
    nodes += [event("if_kernel_time", 160, 99000, kind="If", index="2"), event("a_fence_before", 170, 5)]
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(runs + nodes))
    seen = profiles.read(path, 3, NAMES.get, {"GpuEP": [["Conv"] * 5]})
    fused, plain, holder = sorted(seen.placed, key=lambda entry: entry.name != "fused_7")
    assert (plain.name, plain.milliseconds, plain.nodes) == ("a", 2.0, 1)
    assert (fused.name, fused.milliseconds, fused.nodes, fused.delegate) == ("fused_7", 2.0, 5, "gpu")
    assert fused.operator == "subgraph"
    assert holder.milliseconds is None  # its time is that of the nodes inside
    assert seen.time == {"cpu": 0.5, "gpu": 0.5}


def test_a_provider_with_kernels_runs_single_nodes(tmp_path):
    nodes = [event(f"{kind}_kernel_time", at, 1000, "GpuEP", kind, str(at)) for at, kind in enumerate(("Conv", "Add"))]
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(nodes))
    seen = profiles.read(path, 1, NAMES.get, {"GpuEP": [["Conv", "Add"]]})
    assert [(entry.operator, entry.nodes) for entry in seen.placed] == [("Conv", 1), ("Add", 1)]
    seen = profiles.read(path, 1, NAMES.get, {"GpuEP": [["Conv", "Add"], ["Conv"]]})  # as many parts as nodes ran
    assert seen.nodes == {"gpu": 2}


def test_a_node_whose_name_is_no_utf8_is_counted_without_it(tmp_path):
    """Exporters have written names in other encodings; ONNX Runtime runs such a model."""
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"], name="a_name")], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString().replace(b"a_name", b"a_\xb8\xb8me"))
    session = OnnxRuntimeBackend().open(path, Delegate("cpu"), 1)
    assert [(entry.operator, entry.name) for entry in session.coverage().placed] == [("Add", "")]
    assert [entry.operator for entry in session.profile({"x": np.ones((1, 4), np.float32)}).placed] == ["Add"]
