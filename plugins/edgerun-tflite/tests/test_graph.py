from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgerun.contract import Graph, ReadsGraphs, TellsNeeds
from edgerun.errors import ModelUnreadable
from edgerun_tflite import TfliteBackend
from edgerun_tflite.operators import OPERATORS


@pytest.fixture
def read():
    return TfliteBackend().graph


@pytest.fixture
def small(author, tmp_path):
    """A convolution, a sum with a constant and an operator of one's own; weights quantised along an axis."""

    def build(name="small.tflite"):
        a = author()
        a.model.description = "author 1"
        entry = a.schema.MetadataT()
        entry.name, entry.buffer = "min_runtime_version", a.buffer(b"2.3.0\0\0\0")
        a.model.metadata.append(entry)
        quantised = {"scale": [0.5], "zero_point": [3]}
        x = a.tensor("x", (-1, 8, 8, 3), "int8", **quantised)
        w = a.tensor("w", (2, 3, 3, 3), "int8", value=np.zeros((2, 3, 3, 3)), scale=[1, 2], zero_point=[0, 0])
        b = a.tensor("b", (2,), "int32", value=[7, -7])
        y, z, own = (a.tensor(name, (1, 8, 8, 2), "int8", **quantised) for name in ("y", "y", "own"))
        a.operator("CONV_2D", [x, w, b], [y])
        options = a.graph.operators[-1].builtinOptions
        options.padding, options.strideW, options.strideH, options.fusedActivationFunction = 1, 1, 2, 3
        a.operator("ADD", [y, b], [z])
        a.operator("MyOwn", [z, -1], [own], b"")
        a.signature({"picture": x}, {"result": own})
        return a.write(tmp_path / name, [x], [own])

    return build


def test_the_backend_offers_graphs():
    assert isinstance(TfliteBackend(), ReadsGraphs)


def test_operators_tensors_and_options_are_told(read, small):
    graph = read(small())
    assert [node.op for node in graph.nodes] == ["CONV_2D", "ADD", "MyOwn"]
    assert graph.nodes[0].inputs == ("picture", "w", "b")
    assert graph.nodes[1].outputs == ("y#4",)
    assert graph.nodes[2].inputs == ("y#4", "")
    expected = {"padding": "VALID", "stride_w": 1, "stride_h": 2, "fused_activation_function": "RELU6"}
    assert expected.items() <= graph.nodes[0].attributes.items()
    assert graph.nodes[0].attributes["dilation_w_factor"] == 1
    assert (graph.inputs, graph.outputs) == (("picture",), ("result",))
    assert graph.values["picture"].shape == (None, 8, 8, 3)
    assert graph.values["picture"].dtype == "int8"
    assert graph.values["w"].quantization.scale == (1, 2)
    np.testing.assert_array_equal(graph.constants["b"], np.int32([7, -7]))
    assert (graph.producer, graph.opset) == ("author 1", "TFLite 2.3.0")


def test_large_weights_are_told_by_their_shape(read, author, tmp_path):
    a, size = author(), Graph.LARGEST_CONSTANT + 1
    x, y = a.tensor("x", (size,)), a.tensor("y", (size,))
    w = a.tensor("w", (size,), value=np.zeros(size))
    a.operator("ADD", [x, w], [y])
    graph = read(a.write(tmp_path / "large.tflite", [x], [y]))
    assert not graph.constants
    assert graph.values["w"].shape == (size,)


def test_a_graph_that_is_called_stands_after_its_caller(read, author, tmp_path):
    a = author()
    x, y, flag = a.tensor("x", (4,)), a.tensor("y", (4,)), a.tensor("flag", (1,), "bool", value=[True])
    a.operator("IF", [flag, x], [y])
    a.graph.operators[-1].builtinOptions.thenSubgraphIndex = 1
    a.graph.operators[-1].builtinOptions.elseSubgraphIndex = 1
    a.operator("RELU", [y], [y])
    outer, a.graph = a.graph, a.schema.SubGraphT()
    a.graph.tensors, a.graph.operators = [], []
    inner = a.tensor("x", (4,))
    a.operator("ABS", [inner], [inner])
    a.graph.inputs = a.graph.outputs = [inner]
    a.model.subgraphs.append(a.graph)
    a.graph = outer
    graph = read(a.write(tmp_path / "if.tflite", [x], [y]))
    assert [node.op for node in graph.nodes] == ["IF", "ABS", "RELU"]
    assert graph.nodes[0].attributes["then_subgraph_index"] == {"inputs": ("x#0",), "outputs": ("x#0",)}
    assert graph.nodes[1].inputs == ("x#0",)


def test_a_graph_that_calls_itself_is_read_once(read, author, tmp_path):
    a = author()
    x = a.tensor("x", (4,))
    a.operator("WHILE", [x], [x])
    graph = read(a.write(tmp_path / "while.tflite", [x], [x]))
    assert [node.op for node in graph.nodes] == ["WHILE"]


def test_a_tensor_that_lacks_numbers_is_refused(read, author, tmp_path):
    a = author()
    x, y = a.tensor("x", (3,)), a.tensor("y", (3,))
    w = a.tensor("w", (3,), value=[1, 2])
    a.operator("ADD", [x, w], [y])
    with pytest.raises(ModelUnreadable, match="'w'"):
        read(a.write(tmp_path / "short.tflite", [x], [y]))


@pytest.mark.parametrize("content", [b"", b"\x1c\0\0\0TFL3", b"this is not a model" * 9, bytes(99)])
def test_what_is_no_model_is_refused(read, tmp_path, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelUnreadable, match="is damaged"):
        read(path)


def test_names_of_operators_are_those_of_the_schema():
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated").BuiltinOperator
    known = {number: name for name, number in vars(schema).items() if isinstance(number, int)}
    assert {number: name for number, name in enumerate(OPERATORS) if number in known} == {
        number: known[number] for number in range(len(OPERATORS)) if number in known
    }


def test_a_vector_that_many_tables_share_is_not_read_for_ever(read, author, tmp_path):
    a = author()
    x, y = a.tensor("x", (4,)), a.tensor("y", (4,))
    shared = np.zeros(200_000, np.int32)
    for _ in range(200):
        a.operator("CONCATENATION", [x], [y])
        a.graph.operators[-1].inputs = shared
    import flatbuffers

    class Builder(flatbuffers.Builder):
        """Writes an array once, wherever it is used."""

        def __init__(self):
            super().__init__(1024)
            self.kept = {}

        def CreateNumpyVector(self, vector):  # noqa: N802
            if id(vector) not in self.kept:
                self.kept[id(vector)] = super().CreateNumpyVector(vector)
            return self.kept[id(vector)]

    a.graph.inputs, a.graph.outputs = [x], [y]
    builder = Builder()
    builder.Finish(a.model.Pack(builder), b"TFL3")
    path = tmp_path / "shared.tflite"
    path.write_bytes(bytes(builder.Output()))
    assert path.stat().st_size < 2_000_000  # the vector stands there once
    with pytest.raises(ModelUnreadable, match="no end"):
        read(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, 1 << 20)
)
def test_a_damaged_file_is_read_or_refused(read, small, tmp_path, flips, cut):
    path = tmp_path / "small.tflite"
    if not path.exists():
        small()
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[place % len(content)] = value
    if cut % 3 == 0:
        del content[cut % len(content) :]
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(content)
    with suppress(ModelUnreadable):
        assert isinstance(read(damaged), Graph)


def test_real_models_read_as_the_runtime_reads_them(read, shared):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    for path in sorted((shared / "models" / "tflite").glob("*.tflite")):
        graph = read(path)
        bare = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        runtime = interpreter.Interpreter(str(path), experimental_op_resolver_type=bare)
        assert [node.op for node in graph.nodes] == [entry["op_name"] for entry in runtime._get_ops_details()]
        for detail in runtime.get_tensor_details():
            if (spec := graph.values.get(detail["name"])) is not None:
                assert spec.dtype == np.dtype(detail["dtype"]).name
                assert tuple(-1 if size is None else size for size in spec.shape) == tuple(detail["shape_signature"])


def test_the_converter_says_which_runtime_is_needed(small, author, tmp_path):
    a = author()
    x, y = a.tensor("x", (4,)), a.tensor("y", (4,))
    a.operator("ADD", [x, x], [y])
    assert isinstance(TfliteBackend(), TellsNeeds)
    version, custom = TfliteBackend().needs(small())
    assert version.what == "TensorFlow Lite 2.3.0"
    assert (custom.what, custom.why) == ("LiteRT with custom operators", "1 × MyOwn")
    assert TfliteBackend().needs(a.write(tmp_path / "silent.tflite", [x], [y])) == []


@pytest.mark.parametrize(
    ("operator", "what", "why"),
    [
        ("FlexErf", "LiteRT with the operators of TensorFlow (Flex)", "1 × FlexErf"),
        ("edgetpu-custom-op", "an Edge TPU", "it was compiled for one"),
        ("TFLite_Detection_PostProcess", None, None),
    ],
)
def test_operators_that_litert_does_not_bring_are_a_need(author, tmp_path, operator, what, why):
    a = author()
    x, y = a.tensor("x", (4,)), a.tensor("y", (4,))
    a.operator(operator, [x], [y])
    told = TfliteBackend().needs(a.write(tmp_path / "custom.tflite", [x], [y]))
    assert [(need.what, need.why) for need in told] == ([(what, why)] if what else [])
