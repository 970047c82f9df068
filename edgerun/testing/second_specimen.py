"""A second model for a backend that names one: two inputs, whole numbers, an open size, outputs out of order.

    class Backend:
        specimen = Path(__file__).with_name("double.mine")
        second_specimen = Path(__file__).with_name("second.mine")

    inputs     x float32 [N, 3] and q int8 [N, 3], in this order; N is open
    computes   y = x + 0.5 · (q + 3), which is q dequantised with scale 0.5 and zero point -3, added to x
               r = y / 0.5 - 3, rounded and cut to int8, which is y quantised likewise
    outputs    r int8 [N, 3] and y float32 [N, 3], in this order: the one computed last comes first

Where a format has no int8 at its edges, q and r may be int32; where it bounds what is open, N is at most 64. Names are
free. A format that keeps weights in a file beside the model shows that here: files whose names differ in nothing but
the suffix belong to the specimen. Of ours, second.onnx keeps the scale in second.bin.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pytest

from edgerun.contract import Backend, Delegate, Session
from edgerun.formats.sniff import sniff
from edgerun.tensors import AnyArray, Arrays, TensorSpec
from edgerun.testing import child_scripts
from edgerun.testing.fixtures import BackendFixtures

__all__ = ["NamesSecondSpecimen", "SecondSpecimenConformance"]

SCALE, ZERO_POINT = 0.5, -3

LARGEST = 64
"""N, in formats that must have a bound."""


@runtime_checkable
class NamesSecondSpecimen(Protocol):
    """What a backend may have besides; a class attribute does."""

    @property
    def second_specimen(self) -> Path:
        """The model of this module's first lines."""


class SecondSpecimenConformance(BackendFixtures):
    """The tests of the second specimen; a backend without one skips them."""

    @pytest.fixture
    def second(self, healthy: Backend) -> Path:
        """The path of the second specimen."""
        if not isinstance(healthy, NamesSecondSpecimen):
            pytest.skip(f"{healthy.name} names no second_specimen")
        return healthy.second_specimen

    @pytest.fixture
    def second_session(self, healthy: Backend, second: Path, delegate: Delegate) -> Iterator[Session]:
        """The second specimen, opened on the best delegate; closed after the test."""
        session = healthy.open(second, delegate, 1)
        yield session
        session.close()

    def test_the_second_specimen_is_recognised_by_its_bytes(self, healthy: Backend, second: Path) -> None:
        """As one of the backend's formats."""
        assert sniff(second, [*healthy.formats]) in healthy.formats

    def test_two_inputs_are_listed_in_the_order_of_the_file(self, second_session: Session) -> None:
        """With their element types; the open size is None, or the largest where a format keeps only that."""
        x, q = second_session.inputs
        assert x.dtype == "float32"
        assert q.dtype in ("int8", "int32")
        assert x.name != q.name
        for spec in (x, q):
            assert spec.shape[0] in (None, LARGEST)
            assert spec.shape[1] in (3, None)

    def test_a_quantisation_that_is_told_is_the_one_of_the_file(self, second_session: Session) -> None:
        """Scale 0.5 and zero point -3, where the format keeps them with the tensor; None where it does not."""
        for spec in (*second_session.inputs, *second_session.outputs):
            if spec.quantization is not None:
                assert spec.dtype == "int8"
                assert spec.quantization.scale == (SCALE,)
                assert spec.quantization.zero_point == (ZERO_POINT,)

    def test_results_of_every_size_are_right_on_every_available_delegate(self, healthy: Backend, second: Path) -> None:
        """One session takes one row, then five, then two; its results have the order that its outputs promise."""
        for offer in healthy.delegates():
            if not offer.available:
                continue
            session = healthy.open(second, offer, 1)
            for rows in (1, 5, 2):
                feeds = _feeds(session, rows)
                _assert_right(session, feeds, session.run(feeds))
            session.close()

    def test_earlier_results_stay_when_the_size_changes(self, second_session: Session) -> None:
        """Results belong to the caller, also those of another size."""
        feeds = _feeds(second_session, 2)
        earlier = second_session.run(feeds)
        second_session.run(_feeds(second_session, 7))
        _assert_right(second_session, feeds, earlier)

    def test_it_opens_from_another_folder_with_all_its_files(
        self, healthy: Backend, second: Path, delegate: Delegate, tmp_path: Path
    ) -> None:
        """Weights beside the model are found beside it, not in the working folder."""
        folder = tmp_path / "mon modèle 模型"
        folder.mkdir()
        for file in _files_of(second):
            _copy(file, folder / file.name)
        session = healthy.open(folder / second.name, delegate, 1)
        feeds = _feeds(session, 3)
        _assert_right(session, feeds, session.run(feeds))
        session.close()

    def test_without_the_file_beside_it_it_is_refused(self, healthy: Backend, second: Path, tmp_path: Path) -> None:
        """By an exception, in a process that goes on."""
        if len(_files_of(second)) == 1:
            pytest.skip(f"{healthy.name}: the second specimen is one file or folder")
        _copy(second, tmp_path / second.name)
        code = child_scripts.DAMAGE.format(module=self._module(healthy), name=healthy.name)
        ran = child_scripts.run(code, str(tmp_path), timeout=300)
        assert ran.returncode == 0, ran.stderr[-500:]
        assert ran.stdout.startswith(f"refused {second.name}")


def _files_of(model: Path) -> list[Path]:
    """The model and what lies beside it under the same name."""
    return sorted(file for file in model.parent.iterdir() if file.stem == model.stem)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def _feeds(session: Session, rows: int) -> Arrays:
    """The floats in steps of the scale, so that nothing is rounded; the whole numbers over most of int8."""
    random = np.random.default_rng(rows)
    x = random.integers(-20, 20, (rows, 3)) * SCALE
    q = random.integers(-100, 100, (rows, 3))
    values = (x, q)
    specs: tuple[TensorSpec, ...] = tuple(session.inputs)
    return {spec.name: value.astype(spec.dtype) for spec, value in zip(specs, values, strict=True)}


def _assert_right(session: Session, feeds: Arrays, results: Arrays) -> None:
    x, q = feeds.values()
    y = x + np.float32(SCALE) * (q.astype(np.float32) - ZERO_POINT)
    r = np.clip(np.rint(y / SCALE) + ZERO_POINT, -128, 127)
    expected: tuple[AnyArray, ...] = (r, y)
    if session.outputs:
        assert [spec.name for spec in session.outputs] == list(results)
    assert len(results) == len(expected)
    for result, right in zip(results.values(), expected, strict=True):
        assert result.shape == right.shape
        np.testing.assert_allclose(result.astype(np.float32), right, atol=1e-3)
    first, last = results.values()
    assert first.dtype.kind == "i"
    assert last.dtype == np.float32
