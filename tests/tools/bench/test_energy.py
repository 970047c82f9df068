from __future__ import annotations

import pytest

from edgerun.tools.bench.energy import meter


@pytest.fixture
def zones(tmp_path):
    """Counters as Linux shows them: two packages, a part of one, and the whole platform."""
    names = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:1": "package-1", "intel-rapl:2": "psys"}
    for zone, name in names.items():
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "name").write_text(name + "\n")
        (tmp_path / zone / "energy_uj").write_text("1000000\n")
        (tmp_path / zone / "max_energy_range_uj").write_text("9000000\n")
    return tmp_path


def test_packages_are_counted_once_and_a_counter_may_start_again(zones):
    found = meter(zones)
    before = found.read()
    (zones / "intel-rapl:0" / "energy_uj").write_text("4000000\n")
    (zones / "intel-rapl:0:0" / "energy_uj").write_text("3000000\n")
    (zones / "intel-rapl:1" / "energy_uj").write_text("500000\n")
    assert found.joules(before, found.read()) == pytest.approx(3 + 8.5)


def test_a_machine_without_counters_says_so(tmp_path):
    found = meter(tmp_path / "none")
    assert "counts no energy" in found.absent
    assert found.joules(found.read(), found.read()) == 0


def test_counters_that_cannot_be_read_say_why(zones, monkeypatch):
    (zones / "intel-rapl:0" / "energy_uj").write_text("broken")
    assert "cannot be read" in meter(zones).absent
    path = type(zones)

    def denied(self, *rest, **options):
        if self.name == "energy_uj":
            raise PermissionError(str(self))
        return "package-0"

    monkeypatch.setattr(path, "read_text", denied)
    assert "only the administrator" in meter(zones).absent
