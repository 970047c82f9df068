"""The contract of a backend as tests that any plugin inherits.

    import pytest
    from edgerun.testing import BackendConformance
    from edgerun_mine import MyBackend

    class TestConformance(BackendConformance):
        runtime_modules = ("my_runtime",)

        @pytest.fixture
        def backend(self):
            return MyBackend()

Needs pytest. Every check that cannot run here is skipped with its reason.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Backend, Coverage, Delegate, Health, Session
from edgerun.formats.sniff import sniff
from edgerun.tensors import TensorSpec
from edgerun.testing import child_scripts
from edgerun.testing.capabilities import CapabilityConformance
from edgerun.testing.feeds import FeedConformance
from edgerun.testing.fixtures import doubled
from edgerun.testing.second_specimen import SecondSpecimenConformance

__all__ = ["BackendConformance"]


class BackendConformance(CapabilityConformance, FeedConformance, SecondSpecimenConformance):
    """What every backend must do. A subclass gives the fixture `backend` and the names of the runtime's modules.

    A backend may name a `second_specimen`, see `edgerun.testing.second_specimen`. Where programs of its format can
    write into their input, the subclass gives the fixture `overwriting`, see `edgerun.testing.feeds`.

    Attributes:
        runtime_modules: top-level modules that must not be imported by listing the plugin.
        plugin_module: the module that answers the hooks; by default the package that the backend's class lives in.
    """

    # ------------------------------------------------------------------------------------ before any model

    def test_it_has_a_name_formats_and_a_specimen(self, backend: Backend) -> None:
        """The three things that the registry and the doctor need."""
        assert backend.name == backend.name.lower()
        assert backend.name
        assert all(isinstance(format, str) for format in backend.formats)
        assert len(backend.formats)
        assert isinstance(backend, Backend)
        assert backend.specimen.exists()

    def test_listing_it_imports_no_runtime(self, backend: Backend) -> None:
        """`edgerun --help` must not pay for a runtime."""
        ran = child_scripts.run(child_scripts.LISTING.format(module=self._module(backend)))
        assert ran.returncode == 0, ran.stderr
        loaded, failures, names = json.loads(ran.stdout.splitlines()[-1])
        assert not failures
        assert backend.name in names
        assert self.runtime_modules, "name the runtime's modules in runtime_modules"
        assert not set(self.runtime_modules) & set(loaded)

    def test_health_says_a_version_or_a_reason(self, backend: Backend) -> None:
        """What the doctor prints, `load` raises and tests skip by."""
        health = backend.health()
        assert isinstance(health, Health)
        assert health.version if health.ok else health.reason and health.hint

    def test_delegates_that_are_not_available_say_why(self, healthy: Backend) -> None:
        """And at least one is available."""
        offers = list(healthy.delegates())
        assert any(offer.available for offer in offers)
        assert len({offer.name for offer in offers}) == len(offers)
        for offer in offers:
            assert offer.available or offer.reason, offer.name

    def test_the_specimen_is_recognised_by_its_bytes(self, backend: Backend) -> None:
        """As one of the backend's formats; made-up formats go by their suffix."""
        assert sniff(backend.specimen, [*backend.formats]) in backend.formats

    # ------------------------------------------------------------------------------------ the specimen

    def test_the_specimen_doubles_on_every_available_delegate(self, healthy: Backend) -> None:
        """It computes; it does not merely import. The delegate in force is the one asked for."""
        for offer in healthy.delegates():
            if not offer.available:
                continue
            session = healthy.open(healthy.specimen, offer, 1)
            assert session.delegate == offer.name
            for numbers in ([0, 1, 2, 3], [-1.5, 0.25, 1e3, -1e-3]):
                x = np.array([numbers], np.float32)
                np.testing.assert_allclose(doubled(session, x), 2 * x, rtol=1e-3)
            session.close()

    def test_the_session_describes_its_input(self, session: Session) -> None:
        """One float32 input [1, 4]; outputs may be () where the runtime cannot say."""
        (spec,) = session.inputs
        assert isinstance(spec, TensorSpec)
        assert spec.dtype == "float32"
        assert tuple(spec.shape) in ((1, 4), (None, 4), (None, None))
        assert all(isinstance(output, TensorSpec) for output in session.outputs)
        assert len({output.name for output in session.outputs}) == len(session.outputs)

    def test_results_belong_to_the_caller(self, session: Session) -> None:
        """A later run must not change an earlier result."""
        first = doubled(session, np.array([[1, 2, 3, 4]], np.float32))
        doubled(session, np.array([[9, 9, 9, 9]], np.float32))
        np.testing.assert_allclose(first, [[2, 4, 6, 8]], rtol=1e-3)

    def test_outputs_keep_their_names_and_order(self, session: Session) -> None:
        """A result is keyed by the names that `outputs` promised."""
        result = session.run({session.inputs[0].name: np.zeros((1, 4), np.float32)})
        assert len(result) == 1
        assert not session.outputs or [spec.name for spec in session.outputs] == list(result)

    def test_metadata_is_texts_or_bytes(self, session: Session) -> None:
        """The core parses it; the plugin only carries it."""
        assert isinstance(session.metadata, Mapping)
        for key, value in session.metadata.items():
            assert isinstance(key, str)
            assert isinstance(value, (str, bytes))

    def test_coverage_is_counted_or_not_claimed(self, session: Session) -> None:
        """None where the runtime cannot tell, or a sentence that says so; else at least one node somewhere."""
        doubled(session, np.zeros((1, 4), np.float32))
        coverage = session.coverage()
        if coverage is not None:
            assert isinstance(coverage, Coverage)
            assert coverage.source
            assert (coverage.evidence == "none") == (not coverage.placed)
            assert all(count > 0 for count in coverage.nodes.values())

    def test_options_say_which_values_they_take(self, healthy: Backend) -> None:
        """And what an offer needs, it takes."""
        for offer in healthy.delegates():
            assert set(offer.needs) <= set(offer.takes), offer.name
            assert not (offer.needs and offer.available), offer.name
            assert all(isinstance(value, str) for values in offer.takes.values() for value in values), offer.name

    def test_threads_can_be_chosen_or_left(self, healthy: Backend, delegate: Delegate) -> None:
        """None leaves it to the runtime."""
        for threads in (None, 1, 2):
            session = healthy.open(healthy.specimen, delegate, threads)
            np.testing.assert_allclose(doubled(session, np.ones((1, 4), np.float32)), 2, rtol=1e-3)
            session.close()

    def test_one_more_thread_is_at_most_one_more(self, healthy: Backend) -> None:
        """`threads` counts those that compute one model, the calling one among them."""
        if not Path("/proc/self/task").is_dir():
            pytest.skip("threads are counted as Linux shows them")

        def count(threads: int) -> int:
            module = self._module(healthy)
            ran = child_scripts.run(child_scripts.THREADS.format(module=module, name=healthy.name, threads=threads))
            assert ran.returncode == 0, ran.stderr
            return int(ran.stdout.splitlines()[-1])

        assert count(3) - count(1) <= 2

    def test_two_sessions_do_not_disturb_each_other(self, healthy: Backend, delegate: Delegate) -> None:
        """Nor does closing one."""
        first, second = (healthy.open(healthy.specimen, delegate, 1) for _ in range(2))
        doubled(first, np.ones((1, 4), np.float32))
        first.close()
        np.testing.assert_allclose(doubled(second, np.ones((1, 4), np.float32)), 2, rtol=1e-3)
        second.close()

    def test_closing_twice_does_nothing_and_running_after_it_raises(self, session: Session) -> None:
        """Memory is given back once."""
        session.close()
        session.close()
        with pytest.raises(Exception):  # noqa: B017, PT011 - a runtime raises whatever it raises
            doubled(session, np.zeros((1, 4), np.float32))

    # ------------------------------------------------------------------------------------ unlucky files

    def test_a_path_may_have_spaces_and_letters_beyond_ascii(
        self, healthy: Backend, delegate: Delegate, tmp_path: Path
    ) -> None:
        """Users' folders are called so."""
        target = tmp_path / f"mon modèle 模型{healthy.specimen.suffix}"
        if healthy.specimen.is_dir():
            shutil.copytree(healthy.specimen, target)
        else:
            shutil.copy(healthy.specimen, target)
        session = healthy.open(target, delegate, 1)
        np.testing.assert_allclose(doubled(session, np.ones((1, 4), np.float32)), 2, rtol=1e-3)
        session.close()
