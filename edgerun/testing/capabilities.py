"""What a backend may offer besides, and what it must not do to a damaged file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from edgerun.contract import Backend, Profiles, ReadsGraphs, Session, TellsNeeds, TellsSupport
from edgerun.contract.support_table import read_table
from edgerun.errors import ModelUnreadable
from edgerun.testing import child_scripts
from edgerun.testing.fixtures import BackendFixtures

__all__ = ["CapabilityConformance"]


class CapabilityConformance(BackendFixtures):
    """Graphs, tables of operators, needs and profiles, each where the backend offers it; damaged files."""

    def test_the_graph_of_the_specimen_can_be_read(self, backend: Backend) -> None:
        """Where it offers graphs: something computes the output from the input."""
        if not isinstance(backend, ReadsGraphs):
            pytest.skip(f"{backend.name} offers no graphs")
        graph = backend.graph(backend.specimen)
        made = {name for node in graph.nodes for name in node.outputs}
        used = {name for node in graph.nodes for name in node.inputs}
        assert len(graph.inputs) == len(graph.outputs) == 1
        assert set(graph.inputs) <= used
        assert set(graph.outputs) <= made
        assert all(spec.name == name for name, spec in graph.values.items())

    def test_its_tables_of_operators_have_the_right_form(self, backend: Backend) -> None:
        """Where it brings some."""
        if not isinstance(backend, TellsSupport):
            pytest.skip(f"{backend.name} brings no tables of operators")
        for path in backend.support_tables():
            assert read_table(path).operators

    def test_what_the_specimen_needs_is_told_with_a_reason(self, backend: Backend) -> None:
        """Where it tells needs."""
        if not isinstance(backend, TellsNeeds):
            pytest.skip(f"{backend.name} tells no needs")
        for need in backend.needs(backend.specimen):
            assert need.what
            assert need.why

    def test_a_profile_is_measured_and_agrees_with_the_coverage(self, session: Session) -> None:
        """Where a session offers one."""
        if not isinstance(session, Profiles):
            pytest.skip("it offers no profile")
        profile = session.profile({session.inputs[0].name: np.ones((1, 4), np.float32)})
        assert profile.evidence == "measured"
        assert sum(profile.time.values()) == pytest.approx(1)
        coverage = session.coverage()
        if coverage is not None and coverage.placed:
            assert set(coverage.nodes) == set(profile.nodes)

    def test_graphs_and_needs_of_damaged_files_are_refused(self, backend: Backend, tmp_path: Path) -> None:
        """By ModelUnreadable and nothing else; a file may be damaged where nobody looks."""
        readers: list[Callable[[Path], object]] = []
        if isinstance(backend, ReadsGraphs):
            readers.append(backend.graph)
        if isinstance(backend, TellsNeeds):
            readers.append(backend.needs)
        if not readers or backend.specimen.is_dir():
            pytest.skip(f"{backend.name} offers neither, or its specimen is a folder")
        path = tmp_path / backend.specimen.name
        for percent in (0, 10, 25, 50, 75, 90):
            path.write_bytes(_beginning(backend.specimen, percent))
            for read in readers:
                with suppress(ModelUnreadable):
                    read(path)

    def test_damaged_files_never_kill_the_process(self, healthy: Backend, tmp_path: Path) -> None:
        """Empty, cut and foreign files, opened in a child process: each is opened or refused."""
        specimen = healthy.specimen
        if specimen.is_dir():
            pytest.skip(f"{healthy.name}: the specimen is a folder; its plugin tests damage itself")
        for percent in (0, 10, 25, 50, 75, 90, 99):
            (tmp_path / f"cut{percent:02}{specimen.suffix}").write_bytes(_beginning(specimen, percent))
        (tmp_path / f"text{specimen.suffix}").write_text("this is not a model\n" * 20)
        (tmp_path / f"noise{specimen.suffix}").write_bytes(specimen.read_bytes()[:8] + bytes(range(256)) * 4)
        code = child_scripts.DAMAGE.format(module=self._module(healthy), name=healthy.name)
        ran = child_scripts.run(code, str(tmp_path), timeout=300)
        verdicts = [line for line in ran.stdout.splitlines() if line.startswith(("opened", "refused"))]
        assert ran.returncode == 0, f"died after {verdicts[-1:]}: {ran.stderr[-500:]}"
        assert len(verdicts) == 9
        assert sum(line.startswith("refused") for line in verdicts) >= 3

    def test_a_file_is_let_go_when_its_session_is_closed_and_when_it_is_refused(
        self, healthy: Backend, tmp_path: Path
    ) -> None:
        """Neither open nor mapped, so that it can be replaced, and its memory is given back."""
        specimen = healthy.specimen
        if specimen.is_dir() or not Path("/proc/self/maps").is_file():
            pytest.skip("files that are held are seen as Linux shows them, of specimens that are one file")
        (tmp_path / f"whole{specimen.suffix}").write_bytes(specimen.read_bytes())
        (tmp_path / f"cut{specimen.suffix}").write_bytes(_beginning(specimen, 50))
        (tmp_path / f"text{specimen.suffix}").write_text("this is not a model\n" * 20)
        code = child_scripts.HELD.format(module=self._module(healthy), name=healthy.name)
        ran = child_scripts.run(code, str(tmp_path), timeout=300)
        assert ran.returncode == 0, ran.stderr[-500:]
        verdicts = [line for line in ran.stdout.splitlines() if line.endswith(("free", "held"))]
        assert f"closed whole{specimen.suffix} free" in verdicts
        assert not [line for line in verdicts if line.endswith("held")]
        assert len(verdicts) == 3


def _beginning(file: Path, percent: int) -> bytes:
    """The first so many hundredths of a file."""
    whole = file.read_bytes()
    return whole[: len(whole) * percent // 100]
