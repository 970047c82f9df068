from __future__ import annotations

import numpy as np
import pytest

from edgerun.contract import Delegate, TellsSupport
from edgerun.contract.support_table import read_table
from edgerun.tools.ops.check import check
from edgerun_tflite import TfliteBackend
from edgerun_tflite.operators import OPERATORS


@pytest.fixture
def table():
    """Reads the table of a delegate."""

    def read(delegate):
        (path,) = [path for path in TfliteBackend().support_tables() if path.stem == delegate]
        return read_table(path)

    return read


@pytest.fixture
def compared(table):
    """Numbers of the operators that the table says XNNPACK takes, and of those that it takes, of what is computed."""
    if not TfliteBackend().health().ok:
        pytest.skip(TfliteBackend().health().reason)

    def compare(path):
        found = check(path, TfliteBackend().graph(path), table("xnnpack"))
        session = TfliteBackend().open(path, Delegate("xnnpack"), 1)
        if any(None in spec.shape for spec in session.inputs):
            feeds = {spec.name: np.zeros([size or 1 for size in spec.shape], spec.dtype) for spec in session.inputs}
            session.run(feeds)
        placed = session.coverage().placed
        session.close()
        computed = {verdict.index for verdict in found.verdicts}
        took = {int(entry.name) for entry in placed if entry.delegate == "xnnpack"} & computed
        return computed, {verdict.index for verdict in found.verdicts if verdict.supported}, took

    return compare


def test_the_backend_offers_tables():
    assert isinstance(TfliteBackend(), TellsSupport)


@pytest.mark.parametrize("path", TfliteBackend().support_tables(), ids=lambda path: path.stem)
def test_operators_of_a_table_are_operators_of_the_format(path):
    assert set(read_table(path).operators) <= {*OPERATORS, "edgetpu-custom-op"}


def test_xnnpack_takes_what_the_table_says_of_a_small_model(author, compared, tmp_path):
    a = author()
    x, y, z, square, last = (a.tensor(name, (1, 4, 4, 2)) for name in ("x", "y", "z", "square", "last"))
    half = a.tensor("half", (2,), "float16", value=[1, 2])
    whole = a.tensor("whole", (2,))
    a.operator("DEQUANTIZE", [half], [whole])
    a.operator("ADD", [x, whole], [y])
    a.operator("FLOOR_MOD", [y, x], [z])
    a.operator("MUL", [z, z], [square])
    a.operator("NEG", [square], [last])
    path = a.write(tmp_path / "small.tflite", [x], [last])
    computed, said, took = compared(path)
    assert computed == {1, 2, 3, 4}
    assert said == took == {1, 3, 4}


def test_a_quantised_model_is_for_the_edge_tpu_and_a_float_one_is_not(author, table, tmp_path):
    for dtype, ok in (("int8", True), ("float32", False)):
        a = author()
        quantised = {"scale": [0.5], "zero_point": [0]} if ok else {}
        x, y = (a.tensor(name, (1, 4, 4, 2), dtype, **quantised) for name in "xy")
        a.operator("LOGISTIC", [x], [y])
        path = a.write(tmp_path / f"{dtype}.tflite", [x], [y])
        found = check(path, TfliteBackend().graph(path), table("edgetpu"))
        assert found.ok is ok


def test_xnnpack_takes_what_the_table_says_of_real_models(compared, shared):
    every = differ = 0
    for path in sorted((shared / "models" / "tflite").glob("*.tflite")):
        computed, said, took = compared(path)
        every, differ = every + len(computed), differ + len(said ^ took)
    assert every > 2000
    assert differ <= 0.02 * every
