from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgerun.contract import Graph, ReadsGraphs, TellsNeeds
from edgerun.errors import ModelUnreadable
from edgerun_onnxruntime import OnnxRuntimeBackend

onnx = pytest.importorskip("onnx")
helper, numpy_helper, FLOAT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT


def model(nodes, inputs=(), outputs=(), weights=(), values=(), **keywords):
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(weights), value_info=list(values))
    keywords.setdefault("opset_imports", [helper.make_opsetid("", 17)])
    return helper.make_model(graph, **keywords)


def tensor(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.fixture
def read(tmp_path):
    def read_(content):
        path = tmp_path / "model.onnx"
        path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
        return OnnxRuntimeBackend().graph(path)

    return read_


def conditional():
    """x + 1 or x - 1, by the sign of its sum, then Relu."""
    one = numpy_helper.from_array(np.float32([1]), "one")
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(kind, ["x", "one"], [name])], name, [], [tensor(name, [4])]
        )
        for name, kind in (("then", "Add"), ("else", "Sub"))
    }
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Constant", [], ["nought"], value_float=0.0),
        helper.make_node("Greater", ["sum", "nought"], ["positive"]),
        helper.make_node("If", ["positive"], ["either"], name="choice", **branches),
        helper.make_node("Relu", ["either"], ["y"]),
    ]
    x, y = tensor("x", [4]), tensor("y", [4])
    return model(nodes, [x], [y], [one], producer_name="author", producer_version="2.1")


def test_the_backend_offers_graphs():
    assert isinstance(OnnxRuntimeBackend(), ReadsGraphs)


def test_branches_stand_after_their_operator(read):
    graph = read(conditional())
    assert [node.op for node in graph.nodes] == ["ReduceSum", "Constant", "Greater", "If", "Sub", "Add", "Relu"]
    choice = graph.nodes[3]
    assert (choice.name, choice.inputs, choice.outputs) == ("choice", ("positive",), ("either",))
    assert choice.attributes["then_branch"] == {"inputs": (), "outputs": ("then",)}
    assert graph.nodes[0].attributes == {"keepdims": 0}
    assert (graph.inputs, graph.outputs) == (("x",), ("y",))
    assert graph.values["then"].shape == (4,)
    assert (graph.producer, graph.opset) == ("author 2.1", "ai.onnx 17")


def test_constants_come_from_weights_and_from_nodes(read):
    graph = read(conditional())
    np.testing.assert_array_equal(graph.constants["one"], np.float32([1]))
    assert graph.constants["nought"] == np.float32(0)
    assert graph.constants["nought"].dtype == np.float32
    assert graph.values["nought"].shape == ()


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
    ],
)
@pytest.mark.parametrize("raw", [True, False])
def test_weights_of_every_type_read_as_onnx_reads_them(read, dtype, raw):
    array = np.array([[0, 1, 2], [3, 100, -5]]).astype(dtype)
    code = helper.np_dtype_to_tensor_dtype(array.dtype)
    content = array.tobytes() if raw else array.ravel()
    weight = helper.make_tensor("w", code, array.shape, content, raw=raw)
    graph = read(model([helper.make_node("Identity", ["w"], ["y"])], weights=[weight]))
    np.testing.assert_array_equal(graph.constants["w"], array)
    assert graph.constants["w"].dtype == array.dtype
    assert (graph.values["w"].shape, graph.values["w"].dtype) == ((2, 3), dtype)


@pytest.mark.parametrize("dtype", ["BFLOAT16", "INT4", "FLOAT8E4M3FN", "STRING"])
def test_types_that_numpy_lacks_are_told_and_not_decoded(read, dtype):
    code = getattr(onnx.TensorProto, dtype)
    weight = helper.make_tensor("w", code, [2], [b"a", b"b"] if dtype == "STRING" else [1.0, 2.0])
    graph = read(model([helper.make_node("Identity", ["w"], ["y"])], weights=[weight]))
    assert graph.values["w"].dtype == dtype.lower()
    assert not graph.constants


def test_large_weights_are_told_by_their_shape(read):
    size = Graph.LARGEST_CONSTANT + 1
    weights = [numpy_helper.from_array(np.zeros(size, np.float32), "w")]
    large = numpy_helper.from_array(np.zeros(size, np.int64), "c")
    nodes = [helper.make_node("Constant", [], ["c"], value=large), helper.make_node("Foo", [], ["y"], ints=[1] * size)]
    graph = read(model(nodes, weights=weights))
    assert not graph.constants
    assert graph.values["w"].shape == graph.values["c"].shape == (size,)
    assert graph.values["c"].dtype == "int64"
    assert graph.nodes[1].attributes == {}


def test_weights_in_another_file_are_not_opened(read):
    weight = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    graph = read(model([helper.make_node("Identity", ["w"], ["y"])], weights=[weight]))
    assert graph.values["w"].shape == (3,)
    assert not graph.constants


def test_weights_that_old_files_list_as_inputs_are_none(read):
    weight = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    graph = read(
        model([helper.make_node("Add", ["x", "w"], ["y"])], [tensor("x", [3]), tensor("w", [3])], weights=[weight])
    )
    assert graph.inputs == ("x",)


def test_attributes_are_plain_values(read):
    node = helper.make_node(
        "Foo", ["", "b"], ["y"], i=-3, f=0.5, s="text", ints=[0, 1], floats=[1.0, 2.0], strings=["a", "b"]
    )
    graph = read(model([node]))
    expected = {"i": -3, "f": 0.5, "s": "text", "ints": (0, 1), "floats": (1.0, 2.0), "strings": ("a", "b")}
    assert dict(graph.nodes[0].attributes) == expected
    assert graph.nodes[0].inputs == ("", "b")


def test_other_domains_are_named(read):
    imports = [helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("", 13)]
    nodes = [
        helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft"),
        helper.make_node("Relu", ["y"], ["z"], domain="ai.onnx"),
    ]
    graph = read(model(nodes, opset_imports=imports))
    assert [node.op for node in graph.nodes] == ["com.microsoft.Gelu", "Relu"]
    assert graph.opset == "ai.onnx 13, com.microsoft 1"


def test_open_sizes_are_none(read):
    graph = read(
        model([helper.make_node("Relu", ["x"], ["y"])], [tensor("x", ["batch", 3, None])], [tensor("y", None)])
    )
    assert graph.values["x"].shape == (None, 3, None)
    assert "y" not in graph.values


def functions(body, calls, **keywords):
    """A model that calls its own function "mine.Scale", alpha * x + 1, with the constant 1 inside."""
    one = helper.make_node("Constant", [], ["one"], value_float=1.0)
    function = helper.make_function(
        "mine", "Scale", ["x"], ["y"], [one, *body], [helper.make_opsetid("", 17)], ["alpha"]
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    return model(calls, [tensor("x", [4])], [tensor("z", [4])], opset_imports=imports, functions=[function], **keywords)


def test_functions_of_the_file_are_written_out_at_every_call(read):
    scaled = helper.make_node("LeakyRelu", ["x"], ["scaled"])
    reference = scaled.attribute.add()
    reference.name, reference.ref_attr_name, reference.type = "alpha", "alpha", onnx.AttributeProto.FLOAT
    body = [scaled, helper.make_node("Add", ["scaled", "one"], ["y"])]
    calls = [
        helper.make_node("Scale", ["x"], ["a"], name="first", domain="mine", alpha=0.5),
        helper.make_node("Scale", ["a"], ["z"], name="second", domain="mine", alpha=2.0),
    ]
    graph = read(functions(body, calls))
    assert [node.op for node in graph.nodes] == ["Constant", "LeakyRelu", "Add"] * 2
    assert [graph.nodes[place].attributes["alpha"] for place in (1, 4)] == [0.5, 2.0]
    assert graph.nodes[1].inputs == ("x",)
    assert graph.nodes[2].outputs == graph.nodes[4].inputs == ("a",)
    assert graph.nodes[5].outputs == ("z",)
    assert len({name for node in graph.nodes for name in node.outputs}) == 6
    assert len(graph.constants) == 2


def test_functions_that_call_themselves_have_an_end(read):
    again = helper.make_node("Scale", ["x"], ["y"], domain="mine")
    with pytest.raises(ModelUnreadable, match="call each other"):
        read(functions([again], [helper.make_node("Scale", ["x"], ["z"], domain="mine")]))
    twice = [helper.make_node("Scale", ["x"], [name], domain="mine") for name in ("a", "y")]
    with pytest.raises(ModelUnreadable, match="is damaged"):
        read(functions(twice, [helper.make_node("Scale", ["x"], ["z"], domain="mine")]))


def test_an_ort_file_points_to_its_onnx(read):
    with pytest.raises(ModelUnreadable, match="own format") as refused:
        read(b"\x10\0\0\0ORTM" + bytes(40))
    assert ".onnx" in refused.value.hint


@pytest.mark.parametrize("content", [b"", b"\x3a", b"this is not a model" * 9, b"\x3a\xff\xff\xff\xff\x0f", bytes(99)])
def test_what_is_no_model_is_refused(read, content):
    with pytest.raises(ModelUnreadable, match="is damaged"):
        read(content)


def test_graphs_within_graphs_have_an_end(read):
    def field(number, content):
        size = len(content)
        return bytes([number << 3 | 2, size & 127 | 128, size >> 7 & 127 | 128, size >> 14]) + content

    graph = b""
    for _ in range(40):  # the graph of an attribute of a node of a graph
        graph = field(1, field(5, field(6, graph)))
    with pytest.raises(ModelUnreadable, match="within each other"):
        read(field(7, graph))


def test_a_weight_that_lacks_numbers_is_refused(read):
    weight = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    weight.dims[0] = 4
    with pytest.raises(ModelUnreadable, match="'w'"):
        read(model([helper.make_node("Identity", ["w"], ["y"])], weights=[weight]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=6), st.integers(0, 1 << 20))
def test_a_damaged_file_is_read_or_refused(read, flips, cut):
    content = bytearray(conditional().SerializeToString())
    for place, value in flips:
        content[place % len(content)] = value
    if cut % 3 == 0:
        del content[cut % len(content) :]
    with suppress(ModelUnreadable):
        assert isinstance(read(bytes(content)), Graph)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_noise_is_read_or_refused(read, content):
    with suppress(ModelUnreadable):
        assert isinstance(read(b"\x3a" + bytes([len(content) & 127]) + content), Graph)


def test_real_models_read_as_onnx_reads_them(shared):
    for path in sorted((shared / "models" / "onnx").glob("*.onnx")):
        graph = OnnxRuntimeBackend().graph(path)
        expected = onnx.load(path).graph
        written = {tuple(node.output) for node in expected.node}
        outermost = [node for node in graph.nodes if node.outputs in written]
        assert [node.op.rpartition(".")[2] for node in outermost] == [node.op_type for node in expected.node]
        for weight in expected.initializer:
            array = numpy_helper.to_array(weight)
            assert graph.values[weight.name].shape == array.shape
            if array.size <= Graph.LARGEST_CONSTANT:
                np.testing.assert_array_equal(graph.constants[weight.name], array)


@pytest.mark.parametrize(
    ("opset", "ir", "expected"),
    [
        (7, 3, []),
        (11, 6, ["ONNX Runtime 1.0: opset 11 and IR version 6"]),
        (18, 8, ["ONNX Runtime 1.14: opset 18"]),
        (18, 10, ["ONNX Runtime 1.18: IR version 10"]),
        (23, 10, ["ONNX Runtime after 1.20: opset 23"]),
    ],
)
def test_the_opset_says_which_runtime_is_needed(tmp_path, opset, ir, expected):
    content = model([helper.make_node("Relu", ["x"], ["y"])], opset_imports=[helper.make_opsetid("", opset)])
    content.ir_version = ir
    path = tmp_path / "model.onnx"
    path.write_bytes(content.SerializeToString())
    assert isinstance(OnnxRuntimeBackend(), TellsNeeds)
    assert [f"{need.what}: {need.why}" for need in OnnxRuntimeBackend().needs(path)] == expected
    path.write_bytes(b"")
    with pytest.raises(ModelUnreadable):
        OnnxRuntimeBackend().needs(path)


def test_operators_that_nobody_brings_are_a_need(tmp_path):
    nodes = [
        helper.make_node("Mine", ["x"], ["y"], domain="mine"),
        helper.make_node("Gelu", ["y"], ["z"], domain="com.microsoft"),
    ]
    path = tmp_path / "model.onnx"
    path.write_bytes(model(nodes).SerializeToString())
    need = OnnxRuntimeBackend().needs(path)[-1]
    assert (need.what, need.why) == ("a library of custom operators", "1 × mine.Mine")
