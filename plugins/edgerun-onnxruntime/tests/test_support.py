from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

from edgerun.contract import TellsSupport
from edgerun.contract.support_table import read_table
from edgerun.tools.ops.check import check
from edgerun_onnxruntime import OnnxRuntimeBackend

DOCUMENTS = {
    "coreml": "coreml_supported_mlprogram_ops.md",
    "coreml-neuralnetwork": "coreml_supported_neuralnetwork_ops.md",
    "nnapi": "nnapi_supported_ops.md",
}
"""Table -> the document in the wheel of onnxruntime that it was made from."""


@pytest.fixture
def table():
    """Reads the table of a delegate."""

    def read(delegate):
        (path,) = [path for path in OnnxRuntimeBackend().support_tables() if path.stem == delegate]
        return read_table(path)

    return read


def test_the_backend_offers_tables():
    assert isinstance(OnnxRuntimeBackend(), TellsSupport)


@pytest.mark.parametrize("path", OnnxRuntimeBackend().support_tables(), ids=lambda path: path.stem)
def test_operators_of_a_table_are_operators_of_onnx(path):
    schemas = pytest.importorskip("onnx").defs.get_all_schemas()
    known = {schema.name for schema in schemas if schema.domain == ""} | {"ImageScaler", "Inverse"}
    assert {op for op in read_table(path).operators if not op.startswith("com.microsoft.")} <= known


@pytest.mark.parametrize("delegate", DOCUMENTS)
def test_a_table_lists_what_the_document_of_its_version_lists(table, delegate):
    onnxruntime = pytest.importorskip("onnxruntime")
    version = metadata.version("onnxruntime")
    if not table(delegate).version.endswith(version):
        pytest.skip(f"the table is of {table(delegate).version}, and onnxruntime {version} is here")
    path = Path(onnxruntime.__file__).parent / "tools" / "mobile_helpers" / DOCUMENTS[delegate]
    listed = re.findall(r"^\|(ai\.onnx|com\.microsoft)[:.](\w+)\|", path.read_text(), re.MULTILINE)
    operators = {op if domain == "ai.onnx" else f"{domain}.{op}" for domain, op in listed}
    # the document misspells it
    assert set(table(delegate).operators) == {"ArgMax" if op == "Argmax" else op for op in operators}


def test_conditions_are_checked_on_a_real_graph(colours, table, tmp_path):
    path = colours()
    graph = OnnxRuntimeBackend().graph(path)
    assert check(path, graph, table("coreml")).ok
    found = check(path, graph, table("xnnpack"))
    assert {verdict.node.op for verdict in found.verdicts if verdict.supported} == {"AveragePool"}
