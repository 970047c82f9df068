"""What all tests of a backend start from: the backend, its best delegate, its specimen opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgerun.contract import Backend, Delegate, Session
from edgerun.tensors import AnyArray

__all__ = ["BackendFixtures", "doubled"]


class BackendFixtures:
    """The fixtures of the kit. A subclass gives the fixture `backend` and the names of the runtime's modules.

    Attributes:
        runtime_modules: top-level modules that must not be imported by listing the plugin.
        plugin_module: the module that answers the hooks; by default the package that the backend's class lives in.
    """

    runtime_modules: tuple[str, ...] = ()
    plugin_module: str = ""

    def _module(self, backend: Backend) -> str:
        return self.plugin_module or type(backend).__module__.partition(".")[0]

    @pytest.fixture
    def backend(self) -> Backend:
        """The backend under test."""
        raise NotImplementedError("give a fixture `backend` in your subclass")

    @pytest.fixture
    def healthy(self, backend: Backend) -> Backend:
        """The backend, where its runtime is installed and works."""
        health = backend.health()
        if not health.ok:
            pytest.skip(f"{backend.name}: {health.reason}")
        return backend

    @pytest.fixture
    def delegate(self, healthy: Backend) -> Delegate:
        """The best delegate that is available."""
        return next(offer for offer in healthy.delegates() if offer.available)

    @pytest.fixture
    def session(self, healthy: Backend, delegate: Delegate) -> Iterator[Session]:
        """The specimen, opened; closed after the test."""
        session = healthy.open(healthy.specimen, delegate, 1)
        yield session
        session.close()


def doubled(session: Session, x: AnyArray) -> AnyArray:
    """What the specimen gives for one input."""
    (result,) = session.run({session.inputs[0].name: x}).values()
    return result
